// A pseudo terminal whose other end a master opens as its serial port, and the link that keeps its path.
// Two traps of node-pty's `open()`: its slave stream reads what is meant for the master, even when it is paused at once, so
// it is ended at once and the slave held open by a descriptor that nobody reads; and the terminal's own end functions
// signal every process of the user (its pid is -1), so only the two streams are ended.
import {
  closeSync,
  constants,
  openSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import type { Duplex } from 'node:stream'
import { openPair } from './node-pty.ts'

export interface Terminal {
  /** What a master opens. */
  readonly path: string
  /** Writes at once; false where nobody reads and the kernel's buffer is full: the bytes are lost, as on a line. */
  write(bytes: Uint8Array): boolean
  /** Hangs up; idempotent. */
  close(): void
}

export interface TerminalEnds {
  onBytes(bytes: Uint8Array): void
  /** The terminal broke by itself. */
  onError(error: Error): void
}

export function openTerminal(ends: TerminalEnds): Terminal {
  const pair = openPair()
  pair.slave.pause()
  // Without it the first master that closes its port would hang up the terminal for the next one.
  const held = openSync(pair.ptsName, constants.O_RDWR | constants.O_NOCTTY)
  let closed = false
  pair.master.on('data', (bytes: Uint8Array) => {
    if (!closed) ends.onBytes(bytes)
  })
  const onError = (error: Error) => {
    if (!closed) ends.onError(error)
  }
  for (const stream of [pair.master, pair.slave] satisfies Duplex[]) {
    // node-pty throws what fewer than two listeners hear.
    stream.on('error', onError)
    stream.on('error', () => undefined)
  }
  pair.slave.destroy()
  return {
    path: pair.ptsName,
    write: (bytes) => !closed && writeNow(pair.fd, bytes),
    close: () => {
      if (closed) return
      closed = true
      pair.master.destroy()
      closeSync(held)
    },
  }
}

function writeNow(fd: number, bytes: Uint8Array): boolean {
  try {
    return writeSync(fd, bytes) === bytes.length
  } catch (error) {
    if (isErrno(error, 'EAGAIN') || isErrno(error, 'EIO') || isErrno(error, 'EBADF')) return false
    throw error
  }
}

/** Points `link` at `target`, in one step, so that no reader finds it missing. */
export function pointLink(link: string, target: string): void {
  const fresh = `${link}.new-${process.pid}`
  removeLink(fresh)
  symlinkSync(target, fresh)
  renameSync(fresh, link)
}

/** Removes the link; one that is not there is fine. */
function removeLink(link: string): void {
  try {
    unlinkSync(link)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

/** Removes the link only while it is still ours. */
export function removeOwnLink(link: string, target: string): void {
  try {
    if (readlinkSync(link) === target) unlinkSync(link)
  } catch (error) {
    if (!isErrno(error, 'ENOENT') && !isErrno(error, 'EINVAL')) throw error
  }
}

const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
