// The database is damaged on top of a power cut. The daily copy and the ledger must then give what they are for, also
// after the box has lived on with what a first recovery mended.
import { rmSync } from 'node:fs'
import type { Session } from '../../../agent/keeper/memory.ts'
import { openStore } from '../../../agent/keeper/store/core.ts'
import { canonicalJson } from '../../../agent/keeper/store/installation.ts'
import { epochMs, milliAmps } from '../../../shared/units.ts'
import type { Files } from './disk.ts'
import { type Finding, type Found, type Promised, putFiles, recover } from './judge.ts'
import { placesIn } from './places.ts'
import type { Expected } from './script.ts'

/** Two lives after the cut: one whose database is gone at once, one that lives on first. The folder is used up. */
export function judgeDamage(
  files: Files,
  recordedFolder: string,
  folder: string,
  promised: Promised,
): readonly Finding[] {
  const isDatabase = (path: string) => path.startsWith(placesIn(recordedFolder).database)
  putFiles(new Map([...files].filter(([path]) => !isDatabase(path))), recordedFolder, folder)
  const atOnce = judgeRebuilt(recover(folder), promised)

  putFiles(files, recordedFolder, folder)
  const mended = liveOn(folder, recover(folder), promised)
  for (const suffix of ['', '-wal', '-journal'])
    rmSync(`${placesIn(folder).database}${suffix}`, { force: true })
  return [...atOnce, ...judgeRebuilt(recover(folder), { done: mended, underWay: mended })]
}

/** Sets another schedule after the first recovery; returns what must be found from then on. */
function liveOn(folder: string, first: Found, { underWay }: Promised): Expected {
  const scheduleVersion = first.docs.scheduleVersion + 1
  const schedule = {
    version: scheduleVersion,
    timeZone: 'UTC',
    windows: [],
    outsideMilliamps: milliAmps(6000),
  }
  const store = openStore(placesIn(folder))
  const stored = store.commit(
    { docs: { schedule, scheduleVersion } },
    { at: epochMs(1_800_000_000_000), room: 'normal' },
  )
  store.close()
  if (!stored.ok) throw new Error(`the store refused after recovery: ${stored.error.message}`)
  const rows = new Map([...first.rows].map(([key, row]) => [key, { ...row, mayBeGone: false }] as const))
  return { ...first, docs: { ...first.docs, schedule, scheduleVersion }, rows, sent: underWay.sent }
}

/** What a flaw in the database's file looks like: one page that is not what SQLite wrote. */
export function withFlaw(files: Files, database: string): Files | null {
  const content = files.get(database)
  if (!content || content.length < 4096) return null
  const scribbled = Buffer.from(content)
  scribbled.fill(0x5a, 1024, 3072)
  return new Map([...files, [database, scribbled]])
}

/**
 * With the database damaged on top of the cut, the ledger must still give what it is for: sessions, settings, the bytes
 * that were sent; and a settled row may be told again in the same words only.
 */
export function judgeRebuilt(found: Found, { done, underWay }: Promised): readonly Finding[] {
  const findings: Finding[] = []
  const kept = <T>(what: string, value: T | undefined, ...allowed: (T | undefined)[]) => {
    const text = canonicalJson(value ?? null)
    if (!allowed.some((candidate) => canonicalJson(candidate ?? null) === text))
      findings.push({ verdict: 'lost', what: `database damaged too: ${what} is ${text}` })
  }
  kept('installation', found.installation, done.installation, underWay.installation)
  for (const name of ['schedule', 'scheduleVersion', 'userLimitMilliamps'] as const)
    kept<unknown>(name, found.docs[name], done.docs[name], underWay.docs[name])
  const endOf = (session: Session | undefined) => [
    session?.plugId,
    session?.startRegisterWh,
    session?.end ?? null,
  ]
  for (const uuid of done.sessions.keys())
    kept(
      `session ${uuid}`,
      endOf(found.sessions.get(uuid)),
      endOf(done.sessions.get(uuid)),
      endOf(underWay.sessions.get(uuid)),
    )
  for (const [key, row] of done.rows)
    if (row.frozen !== null && !row.mayBeGone && underWay.rows.get(key)?.mayBeGone === false)
      kept(`bytes of ${key}`, found.rows.get(key)?.frozen, row.frozen)
  // A row whose acknowledgement only the database knew comes back; then with the bytes of its first send.
  for (const [key, { frozen }] of found.rows)
    if (!done.rows.has(key) && !underWay.rows.has(key) && frozen !== done.sent.get(key))
      findings.push({ verdict: 'doubled', what: `database damaged too: ${key} is back as ${frozen}` })
  return findings
}
