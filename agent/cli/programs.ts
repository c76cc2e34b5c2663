// The bundles that lie beside the command, and how they are started.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NODE_FLAGS } from '../../shared/io/node-flags.ts'
import type { PreparedFiles } from './prepare.ts'
import type { SupervisedProgram } from './supervisor.ts'

/** The folder of the bundles: the command's own, or dist/ of the checkout when it runs from source. */
export function bundleFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  return here.endsWith(join('agent', 'cli')) ? join(here, '../../dist') : here
}

export const agentPrograms = (bundles: string, files: PreparedFiles): readonly SupervisedProgram[] => [
  {
    name: 'control',
    args: [...NODE_FLAGS.control, join(bundles, 'control.mjs'), files.control],
  },
  { name: 'keeper', args: [...NODE_FLAGS.keeper, join(bundles, 'keeper.mjs'), files.keeper] },
]

/** Runs a program in our place: its output is ours, our signals are its, its exit code is the answer. */
export function runProgram(file: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: 'inherit',
    env: { ...process.env, TZ: 'UTC' },
  })
  const pass = (signal: NodeJS.Signals) => {
    child.kill(signal)
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, pass)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      resolve(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1)),
    )
  })
}
