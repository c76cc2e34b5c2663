// Waveshare Modbus RTU Relay, 8 channels: coils, and "flash" commands that end by themselves.
// Source: https://www.waveshare.com/wiki/Modbus_RTU_Relay, development protocol V2. No watchdog: a channel that was
// switched on stays on until it is switched off, its flash ends, or the supply is lost.
import { answerRequest, type RegisterTable, type Row } from './register-table.ts'

const RELAY_CHANNELS = 8

/** Whether a flash-on sent during a running one moves its end. Not stated by the vendor, so both can be played. */
export type FlashOn = 'extended' | 'notExtended'

export interface RelayState {
  readonly supplied: boolean
  readonly flashOn: FlashOn
  /** Contact closed, per channel. */
  readonly closed: readonly boolean[]
  /** A running flash: when the channel flips back, microseconds of CLOCK_MONOTONIC. */
  readonly flipsAtMicros: readonly (number | null)[]
}

export const newRelay = (flashOn: FlashOn): RelayState => ({
  supplied: true,
  flashOn,
  closed: Array.from({ length: RELAY_CHANNELS }, () => false),
  flipsAtMicros: Array.from({ length: RELAY_CHANNELS }, () => null),
})

/** Ends the flashes whose time is over; loss of supply opens every contact and forgets every flash. */
export function stepRelay(state: RelayState, supplied: boolean, nowMicros: number): RelayState {
  if (!supplied) return state.supplied ? { ...newRelay(state.flashOn), supplied } : state
  const due = state.flipsAtMicros.some((at) => at !== null && at <= nowMicros)
  if (state.supplied && !due) return state
  const over = (channel: number) => {
    const at = state.flipsAtMicros[channel] ?? null
    return at !== null && at <= nowMicros
  }
  return {
    ...state,
    supplied,
    closed: state.closed.map((closed, channel) => (over(channel) ? !closed : closed)),
    flipsAtMicros: state.flipsAtMicros.map((at, channel) => (over(channel) ? null : at)),
  }
}

/** Answers one request; `nowMicros` is when a flash begins. */
export function answerRelay(state: RelayState, pdu: Uint8Array, nowMicros: number) {
  const answer = answerRequest(RELAY_TABLE, { relay: state, nowMicros }, pdu)
  return { state: answer.state.relay, pdu: answer.pdu }
}

interface RelayAt {
  readonly relay: RelayState
  readonly nowMicros: number
}

/** Every channel as given; a plain command ends the flash of each channel that it names. */
function switchTo(at: RelayAt, closed: readonly boolean[], named: (channel: number) => boolean): RelayAt {
  const flipsAtMicros = at.relay.flipsAtMicros.map((flips, channel) => (named(channel) ? null : flips))
  return { ...at, relay: { ...at.relay, closed, flipsAtMicros } }
}

function flash(at: RelayAt, channel: number, to: boolean, units: number): RelayAt | null {
  if (units < 1 || units > 0x7fff) return null
  const running = at.relay.closed[channel] === to && at.relay.flipsAtMicros[channel] !== null
  if (running && at.relay.flashOn === 'notExtended') return at
  const endsAtMicros = at.nowMicros + units * 100_000
  return {
    ...at,
    relay: {
      ...at.relay,
      closed: at.relay.closed.map((closed, index) => (index === channel ? to : closed)),
      flipsAtMicros: at.relay.flipsAtMicros.map((flips, index) => (index === channel ? endsAtMicros : flips)),
    },
  }
}

const CHANNELS = Array.from({ length: RELAY_CHANNELS }, (_, channel) => channel)

const coil = (channel: number): Row<RelayAt> => ({
  name: `relay${channel + 1}`,
  address: channel,
  reads: [1],
  read: ({ relay }) => [relay.closed[channel] ? 1 : 0],
  write: (at, [bit]) => {
    const closed = at.relay.closed.map((was, index) => (index === channel ? bit === 1 : was))
    return switchTo(at, closed, (index) => index === channel)
  },
})

const writeOnly = (
  name: string,
  address: number,
  write: NonNullable<Row<RelayAt>['write']>,
): Row<RelayAt> => ({
  name,
  address,
  reads: [],
  read: () => [0],
  write,
  rawCoil: true,
})

export const RELAY_TABLE: RegisterTable<RelayAt> = {
  source: 'https://www.waveshare.com/wiki/Modbus_RTU_Relay',
  functions: [1, 5, 15],
  maxWords: 0,
  rows: [
    ...CHANNELS.map(coil),
    writeOnly('allRelays', 0x00ff, (at, [value]) => {
      if (value !== 0 && value !== 0xff00) return null
      const closed = CHANNELS.map(() => value === 0xff00)
      return switchTo(at, closed, () => true)
    }),
    writeOnly('toggleAll', 0x01ff, (at, [value]) => {
      if (value !== 0xff00) return null
      const closed = at.relay.closed.map((was) => !was)
      return switchTo(at, closed, () => true)
    }),
    ...CHANNELS.map((n) => writeOnly(`flashOn${n + 1}`, 0x0200 + n, (at, [v]) => flash(at, n, true, v ?? 0))),
    ...CHANNELS.map((n) =>
      writeOnly(`flashOff${n + 1}`, 0x0400 + n, (at, [v]) => flash(at, n, false, v ?? 0)),
    ),
  ],
}
