// The bundles that lie beside the command, and how they are started.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PreparedFiles } from './prepare.ts'
import type { SupervisedProgram } from './supervisor.ts'

/** The folder of the bundles: the command's own, or dist/ of the checkout when it runs from source. */
export function bundleFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  return here.endsWith(join('agent', 'cli')) ? join(here, '../../dist') : here
}

// Measured on Node 20: without these a process takes 20 to 40 MB more. control has no thread to give work to.
const MEMORY_FLAGS = [
  '--max-semi-space-size=1',
  '--max-old-space-size=48',
  '--optimize-for-size',
  '--v8-pool-size=0',
]

export const agentPrograms = (bundles: string, files: PreparedFiles): readonly SupervisedProgram[] => [
  {
    name: 'control',
    args: [...MEMORY_FLAGS, '--single-threaded', join(bundles, 'control.mjs'), files.control],
  },
  { name: 'keeper', args: [...MEMORY_FLAGS, join(bundles, 'keeper.mjs'), files.keeper] },
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
