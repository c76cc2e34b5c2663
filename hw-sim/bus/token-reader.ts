// A reader of tokens on a pseudo terminal of its own: it talks when a token is held to it, at its line's pace.
import type { Clock } from '../../shared/time/clock.ts'
import type { SimFault } from '../api.ts'
import { RDM6300_LINE, tokenFrame } from '../devices/rdm6300.ts'
import { isShorted } from './hearing.ts'
import { lineTime } from './line-time.ts'
import { openTerminal, pointLink, removeOwnLink, type Terminal } from './terminal.ts'

export interface TokenReader {
  readonly name: string
  /** What opens as its serial port; null while the port is gone. */
  path(): string | null
  /** The frame so many times, one after the other, as a token that is held to it for longer gives it. */
  touch(token: string, times: number): void
  loosePort(): void
  restorePort(): void
  /** As that of a bus. */
  renamePort(renamed: boolean): void
  /** A shorted line carries no token. */
  setFaults(faults: readonly SimFault[]): void
  close(): void
}

export interface TokenReaderOptions {
  readonly name: string
  readonly clock: Clock
  /** A symbolic link that always leads to the terminal, or null. */
  readonly linkPath: string | null
  onTrouble(detail: string): void
}

/** From one frame to the next while the token is held. */
const REPEAT_MS = 100

export function startTokenReader({ name, clock, linkPath, onTrouble }: TokenReaderOptions): TokenReader {
  const time = lineTime(RDM6300_LINE)
  let terminal: Terminal | null = null
  let renamed = false
  let faults: readonly SimFault[] = []
  const link = () => (linkPath === null ? null : `${linkPath}${renamed ? '-renamed' : ''}`)

  const send = (frame: Uint8Array, afterMs: number) => {
    // The last byte is there when it would have crossed the line.
    const crossedMs = time.bytesMicros(frame.length) / 1000
    clock.after('token', Math.ceil(afterMs + crossedMs), () => {
      if (!isShorted(faults)) terminal?.write(frame)
    })
  }

  const restorePort = () => {
    if (terminal) return
    const opened = openTerminal({
      // Nobody has anything to say to it.
      onBytes: () => undefined,
      onError: (error) => {
        onTrouble(`${name}: the pseudo terminal broke: ${error.message}`)
        loosePort()
      },
    })
    terminal = opened
    const at = link()
    if (at !== null) pointLink(at, opened.path)
  }
  const loosePort = () => {
    if (!terminal) return
    const at = link()
    if (at !== null) removeOwnLink(at, terminal.path)
    terminal.close()
    terminal = null
  }

  restorePort()
  return {
    name,
    path: () => (terminal ? (link() ?? terminal.path) : null),
    touch: (token, times) => {
      const frame = tokenFrame(token)
      for (let round = 0; round < times; round++) send(frame, round * REPEAT_MS)
    },
    loosePort,
    restorePort,
    renamePort: (is) => {
      if (is === renamed) return
      loosePort()
      renamed = is
      restorePort()
    },
    setFaults: (next) => {
      faults = next
    },
    close: loosePort,
  }
}
