// Slaves for the soak: hw-sim's own line and faults, with registers that each tell unit and address, so that a value in
// the wrong place shows.
import type { SimFault, SimFrame } from '../../hw-sim/api.ts'
import type { NumberedLog } from '../../hw-sim/bus/numbered-log.ts'
import { frameLog, type Bus as SimBus, startBus } from '../../hw-sim/bus/start-bus.ts'
import { systemClock } from '../../shared/io/system-clock.ts'

/** Reads at most this high; above are scratch registers for writes. */
export const TRUTHFUL_ADDRESSES = 3000
export const SCRATCH = 3500
/** The coil that a pause writes. */
export const PAUSE_COIL = 20_000
/** A register of unit 1 that stands for its pilot: 0, or 1 where a pause is due. */
export const PILOT = 24_000

/** What a register holds: its unit in the high four bits, its address in the others. */
export const truth = (unitId: number, address: number): number => ((unitId << 12) | address) & 0xffff

export interface Slaves {
  readonly path: string
  readonly frames: NumberedLog<SimFrame>
  /** Values written to the scratch register of a unit, in order. */
  readonly written: ReadonlyMap<number, readonly number[]>
  setFaults(faults: readonly SimFault[]): void
  /** From now on the pilot of unit 1 asks for a pause, or not. */
  setPilot(asks: boolean): void
  close(): void
}

export interface SlavesOptions {
  readonly pacing: 'line' | 'none'
  readonly baud: number
  readonly seed: number
  readonly units: readonly { readonly unitId: number; readonly silenceMs: number }[]
}

export function startSlaves({ pacing, baud, seed, units }: SlavesOptions): Slaves {
  const clock = systemClock()
  const frames = frameLog()
  const written = new Map<number, number[]>(units.map(({ unitId }) => [unitId, []]))
  let pilot = 0

  const answer = (unitId: number, pdu: Uint8Array): Uint8Array => {
    const request = Buffer.from(pdu)
    const fc = request[0] ?? 0
    const address = request.readUInt16BE(1)
    const count = request.readUInt16BE(3)
    if (fc === 6) written.get(unitId)?.push(count)
    if (fc === 5 || fc === 6) return pdu
    const reply = Buffer.alloc(2 + 2 * count)
    reply[0] = fc
    reply[1] = 2 * count
    for (let index = 0; index < count; index++) {
      const at = address + index
      reply.writeUInt16BE(at === PILOT && unitId === 1 ? pilot : truth(unitId, at), 2 + 2 * index)
    }
    return reply
  }

  const bus: SimBus = startBus({
    name: 'soak',
    baud,
    parity: 'none',
    stopBits: 1,
    pacing,
    turnaroundMs: { min: 2, max: 5 },
    clock,
    seed,
    frames,
    linkPath: null,
    onTrouble: (detail) => console.error(detail),
    units: units.map(({ unitId, silenceMs }) => ({
      unitId,
      silenceMs,
      hearsBroadcast: false,
      answer: (pdu) => answer(unitId, pdu),
    })),
  })
  const path = bus.path()
  if (path === null) throw new Error('the pseudo terminal did not open')
  return {
    path,
    frames,
    written,
    setFaults: bus.setFaults,
    setPilot: (asks) => {
      pilot = asks ? 1 : 0
    },
    close: bus.close,
  }
}

/** Each kind of trouble with this probability, for each of the units; `dead` answers never. */
export function trouble(options: {
  readonly units: readonly number[]
  readonly probability: number
  readonly lateMaxMs: number
  readonly dead: number
}): readonly SimFault[] {
  const { probability } = options
  return [
    { kind: 'dead', unitId: options.dead },
    ...options.units.flatMap((unitId): readonly SimFault[] => [
      { kind: 'late', unitId, maxMs: options.lateMaxMs, probability },
      { kind: 'twice', unitId, probability },
      { kind: 'truncated', unitId, probability },
      { kind: 'noise', unitId, probability },
      { kind: 'badCrc', unitId, probability },
    ]),
  ]
}
