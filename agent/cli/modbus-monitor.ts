// voltkeep modbus monitor: listens to a serial line without sending, and tells each frame; or shows a running agent's
// devices from its own status. One serial port has one reader: beside a running agent only the second way works on its
// port, or a second adapter on the same two wires.

import { crcHolds } from '../../shared/modbus/crc.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type { SerialBusConfig } from '../control/config.ts'
import { asciiFrames } from '../control/drivers/bus/ascii.ts'
import { lineMicros } from '../control/drivers/bus/line-time.ts'
import { serialOpener } from '../control/drivers/bus/serial-line.ts'
import type { Outcome } from './agent-command.ts'
import { boxClient } from './box-client.ts'
import { rawOf, replyInWords, requestInWords } from './modbus-frames.ts'
import { busAt, notOpenInWords, type PlaceOptions } from './modbus-place.ts'

export interface MonitorOptions extends PlaceOptions {
  /** Ends by itself then; runs until it is stopped where not given. */
  readonly seconds?: number
}

/** One frame, or bytes that are none. */
export interface Heard {
  readonly bytes: Uint8Array
  /** As RTU; null where the bytes are no frame with its check sum. */
  readonly frame: Buffer | null
}

const FRAME_MIN = 4
const FRAME_MAX = 256

/** The frames in what was heard between two silences: the longest that fits at each place, and what is none between. */
export function framesIn(kind: SerialBusConfig['kind'], bytes: Uint8Array): readonly Heard[] {
  if (kind === 'ascii') return asciiIn(bytes)
  const heard: Heard[] = []
  let noise = 0
  let at = 0
  while (at < bytes.length) {
    const length = frameLength(bytes.subarray(at))
    if (length === 0) {
      at++
      continue
    }
    if (at > noise) heard.push({ bytes: bytes.subarray(noise, at), frame: null })
    const frame = bytes.subarray(at, at + length)
    heard.push({ bytes: frame, frame: Buffer.from(frame) })
    at += length
    noise = at
  }
  if (noise < bytes.length) heard.push({ bytes: bytes.subarray(noise), frame: null })
  return heard
}

/** The shortest frame that begins here, has its CRC and is a request or a reply; 0 where none does. */
function frameLength(bytes: Uint8Array): number {
  for (let length = FRAME_MIN; length <= Math.min(FRAME_MAX, bytes.length); length++) {
    const frame = Buffer.from(bytes.subarray(0, length))
    if (!crcHolds(frame)) continue
    if (requestInWords(frame) !== null || replyInWords(frame) !== null) return length
  }
  return 0
}

function asciiIn(bytes: Uint8Array): readonly Heard[] {
  const heard: Heard[] = []
  let noise = 0
  for (const { from, to, rtu } of asciiFrames(bytes)) {
    if (from > noise) heard.push({ bytes: bytes.subarray(noise, from), frame: null })
    heard.push({ bytes: bytes.subarray(from, to), frame: rtu })
    noise = to
  }
  if (noise < bytes.length) heard.push({ bytes: bytes.subarray(noise), frame: null })
  return heard
}

/** Tells requests from replies, which look alike for writes: a frame that repeats or answers the last request is a reply. */
export function createTeller(kind: SerialBusConfig['kind']): (heard: Heard) => string {
  let asked: Buffer | null = null
  return ({ bytes, frame }) => {
    const raw = rawOf(kind, bytes)
    if (frame === null) {
      asked = null
      return `          ${raw}  no frame: noise, cut, or a wrong check sum`
    }
    const answers = asked !== null && asked[0] === frame[0] && ((frame[1] ?? 0) & 0x7f) === asked[1]
    const reply = answers || requestInWords(frame) === null ? replyInWords(frame) : null
    const told = reply ?? requestInWords(frame)
    asked = reply === null ? frame : null
    if (told === null) return `          ${raw}  unit ${frame[0]}: function code ${frame[1]}`
    return `${reply === null ? 'request ' : 'reply   '}  ${raw}  unit ${told.unitId}: ${told.says}`
  }
}

export async function monitor(
  place: string,
  options: MonitorOptions,
  clock: Clock,
  say: (line: string) => void,
): Promise<Outcome> {
  const config = busAt(place, options)
  if (!config.ok) return { exitCode: 2, error: config.error }
  const line = config.value
  if (line.kind === 'tcp') {
    return {
      exitCode: 2,
      error:
        `${place}\n  expected  a serial port: who is not on a TCP connection cannot hear it\n  got       a host\n` +
        '  do        voltkeep modbus monitor --agent shows what a running agent meets there',
    }
  }
  const tell = createTeller(line.kind)
  // The kernel hands bytes over in lumps: a silence is told from a lump's pause by this much.
  const silenceMs = Math.ceil(lineMicros(line, 4) / 1000) + 4
  let came = Buffer.alloc(0)
  let startMs: number | null = null
  let due = clock.after('silence', 0, () => undefined)
  const flush = () => {
    for (const heard of framesIn(line.kind, came)) {
      startMs ??= clock.monotonic()
      say(`${String(clock.monotonic() - startMs).padStart(8)} ms  ${tell(heard)}`)
    }
    came = Buffer.alloc(0)
  }
  return new Promise((resolve) => {
    const end = (outcome: Outcome) => {
      due.cancel()
      void port.close().then(() => resolve(outcome))
    }
    const port = serialOpener()(line, clock, {
      opened: () => say(`listening at ${place}; nothing is sent`),
      received: (bytes) => {
        came = Buffer.concat([came, bytes])
        due.cancel()
        due = clock.after('silence', silenceMs, flush)
      },
      lost: (detail) => end({ exitCode: 1, error: notOpenInWords(line, detail) }),
    })
    if (options.seconds !== undefined) {
      clock.after('end', options.seconds * 1000, () => {
        flush()
        end({ exitCode: 0 })
      })
    }
  })
}

/** Once a second: what a running agent's devices were asked and answered since the last time. */
export async function monitorAgent(
  url: string,
  seconds: number | undefined,
  clock: Clock,
  say: (line: string) => void,
): Promise<Outcome> {
  const client = boxClient({ url })
  const before = new Map<string, { readonly requests: number; readonly errors: number }>()
  for (let second = 0; seconds === undefined || second <= seconds; second++) {
    const state = await client.state()
    if (!state.ok) return { exitCode: 1, error: state.error }
    for (const device of state.value.control?.devices ?? []) {
      const { name, driver, bus, unitId, requests, errors, reachable } = device
      const last = before.get(name)
      before.set(name, { requests, errors })
      const answers = reachable ? 'answers' : 'DOES NOT ANSWER'
      say(
        last === undefined
          ? `${name} (${driver}), bus ${bus} unit ${unitId}: ${answers}; ${errors} of ${requests} requests failed so far`
          : `${name}: ${requests - last.requests} requests, ${errors - last.errors} failed; ${answers}`,
      )
    }
    await clock.sleep('look again', 1000)
  }
  return { exitCode: 0 }
}
