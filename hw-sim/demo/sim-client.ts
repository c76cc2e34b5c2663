// The HTTP control of hw-sim, as calls.
import type { CarState, SimEvent, SimFault, SimFrame, SimState } from '../api.ts'
import { call } from './http.ts'

export interface SimClient {
  readonly url: string
  state(): Promise<SimState>
  eventsAfter(number: number): Promise<{ events: SimEvent[]; next: number }>
  framesAfter(number: number): Promise<{ frames: SimFrame[]; next: number }>
  plug(car?: Partial<CarState>): Promise<void>
  unplug(): Promise<void>
  setCar(car: Partial<CarState>): Promise<void>
  setFault(fault: SimFault): Promise<void>
  clearFaults(): Promise<void>
  cutPower(): Promise<void>
  restorePower(): Promise<void>
}

export function simClient(url: string): SimClient {
  const post = async (path: string, body: unknown = {}) => {
    await call('POST', `${url}${path}`, body)
  }
  return {
    url,
    state: () => call('GET', `${url}/state`),
    eventsAfter: (number) => call('GET', `${url}/events?after=${number}`),
    framesAfter: (number) => call('GET', `${url}/frames?after=${number}`),
    plug: (car = {}) => post('/car/plug', car),
    unplug: () => post('/car/unplug'),
    setCar: (car) => post('/car/set', car),
    setFault: (fault) => post('/faults', fault),
    clearFaults: async () => {
      await call('DELETE', `${url}/faults`)
    },
    cutPower: () => post('/power/cut'),
    restorePower: () => post('/power/restore'),
  }
}
