// node-pty's `open`, which its type declarations leave out.
import type { Duplex } from 'node:stream'
import * as nodePty from '@lydell/node-pty'

interface TerminalPair {
  readonly master: Duplex
  readonly slave: Duplex
  readonly ptsName: string
  /** Of the master. */
  readonly fd: number
}

/** Opens a pseudo terminal without a process behind it. */
export function open(options: { readonly encoding: null }): TerminalPair {
  // The function is exported and documented by the source (unixTerminal.js), but not declared.
  const untyped = nodePty as unknown as { open(options: { readonly encoding: null }): TerminalPair }
  return untyped.open(options)
}
