// The ledger file beside the database: one checksummed line a fact, appended, never changed. It holds what a damaged
// database would lose: sessions, the facts owed to the server, the bytes that were sent, what was acknowledged, what
// people set. A line is `JSON TAB first 16 hex digits of its SHA-256`. A torn tail is cut off at the next start.
import { createHash } from 'node:crypto'
import { closeSync, fdatasyncSync, ftruncateSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { EpochMs } from '../../../shared/units.ts'
import type { Account, NewRow, PendingFact, Session } from '../memory.ts'
import { readIfPresent, replaceFile, syncDirectory, writeAll } from './files.ts'

/** Identity of a fact: `t:<session uuid>:<seqNo>` or `f:<event id>`. The same over a rebuilt database. */
export type FactKey = string

export const factKey = (fact: PendingFact): FactKey =>
  fact.kind === 'transaction' ? `t:${fact.uuid}:${fact.seqNo}` : `f:${fact.eventId}`

export type LedgerEntry =
  /** A session began, was resumed, was stopped or ended; with the energy account after it. */
  | { readonly kind: 'session'; readonly session: Session; readonly account: Account | null }
  | { readonly kind: 'row'; readonly key: FactKey; readonly row: NewRow }
  /** Synced before the first send: the exact bytes. */
  | { readonly kind: 'sent'; readonly key: FactKey; readonly payload: string }
  | { readonly kind: 'ack'; readonly key: FactKey }
  | { readonly kind: 'park'; readonly key: FactKey; readonly reason: string }
  /** A person had it told again. */
  | { readonly kind: 'unpark'; readonly key: FactKey }
  | { readonly kind: 'setting'; readonly name: string; readonly value: unknown }

/** An entry as it stands in the file. `w` is the wall time of writing, null while it was unknown. */
export type LedgerLine = LedgerEntry & { readonly w: EpochMs | null }

/** What a ledger file held when it was opened. */
export interface LedgerFound {
  /** Oldest first. */
  readonly lines: readonly LedgerLine[]
  /** Lines in the middle that fail their checksum; a torn tail is not counted, it was never acknowledged. */
  readonly damagedLines: number
  readonly tornTail: boolean
}

export interface Ledger {
  sizeBytes(): number
  /** Appends; with `sync` the lines are durable on return. Throws the system's error and leaves no half line. */
  append(entries: readonly LedgerEntry[], at: EpochMs | null, sync: boolean): void
  /** Replaces the file by these lines, as a whole. */
  rewrite(lines: readonly LedgerLine[]): void
  close(): void
}

const NEWLINE = 0x0a
const checksum = (json: string) => createHash('sha256').update(json).digest('hex').slice(0, 16)
const encode = (line: LedgerLine) => {
  const json = JSON.stringify(line)
  return `${json}\t${checksum(json)}\n`
}

function decode(text: string): LedgerLine | null {
  const tab = text.lastIndexOf('\t')
  if (tab < 0) return null
  const json = text.slice(0, tab)
  if (checksum(json) !== text.slice(tab + 1)) return null
  // The checksum says that these bytes are a line which `encode` wrote.
  return JSON.parse(json) as LedgerLine
}

/** Lines of a ledger's bytes, and where the last good one ends. */
export function parseLedger(bytes: Uint8Array): {
  readonly lines: readonly LedgerLine[]
  readonly goodBytes: number
  readonly damagedLines: number
} {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const lines: LedgerLine[] = []
  let goodBytes = 0
  let damagedLines = 0
  let damagedSinceGood = 0
  for (let start = 0; start < buffer.length; ) {
    const end = buffer.indexOf(NEWLINE, start)
    if (end < 0) break
    const line = decode(buffer.toString('utf8', start, end))
    if (line) {
      lines.push(line)
      goodBytes = end + 1
      damagedLines += damagedSinceGood
      damagedSinceGood = 0
    } else damagedSinceGood += 1
    start = end + 1
  }
  return { lines, goodBytes, damagedLines }
}

/** Opens or begins the ledger at `path`; cuts a torn tail off. */
export function openLedger(
  path: string,
  options: { readonly syncsDirectory: boolean },
): { readonly ledger: Ledger; readonly found: LedgerFound } {
  const before = readIfPresent(path)
  const { lines, goodBytes, damagedLines } = parseLedger(before ?? new Uint8Array())
  const tornTail = before !== null && goodBytes < before.length
  let fd = openSync(path, 'a', 0o600)
  let length = goodBytes
  if (tornTail) {
    ftruncateSync(fd, goodBytes)
    fdatasyncSync(fd)
  }
  if (before === null && options.syncsDirectory) syncDirectory(dirname(path))

  const ledger: Ledger = {
    sizeBytes: () => length,
    append(entries, at, sync) {
      if (entries.length > 0) {
        const bytes = Buffer.from(entries.map((entry) => encode({ ...entry, w: at })).join(''))
        try {
          writeAll(fd, bytes)
        } catch (thrown) {
          ftruncateSync(fd, length)
          throw thrown
        }
        length += bytes.length
      }
      if (sync) fdatasyncSync(fd)
    },
    rewrite(kept) {
      const bytes = Buffer.from(kept.map(encode).join(''))
      replaceFile(path, bytes, options.syncsDirectory)
      closeSync(fd)
      fd = openSync(path, 'a', 0o600)
      length = bytes.length
    },
    close: () => closeSync(fd),
  }
  return { ledger, found: { lines, damagedLines, tornTail } }
}

export const LEDGER_KEEP_MS = 30 * 24 * 3_600_000

/**
 * The rule of rotation: after a good daily copy, whatever is older than 30 days and settled goes. Settled are the
 * lines of acknowledged facts, of ended sessions whose facts are all acknowledged, and settings that were set again.
 * Lines written while the time was unknown are as old as the next line that knows it.
 */
export function settledLinesRemoved(lines: readonly LedgerLine[], now: EpochMs): readonly LedgerLine[] {
  const lastOld = lines.findLastIndex((line) => line.w !== null && line.w < now - LEDGER_KEEP_MS)
  if (lastOld < 0) return lines
  const acknowledged = new Set(lines.flatMap((line) => (line.kind === 'ack' ? [line.key] : [])))
  const owing = new Set<string>()
  const ended = new Set<string>()
  const lastSetting = new Map<string, number>()
  lines.forEach((line, index) => {
    if (line.kind === 'row' && line.row.fact.kind === 'transaction' && !acknowledged.has(line.key))
      owing.add(line.row.fact.uuid)
    if (line.kind === 'session' && line.session.end) ended.add(line.session.uuid)
    if (line.kind === 'setting') lastSetting.set(line.name, index)
  })
  const settled = (line: LedgerLine, index: number) => {
    switch (line.kind) {
      case 'session':
        return ended.has(line.session.uuid) && !owing.has(line.session.uuid)
      case 'setting':
        return lastSetting.get(line.name) !== index
      case 'row':
      case 'sent':
      case 'ack':
      case 'park':
      case 'unpark':
        return acknowledged.has(line.key)
    }
  }
  return lines.filter((line, index) => index > lastOld || !settled(line, index))
}
