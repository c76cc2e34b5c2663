// Mennekes AMTRON Compact 2.0s and Start 2.0s: its Modbus registers.
// Source: Mennekes Modbus RTU specification v2.0 (2024-03-21, layout 1.0.3), evcc mennekes-compact.go, nymea
// amtron-compact20; test/facts/registers.json, "mennekes-amtron-compact-2s". 57600 8N2.
// Which function code writes a register is kept to what is known: FC16 for 0x0302, FC06 for all others.
import type { BoardInputs } from './board.ts'
import {
  AMPS_MAX,
  HEARTBEAT_WORD,
  MAX_CURRENTS,
  type MennekesFacts,
  type MennekesState,
  masterLost,
  maxAmps,
  restartMennekes,
} from './mennekes-firmware.ts'
import { pathText } from './power-path.ts'
import {
  answerRequest,
  asciiWords,
  float32Words,
  type RegisterTable,
  type Row,
  wordsFloat32,
} from './register-table.ts'

interface At {
  readonly station: MennekesState
  readonly facts: MennekesFacts
  readonly inputs: BoardInputs
  readonly nowMicros: number
}

const HOLDING = [3]

const u16 = (address: number, name: string, read: (at: At) => number): Row<At> => ({
  name,
  address,
  reads: HOLDING,
  read: (at) => [read(at) & 0xffff],
})

/** As the station's word order says: the same for what it gives and what it takes. */
const ordered = ({ facts }: At, words: readonly number[]): readonly number[] =>
  facts.wordOrder === 'highFirst' ? words : [...words].reverse()

const f32 = (address: number, name: string, read: (at: At) => number): Row<At> => ({
  name,
  address,
  count: 2,
  reads: HOLDING,
  read: (at) => ordered(at, float32Words(read(at))),
})

const u32 = (address: number, name: string, read: (at: At) => number): Row<At> => ({
  name,
  address,
  count: 2,
  reads: HOLDING,
  read: (at) => {
    const whole = Math.floor(read(at))
    return ordered(at, [Math.floor(whole / 65_536) & 0xffff, whole & 0xffff])
  },
})

const text = (address: number, name: string, read: (at: At) => string): Row<At> => ({
  name,
  address,
  count: 8,
  reads: HOLDING,
  read: (at) => asciiWords(read(at), 8),
})

/** One that FC06 writes. `write` gives null where the value is out of range. */
const writable = (
  row: Row<At>,
  write: (at: At, value: number) => Partial<MennekesState> | null,
): Row<At> => ({
  ...row,
  write: (at, [value = -1]) => {
    const change = write(at, value)
    return change && { ...at, station: { ...at.station, ...change } }
  },
})

/** Kept without supply: each write counts, that of the same value too. */
const keptSetting = (
  address: number,
  name: string,
  key: keyof MennekesState['kept'],
  allows: (value: number) => boolean,
): Row<At> =>
  writable(
    u16(address, name, ({ station }) => station.kept[key]),
    ({ station }, value) =>
      allows(value) ? { kept: { ...station.kept, [key]: value }, keptWrites: station.keptWrites + 1 } : null,
  )

/** 0x0108. */
const CP_STATES: Readonly<Record<string, number>> = {
  A1: 10,
  B1: 11,
  C1: 12,
  D1: 13,
  E0: 14,
  F0: 15,
  A2: 26,
  B2: 27,
  C2: 28,
  D2: 29,
}

/** 0x0100. */
function evseState({ station: { path, error } }: At): number {
  if (error !== 0 || path.letter === 'E' || path.letter === 'F') return 6
  switch (pathText(path)) {
    case 'A1':
    case 'A2':
      return 1
    case 'B1':
      return 2
    case 'B2':
      return 4
    case 'C2':
      return 5
    default:
      return 3
  }
}

/** 0x0D02: unknown, unlocked, locked, fixed cable. */
function lockStatus({ facts, inputs }: At): number {
  if (facts.tethered) return 3
  if (inputs.locked === null) return 0
  return inputs.locked ? 2 : 1
}

const amps = (milliamps: number | undefined) => (milliamps ?? 0) / 1000
const watts = ({ currentsMilliamps, voltagesMillivolts }: BoardInputs, phase: number) =>
  ((currentsMilliamps[phase] ?? 0) * (voltagesMillivolts[phase] ?? 0)) / 1_000_000

const PHASES = [0, 1, 2] as const
const perPhase = (
  address: number,
  name: string,
  read: (at: At, phase: number) => number,
): readonly Row<At>[] =>
  PHASES.map((phase) => f32(address + 2 * phase, `${name}L${phase + 1}`, (at) => read(at, phase)))

/** Float, FC16: 0 is no limit. */
const currentLimit: Row<At> = {
  ...f32(770, 'currentLimitEm', ({ station }) => station.limitAmps),
  write: (at, words) => {
    const limitAmps = wordsFloat32(ordered(at, words))
    // Not below 0, not above 32 A, and a number.
    if (!(limitAmps >= 0 && limitAmps <= AMPS_MAX)) return null
    return { ...at, station: { ...at.station, limitAmps } }
  },
}

/** 0x0706: an entry of the list. 0x073A: off, pause, or a current. */
const isFallback = (value: number) => value === 0 || value === 1 || (value >= 6 && value <= AMPS_MAX)
const RESTART_WORD = 0xbb

const ROWS: readonly Row<At>[] = [
  u16(0, 'modbusVersion', () => 0x0103),
  text(1, 'firmware', () => 'SIM 1.0'),
  text(19, 'serial', ({ facts }) => facts.serial),
  u16(256, 'evseState', evseState),
  // Whoever the master releases is authorised; there is no card reader in the simulated wiring.
  u16(257, 'authStatus', ({ station, inputs }) => (inputs.vehicle === 'A' ? 0 : station.released ? 1 : 2)),
  // No downgrade input is wired.
  u16(258, 'downgrade', () => 0),
  u16(259, 'phaseRotation', () => 0),
  u16(264, 'cpState', ({ station }) => CP_STATES[pathText(station.path)] ?? 0),
  f32(276, 'signalledCurrent', ({ station }) => amps(station.path.offeredMilliamps)),
  f32(768, 'downgradeCurrent', () => 0),
  currentLimit,
  f32(772, 'maxCurrentDip', ({ facts }) => facts.dipMaxAmps),
  f32(774, 'maxCurrentEvse', ({ station, facts }) => maxAmps(station, facts)),
  // Three phases, not switchable.
  u16(780, 'phaseOptionsHw', () => 1),
  u16(781, 'permCableLock', () => 0),
  u16(782, 'masterLostFallback', ({ station }) => station.kept.fallbackAmps),
  ...perPhase(1280, 'current', ({ inputs }, phase) => amps(inputs.currentsMilliamps[phase])),
  ...perPhase(1286, 'voltage', ({ inputs }, phase) => (inputs.voltagesMillivolts[phase] ?? 0) / 1000),
  ...perPhase(1292, 'power', ({ inputs }, phase) => watts(inputs, phase)),
  f32(1298, 'power', ({ inputs }) => PHASES.reduce<number>((sum, phase) => sum + watts(inputs, phase), 0)),
  keptSetting(1798, 'maxEvseCurrentSetting', 'maxCurrentSetting', (value) => value in MAX_CURRENTS),
  keptSetting(1850, 'fallbackCurrentSetting', 'fallbackAmps', isFallback),
  f32(2304, 'temperature', ({ inputs }) => inputs.temperatureMilliCelsius / 1000),
  f32(2816, 'sessionMaxCurrent', ({ station }) => amps(station.session.maxMilliamps)),
  f32(2818, 'sessionEnergy', ({ station }) => station.session.milliwattHours / 1_000_000),
  u32(2820, 'sessionTime', ({ station }) => station.session.lastedMicros / 1_000_000),
  u16(2822, 'evPhases', ({ station }) => station.session.phases),
  {
    name: 'heartbeat',
    address: 3328,
    reads: [],
    read: () => [0],
    write: (at, [value]) =>
      value === HEARTBEAT_WORD
        ? { ...at, station: { ...at.station, heartbeatAtMicros: at.nowMicros } }
        : null,
  },
  u16(3330, 'cableLockStatus', lockStatus),
  writable(
    u16(3331, 'solarMode', ({ station }) => station.solarMode),
    (_at, solarMode) => (solarMode <= 3 ? { solarMode } : null),
  ),
  // One phase is not to be had with this hardware.
  writable(
    u16(3332, 'requestedPhases', () => 0),
    (_at, value) => (value === 0 ? {} : null),
  ),
  writable(
    u16(3333, 'chargingRelease', ({ station }) => (station.released ? 1 : 0)),
    (_at, value) => (value <= 1 ? { released: value === 1 } : null),
  ),
  writable(
    u16(3334, 'lockEvse', ({ station }) => (station.locked ? 1 : 0)),
    (_at, value) => (value <= 1 ? { locked: value === 1 } : null),
  ),
  {
    name: 'restart',
    address: 3353,
    reads: [],
    read: () => [0],
    write: (at, [value]) =>
      value === RESTART_WORD && at.inputs.vehicle === 'A'
        ? { ...at, station: restartMennekes(at.station, at.facts, at.nowMicros) }
        : null,
  },
  u16(3584, 'errorCode', ({ station }) => station.error),
  u16(3585, 'masterLostState', ({ station, nowMicros }) => (masterLost(station, nowMicros) ? 1 : 0)),
  u16(3586, 'switchedPhases', () => 0),
  f32(4096, 'energyTotal', ({ inputs }) => inputs.energyMilliwattHours / 1_000_000),
  u32(4098, 'sessionsTotal', ({ station }) => station.sessions),
]

export const MENNEKES_TABLE: RegisterTable<At> = {
  source: 'Mennekes Modbus RTU specification v2.0, 2024-03-21',
  functions: [3, 6, 16],
  maxWords: 125,
  rows: ROWS,
}

/** FC16 is known for 0x0302 alone. */
const isForeignWrite = (pdu: Uint8Array) => pdu[0] === 16 && !(pdu[1] === 0x03 && pdu[2] === 0x02)

/** Answers one request; null while the station is unsupplied or starting. */
export function answerMennekes(at: At, pdu: Uint8Array): { station: MennekesState; pdu: Uint8Array } | null {
  if (at.station.power.kind !== 'on') return null
  if (isForeignWrite(pdu)) return { station: at.station, pdu: Uint8Array.of(0x90, 2) }
  const answer = answerRequest(MENNEKES_TABLE, at, pdu)
  return { station: answer.state.station, pdu: answer.pdu }
}
