// node-pty's `open`: a pseudo terminal without a process behind it. The package exports it (unixTerminal.js) and its type
// declarations leave it out.
import type { Duplex } from 'node:stream'
import { open } from '@lydell/node-pty'

declare module '@lydell/node-pty' {
  function open(options: { readonly encoding: null }): TerminalPair
}

interface TerminalPair {
  readonly master: Duplex
  readonly slave: Duplex
  readonly ptsName: string
  /** Of the master. */
  readonly fd: number
}

/** Opens a pair whose streams carry bytes. */
export const openPair = (): TerminalPair => open({ encoding: null })
