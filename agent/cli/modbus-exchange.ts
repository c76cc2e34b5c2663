// voltkeep modbus read and write: one exchange with everything that was on the line.
import { createInterface } from 'node:readline/promises'
import type { Clock } from '../../shared/time/clock.ts'
import type { BusConfig } from '../control/config.ts'
import type { FrameSeen } from '../control/drivers/bus/wire.ts'
import type { Outcome as Answer, BusFailure, BusUnit, UnitLine } from '../control/ports/bus.ts'
import type { Outcome } from './agent-command.ts'
import { wearOf } from './driver-facts.ts'
import { checkInWords, exceptionInWords, rawOf, wordsInWords } from './modbus-frames.ts'
import { busAt, openAt, type PlaceOptions, unitIdMax } from './modbus-place.ts'

export interface ExchangeOptions extends PlaceOptions {
  readonly unit: number
  readonly fc: number
  readonly address: number
  readonly timeoutMs: number
  readonly replyStart?: ':' | '>'
}
export interface ReadOptions extends ExchangeOptions {
  readonly count: number
}
export interface WriteOptions extends ExchangeOptions {
  readonly value: readonly number[]
  readonly yes?: true
}

export const lineOf = (timeoutMs: number, replyStart?: ':' | '>'): UnitLine => ({
  silenceMs: 0,
  busSilenceMs: 0,
  turnaroundWorstMs: timeoutMs,
  latenessWorstMs: timeoutMs,
  ...(replyStart === undefined ? {} : { asciiReplyStart: replyStart }),
})

const wrong = (option: string, expected: string, got: string): Outcome => ({
  exitCode: 2,
  error: `${option}\n  expected  ${expected}\n  got       ${got}\n  do        correct it; nothing was sent`,
})

export async function readOnce(place: string, options: ReadOptions, clock: Clock): Promise<Outcome> {
  const { fc, address, count } = options
  if (fc !== 1 && fc !== 2 && fc !== 3 && fc !== 4) return wrong('--fc', '1, 2, 3 or 4 to read', String(fc))
  const max = fc <= 2 ? 2000 : 125
  if (count < 1 || count > max) return wrong('--count', `1 to ${max}`, String(count))
  return exchange(place, options, clock, async (unit) => {
    if (fc <= 2) {
      const read = await unit.readBits(fc === 1 ? 1 : 2, address, count, 'identity')
      return said(read, (bits) => bits.map((bit) => (bit ? 1 : 0)).join(' '))
    }
    const read = await unit.readWords(fc === 3 ? 3 : 4, address, count, 'identity')
    return said(read, (words) => valuesInWords(address, words))
  })
}

/** Each word in its own line: decimal, hexadecimal, and with the next one as the number that they may be. */
function valuesInWords(address: number, words: readonly number[]): string {
  const lines = words.map((word, index) => {
    const signed = word > 0x7fff ? ` (${word - 0x10000})` : ''
    const next = words[index + 1]
    const pair = next === undefined || index % 2 === 1 ? '' : `   with the next: ${pairInWords(word, next)}`
    return `  ${address + index}  ${word}${signed}  0x${word.toString(16).padStart(4, '0')}${pair}`
  })
  return [wordsInWords(words), ...lines].join('\n')
}

function pairInWords(high: number, low: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16BE(high, 0)
  bytes.writeUInt16BE(low, 2)
  return `${bytes.readUInt32BE(0)}, as float ${bytes.readFloatBE(0).toPrecision(6)}`
}

export async function writeOnce(
  place: string,
  options: WriteOptions,
  clock: Clock,
  confirmed: (question: string) => Promise<boolean> = ask,
): Promise<Outcome> {
  const { fc, address, value } = options
  const [first = 0] = value
  if (fc !== 5 && fc !== 6 && fc !== 16) return wrong('--fc', '5, 6 or 16 to write', String(fc))
  if (fc !== 16 && value.length !== 1)
    return wrong('--value', `one value for function code ${fc}`, value.join(','))
  if (value.some((word) => word > 0xffff)) return wrong('--value', '0 to 65535', value.join(','))
  if (!options.yes) {
    const warnings = wearOf({ fc, address, count: value.length }).map((line) => `  ${line}\n`)
    const question =
      `unit ${options.unit} at ${place}: write ${value.join(', ')} to ${address} (function code ${fc})\n${warnings.join('')}` +
      'A charging station may act on it at once. Write it? (yes/no) '
    if (!(await confirmed(question)))
      return { exitCode: 2, error: 'nothing was written (--yes writes without asking)' }
  }
  return exchange(place, options, clock, async (unit) => {
    if (fc === 5) {
      // On and off as the standard has them; any other number as it is.
      const coil = first === 0xff00 || first === 1 ? true : first === 0 ? false : first
      return said(await unit.writeCoil(address, coil, 'identity'), () => 'written')
    }
    const written =
      fc === 6
        ? await unit.writeWord(address, first, 'identity')
        : await unit.writeWords(address, value, 'identity')
    return said(written, () => 'written')
  })
}

async function ask(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    process.stderr.write(`${question}\nno terminal to answer on\n`)
    return false
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(question)
  terminal.close()
  return answer.trim().toLowerCase() === 'yes'
}

interface Said {
  readonly ok: boolean
  readonly text: string
}

const said = <T>(answer: Answer<T>, words: (value: T) => string): Said =>
  answer.ok
    ? { ok: true, text: words(answer.value.value) }
    : { ok: false, text: failureInWords(answer.error) }

export function failureInWords(failure: BusFailure): string {
  switch (failure.kind) {
    case 'timedOut':
      return 'no answer'
    case 'exception':
      return exceptionInWords(failure.code)
    case 'badReply':
    case 'portClosed':
      return failure.detail
    case 'quarantined':
      return 'left alone after a time-out'
    case 'overtaken':
      return 'overtaken by a pause'
  }
}

async function exchange(
  place: string,
  options: ExchangeOptions,
  clock: Clock,
  turn: (unit: BusUnit) => Promise<Said>,
): Promise<Outcome> {
  const config = busAt(place, options)
  if (!config.ok) return { exitCode: 2, error: config.error }
  const max = unitIdMax(config.value)
  if (options.unit < 1 || options.unit > max) return wrong('--unit', `1 to ${max}`, String(options.unit))
  if (options.address > 0xffff) return wrong('--address', '0 to 65535', String(options.address))
  const seen: FrameSeen[] = []
  const bus = await openAt(config.value, clock, (frame) => seen.push(frame))
  if (!bus.ok) return { exitCode: 1, error: bus.error }
  const line = lineOf(options.timeoutMs, options.replyStart)
  const answer = await turn(bus.value.unit({ name: 'unit', unitId: options.unit, line }))
  await bus.value.close()
  const lines = [
    ...seen.map((frame) => frameInWords(config.value, frame, seen[0]?.atMicros ?? 0)),
    answer.text,
  ]
  return answer.ok ? { exitCode: 0, out: lines.join('\n') } : { exitCode: 1, error: lines.join('\n') }
}

/** Kind, milliseconds since the first frame, raw bytes, check sum. */
export function frameInWords({ kind: line }: BusConfig, seen: FrameSeen, fromMicros: number): string {
  const ms = ((seen.atMicros - fromMicros) / 1000).toFixed(1).padStart(7)
  return `${seen.kind.padEnd(9)} ${ms} ms  ${rawOf(line, seen.bytes)}  ${checkInWords(line, seen.bytes)}`
}
