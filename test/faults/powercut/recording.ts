// What a process did to its files, in order: builds the shim, runs a program under it, reads its log.
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** One call that succeeded. Descriptors are those of the process of the last `begin`. */
export type DiskEvent =
  /** A process began: it has no descriptors yet, and those of the process before are closed. */
  | { readonly kind: 'begin' }
  | {
      readonly kind: 'open'
      readonly fd: number
      readonly path: string
      readonly truncates: boolean
      readonly isFolder: boolean
    }
  | { readonly kind: 'close'; readonly fd: number }
  | { readonly kind: 'write'; readonly fd: number; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly fd: number; readonly length: number }
  | { readonly kind: 'sync'; readonly fd: number }
  | { readonly kind: 'rename' | 'link'; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink' | 'mkdir'; readonly path: string }
  /** Bytes that went out on a socket. They count as told from here on. */
  | { readonly kind: 'told'; readonly fd: number; readonly data: Buffer }

const KINDS = [
  ...['begin', 'open', 'close', 'write', 'truncate', 'sync', 'rename', 'unlink', 'link', 'mkdir', 'told'],
] as const
const HEAD_BYTES = 32
const IS_FOLDER = 0x8000_0000
const O_TRUNC = 0o1000

/** The shim's records (struct head in shim.c). A record that the end of the process cut off is left out. */
export function readLog(bytes: Buffer): readonly DiskEvent[] {
  const events: DiskEvent[] = []
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const kind = KINDS[bytes.readUInt32LE(at) - 1]
    const fd = bytes.readUInt32LE(at + 4)
    const offset = Number(bytes.readBigUInt64LE(at + 8))
    const flags = bytes.readUInt32LE(at + 16)
    const pathEnd = at + HEAD_BYTES + bytes.readUInt32LE(at + 20)
    const end = pathEnd + bytes.readUInt32LE(at + 24)
    if (end > bytes.length) break
    const path = bytes.toString('utf8', at + HEAD_BYTES, pathEnd)
    const data = bytes.subarray(pathEnd, end)
    at = end
    switch (kind) {
      case 'begin':
        events.push({ kind })
        break
      case 'open': {
        const isFolder = (flags & IS_FOLDER) !== 0
        events.push({ kind, fd, path, truncates: (flags & O_TRUNC) !== 0 && !isFolder, isFolder })
        break
      }
      case 'close':
      case 'sync':
        events.push({ kind, fd })
        break
      case 'write':
        events.push({ kind, fd, offset, data })
        break
      case 'told':
        // flags 1: of the record before only `offset` bytes were taken.
        if (flags === 0) events.push({ kind, fd, data })
        else takeBack(events, fd, offset)
        break
      case 'truncate':
        events.push({ kind, fd, length: offset })
        break
      case 'rename':
      case 'link':
        events.push({ kind, from: path, to: data.toString('utf8') })
        break
      case 'unlink':
      case 'mkdir':
        events.push({ kind, path })
        break
      case undefined:
        throw new Error(`the log holds a record of an unknown kind at byte ${at}`)
    }
  }
  return events
}

function takeBack(events: DiskEvent[], fd: number, taken: number): void {
  const last = events.pop()
  if (last?.kind !== 'told' || last.fd !== fd) throw new Error('a correction without its record')
  events.push({ ...last, data: last.data.subarray(0, taken) })
}

/** A C compiler's name; null where there is none. */
export async function compiler(): Promise<string | null> {
  for (const name of [process.env['CC'], 'cc', 'gcc', 'clang']) {
    if (!name) continue
    const found = await promisify(execFile)(name, ['--version']).then(
      () => true,
      () => false,
    )
    if (found) return name
  }
  return null
}

/** Builds the shim into a folder; returns its path. */
export async function buildShim(cc: string, folder: string): Promise<string> {
  const library = join(folder, 'powercut-shim.so')
  const source = join(import.meta.dirname, 'shim.c')
  await promisify(execFile)(cc, [
    '-shared',
    '-fPIC',
    '-O2',
    '-Wall',
    '-Werror',
    '-o',
    library,
    source,
    '-ldl',
  ])
  return library
}

/** The environment of a program whose calls below `watched` (absolute folders) are appended to `log`. */
export const shimEnvironment = (
  shim: string,
  watched: readonly string[],
  log: string,
): NodeJS.ProcessEnv => ({
  ...process.env,
  LD_PRELOAD: shim,
  POWERCUT_WATCH: watched.join(':'),
  POWERCUT_LOG: log,
  // The kernel would write behind the shim's back.
  UV_USE_IO_URING: '0',
})

/** Runs a program to its end; throws with its errors' text unless it ends as expected. */
export function run(command: string, options: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, options, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    const errors: string[] = []
    child.stderr.on('data', (text: Buffer) => errors.push(text.toString()))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} ${options.join(' ')} ended with ${code}: ${errors.join('')}`))
    })
  })
}

export async function eventsOf(log: string): Promise<readonly DiskEvent[]> {
  return existsSync(log) ? readLog(await readFile(log)) : []
}
