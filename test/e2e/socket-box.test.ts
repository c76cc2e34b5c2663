// A box with a socket and everything that can be wired to it, with real processes: lock motor, release contactor, residual
// current monitor, the grid operator's contact, a stop button, an RFID reader.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { InputPoint, IoConfig } from '../../agent/control/config.ts'
import { call } from '../../hw-sim/demo/http.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { amps, watts } from '../../shared/units.ts'
import { type BoardSite, boardSite } from './board-site.ts'
import { until } from './test-keeper.ts'

const clock = systemClock()
const relay = (channel: number) => ({ relay: 'relay', channel })
const contact = (channel: number) => ({ input: { inputs: 'inputs', channel } })
const input = (channel: number, activeWhen: InputPoint['activeWhen'] = 'closed') => ({
  module: 'inputs',
  channel,
  activeWhen,
})
const IO: IoConfig = {
  modules: [{ name: 'inputs', driver: 'waveshare-modbus-rtu-io-8ch', bus: 'main', unitId: 4 }],
  lock: {
    close: { module: 'deadman', channel: 2 },
    open: { module: 'deadman', channel: 3 },
    pulseMs: 600,
    feedback: input(1),
  },
  release: { relay: { module: 'deadman', channel: 4 }, mirror: input(2, 'open') },
  residualCurrent: input(3),
  gridLimit: { ...input(4), limitWatts: watts(4200) },
  stopButton: input(5),
}

let at: BoardSite
beforeAll(async () => {
  at = await boardSite('phoenix-ev-cc-ac1-m3-rtu', {
    devices: [{ name: 'inputs', device: 'waveshare-modbus-rtu-io-8ch', bus: 'main', unitId: 4 }],
    site: {
      cable: { kind: 'socket', ratingMilliamps: 32_000 },
      lock: { drive: { lock: relay(2), unlock: relay(3) }, feedback: contact(1) },
      release: { coil: relay(4), mirror: contact(2) },
      residualMonitor: { trip: contact(3) },
      gridLimit: contact(4),
      stopButton: contact(5),
      readers: [{ name: 'reader', device: 'rdm6300' }],
    },
    config: (ports) => ({
      io: IO,
      rfid: { port: ports['reader'] ?? '' },
      cable: {
        kind: 'socket',
        ratingMilliamps: amps(32),
        permanentLock: false,
        atPowerLoss: 'stays',
      },
    }),
  })
})
afterAll(() => at?.close())
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(at.log())
})

const post = (path: string, body: object) => call('POST', `${at.sim.url}${path}`, body)
const current = async () => Math.max(...(await at.sim.state()).currentsMilliamps)
const offers = (milliamps: number) =>
  until(`${milliamps} mA offered`, async () => (await at.sim.state()).board.offeredMilliamps === milliamps)
const lockIs = (position: string) =>
  until(position, async () => (await at.sim.state()).lock?.position === position)
const away = async () => {
  await lockIs('unlocked')
  await at.sim.unplug()
  await until('idle', () => at.keeper.status()?.chargingState === 'idle')
}

describe('a socket box', { timeout: 60_000 }, () => {
  test('no current before the plug is locked; its cable and the grid operator limit; the stop button ends it and lets the plug go', async () => {
    await post('/cable', { inSocket: true, amps: 13 })
    await at.sim.plug()
    await until('occupied', () => at.keeper.status()?.chargingState === 'occupied')
    expect((await at.sim.state()).lock?.position).toBe('unlocked')
    await at.keeper.charge('s1')
    await until('charging', async () => (await current()) >= 12_000)
    await offers(13_000)
    expect(at.keeper.status()).toMatchObject({ binding: { source: 'cable' }, faults: [] })
    const { events } = await at.sim.eventsAfter(0)
    const first = (kind: string) => events.find((event) => event.kind === kind)?.number ?? Number.NaN
    expect(first('lock')).toBeLessThan(first('currentStarted'))
    await post('/grid-limit', { limited: true })
    await offers(6000)
    expect(at.keeper.status()?.binding.source).toBe('grid')
    await post('/button/stop', { ms: 500 })
    await until('no current', async () => (await current()) === 0)
    await until('told', () =>
      at.keeper.facts().some(({ fact }) => fact.kind === 'released' && fact.why === 'stopButton'),
    )
    await post('/grid-limit', { limited: false })
    await away()
  })

  test('a trip of the residual current monitor ends the current: RESIDUAL_CURRENT', async () => {
    await post('/cable', { inSocket: true, amps: 32 })
    await at.sim.plug()
    await at.keeper.charge('s2')
    await until('charging', async () => (await current()) >= 15_200)
    await at.sim.setFault({ kind: 'residualCurrent' })
    await until('told', () => at.keeper.status()?.faults.includes('RESIDUAL_CURRENT') ?? false)
    await until('no current', async () => (await current()) === 0)
    await at.sim.clearFaults()
    at.keeper.link.send({ kind: 'revoke', uuid: 's2', reason: 'localStop' })
    await away()
    await until('over with the plug', () => at.keeper.status()?.faults.length === 0)
  })

  test('a card that is held to the reader is told once', async () => {
    await post('/rfid', { token: '0123AB45CD', times: 5 })
    const touches = () => at.keeper.heard.flatMap((told) => (told.kind === 'touch' ? [told.token] : []))
    await until('the touch', () => touches().length > 0)
    await clock.sleep('no second one', 700)
    expect(touches()).toEqual(['0123AB45CD'])
  })
})
