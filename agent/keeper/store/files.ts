// Files that survive a power cut: what is written is synced, and so is the directory that names it.
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** A disk's refusal, from Node or from SQLite: what was tried, and the system's own word for why not. */
export interface Trouble {
  readonly code: 'STORE_UNWRITABLE'
  readonly cause: string
  readonly message: string
}

const NODE_CAUSES = [
  'ENOSPC',
  'EROFS',
  'EIO',
  'EFBIG',
  'EDQUOT',
  'EACCES',
  'EPERM',
  'ENOTDIR',
  'EEXIST',
  'ENOENT',
  'EISDIR',
]
const SQLITE_CAUSES = ['SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_READONLY', 'SQLITE_CANTOPEN']

/** The disk's refusal behind an exception; null when it is something else (a mistake of ours, or damage). */
export function troubleOf(thrown: unknown): Trouble | null {
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return null
  const cause = thrown.code
  const refused = NODE_CAUSES.includes(cause) || SQLITE_CAUSES.some((known) => cause.startsWith(known))
  return refused ? { code: 'STORE_UNWRITABLE', cause, message: thrown.message } : null
}

/** Makes the names in a folder durable (renames, new files, removed files). */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Makes a folder, and its name durable in the folder above: what is synced inside is lost with the name. The name is
 * synced also where the folder is found, because a start that was cut off may have left it unsynced.
 */
export function makeFolder(path: string, syncsDirectory: boolean): void {
  const firstMade = mkdirSync(path, { recursive: true }) ?? path
  if (!syncsDirectory) return
  for (let folder = path; folder.length >= firstMade.length; folder = dirname(folder))
    syncDirectory(dirname(folder))
}

/** Writes all of it; a single write may be cut short by the system. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done)
}

/** Makes a file's content durable. */
export function syncFile(path: string): void {
  const fd = openSync(path, 'r+')
  try {
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Replaces a file as a whole: after a power cut it is the old one or the new one, never half of either.
 * Returns when content and name are durable. `syncsDirectory: false` is for the power-cut trial's mutant only.
 */
export function replaceFile(path: string, bytes: Uint8Array, syncsDirectory = true): void {
  const temporary = `${path}.tmp`
  const fd = openSync(temporary, 'w', 0o600)
  try {
    writeAll(fd, bytes)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
  if (syncsDirectory) syncDirectory(dirname(path))
}

/** The file's bytes; null when there is no such file. */
export function readIfPresent(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null
    throw thrown
  }
}
