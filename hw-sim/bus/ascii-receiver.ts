// Cuts the characters of a Modbus ASCII master into frames: from a colon to CR LF, each character at its time on the line.
// Source: Modbus over Serial Line V1.02, 2.5.2.1: up to 1 s may pass between two characters; a colon begins a new frame.
import type { Timer } from '../../shared/time/clock.ts'
import type { FrameOnLine, Receiver, ReceiverOptions } from './receiver.ts'

const COLON = 0x3a
const CR = 0x0d
const LF = 0x0a
/** A colon, 255 bytes in two digits each, CR LF. */
const FRAME_CHARACTERS_MAX = 513
const CHARACTER_GAP_MICROS_MAX = 1_000_000

interface Growing {
  readonly characters: number[]
  readonly startMicros: number
  readonly spoilt: string | null
}

interface Whole {
  readonly frame: Uint8Array
  readonly at: FrameOnLine
}

export function asciiReceiver({ clock, time, line, pacing, onFrame }: ReceiverOptions): Receiver {
  let pending: Growing | null = null
  /** End of the newest character on the line. */
  let endMicros = Number.NEGATIVE_INFINITY
  let whole: Whole[] = []
  let timer: Timer | null = null

  /** Gives the frames whose last character has crossed the line. */
  const deliver = () => {
    timer?.cancel()
    timer = null
    for (;;) {
      const next = whole[0]
      if (!next) return
      const restMicros = next.at.endMicros - clock.monotonicMicros()
      if (restMicros > 0) {
        timer = clock.after('frame end', Math.max(1, Math.ceil(restMicros / 1000)), deliver)
        return
      }
      whole = whole.slice(1)
      onFrame(next.frame, next.at)
    }
  }

  const begin = (nowMicros: number): Growing => {
    const talksInto = pacing === 'line' && nowMicros < line.freeAtMicros && endMicros < line.freeAtMicros
    const spoilt = talksInto ? 'the line was not silent before it' : null
    return { characters: [], startMicros: Math.max(nowMicros, endMicros), spoilt }
  }

  const character = (byte: number, nowMicros: number) => {
    if (nowMicros - endMicros > CHARACTER_GAP_MICROS_MAX) pending = null
    if (byte === COLON) pending = begin(nowMicros)
    endMicros = Math.max(endMicros, nowMicros) + (pacing === 'line' ? time.bytesMicros(1) : 0)
    line.freeAtMicros = Math.max(line.freeAtMicros, endMicros)
    if (!pending) return
    pending.characters.push(byte)
    const over = byte === LF && pending.characters.at(-2) === CR
    if (!over && pending.characters.length < FRAME_CHARACTERS_MAX) return
    const { characters, startMicros, spoilt } = pending
    pending = null
    // One that follows at once: the master gave the one before it up.
    whole = whole.map((it) => ({ ...it, at: { ...it.at, givenUp: true } }))
    whole.push({ frame: Uint8Array.from(characters), at: { startMicros, endMicros, spoilt, givenUp: false } })
  }

  return {
    bytes: (chunk) => {
      const nowMicros = clock.monotonicMicros()
      for (const byte of chunk) character(byte, nowMicros)
      deliver()
    },
    stop: () => {
      timer?.cancel()
      pending = null
      whole = []
    },
  }
}
