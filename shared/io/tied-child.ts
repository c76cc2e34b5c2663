// How a child process is started so that it does not outlive its parent, however the parent ends.
import { existsSync } from 'node:fs'

const SETPRIV = '/usr/bin/setpriv'

/**
 * Node cannot ask the kernel to end a child with its parent; setpriv (util-linux) can, and becomes the program. Two
 * controls on one bus, one of them forgotten, would be worse than none. Where setpriv is missing the child is not tied.
 * @param args of Node: flags, the program's file, its arguments.
 */
export function tiedToUs(args: readonly string[]): { command: string; args: readonly string[] } {
  if (!existsSync(SETPRIV)) return { command: process.execPath, args }
  return { command: SETPRIV, args: ['--pdeathsig', 'TERM', '--', process.execPath, ...args] }
}
