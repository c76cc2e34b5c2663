// voltkeep modbus scan: which unit ids answer, and which known device each of them is. Reads only.
import type { Clock } from '../../shared/time/clock.ts'
import type { BusConfig } from '../control/config.ts'
import { placeOf } from '../control/drivers/bus/line-time.ts'
import type { Outcome as Answer, Bus, BusUnit } from '../control/ports/bus.ts'
import type { Outcome } from './agent-command.ts'
import { driverById } from './drivers.ts'
import { failureInWords, lineOf } from './modbus-exchange.ts'
import { busAt, openAt, type PlaceOptions, unitIdMax } from './modbus-place.ts'
import { type Sign, signs } from './modbus-signs.ts'

export interface ScanOptions extends PlaceOptions {
  readonly from: number
  readonly to: number
  readonly timeoutMs: number
}

interface Found {
  readonly unitId: number
  readonly known: readonly { readonly driver: string; readonly why: string }[]
  /** What it said to the first request that it answered. */
  readonly said: string
  readonly roundTripMs: number | null
}

export async function scan(
  place: string,
  options: ScanOptions,
  clock: Clock,
  say: (line: string) => void,
): Promise<Outcome> {
  const config = busAt(place, options)
  if (!config.ok) return { exitCode: 2, error: config.error }
  const to = Math.min(options.to, unitIdMax(config.value))
  if (options.from < 1 || options.from > to) {
    return {
      exitCode: 2,
      error: `--from ${options.from} --to ${options.to}\n  expected  1 to ${unitIdMax(config.value)}, in order\n  got       ${options.from} to ${options.to}\n  do        correct them`,
    }
  }
  say(`${placeOf(config.value)}: unit ids ${options.from} to ${to}, reading only`)
  // An ABL begins its replies with another character than the standard's.
  const starts = config.value.kind === 'ascii' ? ([':', '>'] as const) : ([':'] as const)
  let found = 0
  for (const replyStart of starts) {
    const bus = await openAt(config.value, clock, () => undefined)
    if (!bus.ok) return { exitCode: 1, error: bus.error }
    for (let unitId = options.from; unitId <= to; unitId++) {
      if (bus.value.status().state.kind === 'lost') break
      const line = lineOf(options.timeoutMs, config.value.kind === 'ascii' ? replyStart : undefined)
      const unit = bus.value.unit({ name: `unit ${unitId}`, unitId, line })
      const one = await look(bus.value, unit, config.value, clock)
      if (one === null) continue
      found++
      say(inWords(one))
    }
    const { state } = bus.value.status()
    await bus.value.close()
    if (state.kind === 'lost') return { exitCode: 1, error: `${place} was lost: ${state.detail}` }
  }
  const none =
    'no unit answered. Check baud rate, parity and the two wires (A and B may be swapped), or take a wider --to'
  return { exitCode: found > 0 ? 0 : 1, ...(found > 0 ? { out: `${found} found` } : { error: none }) }
}

/** One register that almost every device answers to, if only with an exception; then the signs of the known ones. */
async function look(bus: Bus, unit: BusUnit, config: BusConfig, clock: Clock): Promise<Found | null> {
  const first = await patient(() => unit.readWords(3, 0, 1, 'identity'), clock)
  let said = inFewWords(first)
  const known: { driver: string; why: string }[] = []
  for (const sign of signs()) {
    // Twice where the first may be lost: an ABL wakes up with it.
    const read = () => patient(() => ask(unit, sign), clock)
    let answer = await read()
    if (!answer.ok && answer.error.kind === 'timedOut' && config.kind === 'ascii') answer = await read()
    said ??= inFewWords(answer)
    const why = answer.ok ? sign.tells(answer.value.value, unit.unitId) : null
    if (why !== null) known.push({ driver: sign.driver, why })
  }
  if (said === null) return null
  const status = bus.status().units.find(({ unitId }) => unitId === unit.unitId)
  return { unitId: unit.unitId, known, said, roundTripMs: status?.statistics.roundTripMs ?? null }
}

async function ask(unit: BusUnit, { fc, address, count }: Sign): Promise<Answer<readonly number[]>> {
  if (fc === 3 || fc === 4) return unit.readWords(fc, address, count, 'identity')
  const bits = await unit.readBits(fc, address, count, 'identity')
  if (!bits.ok) return bits
  return { ok: true, value: { ...bits.value, value: bits.value.value.map((bit) => (bit ? 1 : 0)) } }
}

/** Waits for the end of the unit's quarantine after a time-out. */
async function patient<T>(turn: () => Promise<Answer<T>>, clock: Clock): Promise<Answer<T>> {
  for (;;) {
    const answer = await turn()
    if (answer.ok || answer.error.kind !== 'quarantined') return answer
    await clock.sleep('quarantine', Math.max(1, answer.error.untilMonotonicMs - clock.monotonic()))
  }
}

/** null where nobody answered. */
function inFewWords<T>(answer: Answer<T>): string | null {
  if (answer.ok) return 'answers'
  return answer.error.kind === 'timedOut' || answer.error.kind === 'portClosed'
    ? null
    : `answers with ${failureInWords(answer.error)}`
}

function inWords({ unitId, known, said, roundTripMs }: Found): string {
  const unit = `unit ${String(unitId).padStart(3)}`
  const ms = roundTripMs === null ? '' : `, ${roundTripMs} ms beyond line time`
  if (known.length === 0) return `${unit}  ${said}${ms}; no device that we know`
  return known
    .map(
      ({ driver, why }) =>
        `${unit}  ${driverById(driver)?.device ?? driver}: ${why} (driver: ${driver})${ms}`,
    )
    .join('\n')
}
