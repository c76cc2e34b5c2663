// What keeper's own recovery finds on a disk after a cut, held against what the script says must be there.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import type { Docs, PendingFact, Session } from '../../../agent/keeper/memory.ts'
import type { InstallationRecord } from '../../../agent/keeper/ports.ts'
import { openStore } from '../../../agent/keeper/store/core.ts'
import { canonicalJson, decodeInstallation } from '../../../agent/keeper/store/installation.ts'
import type { Files } from './disk.ts'
import { COPY_FOLDER, placesIn } from './places.ts'
import type { Expected, RowState } from './script.ts'

/** `lost`: acknowledged and gone. `doubled`: would be told again, or with other words. `half`: old and new in one step. */
export type Verdict = 'lost' | 'doubled' | 'half'

export interface Finding {
  readonly verdict: Verdict
  readonly what: string
}

/** The state after the steps that were done, and after the step that was under way (the same where none was). */
export interface Promised {
  readonly done: Expected
  readonly underWay: Expected
}

type Row = Omit<RowState, 'mayBeGone'>

export interface Found {
  readonly installation: InstallationRecord | null
  readonly installationLost: boolean
  readonly docs: Docs
  readonly sessions: ReadonlyMap<string, Session>
  readonly rows: ReadonlyMap<string, Row>
  readonly database: 'found' | 'new' | 'rebuiltFromDailyCopy' | 'rebuiltFromNothing'
}

/** Puts files, told by their path on the recorded disk, below `folder` instead of `recordedFolder`. */
export function putFiles(files: Files, recordedFolder: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, COPY_FOLDER), { recursive: true })
  for (const [path, content] of files) {
    const place = join(folder, path.slice(recordedFolder.length))
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, content)
  }
}

/** Lets the store recover from what lies in the folder, and reads everything that it then remembers. */
export function recover(folder: string): Found {
  const store = openStore(placesIn(folder))
  const { installation, installationLost, docs, opening } = store.remembered
  store.close()
  const db = new SqliteDatabase(placesIn(folder).database, { readonly: true })
  const sessions = new Map<string, Session>()
  for (const { value } of db.prepare<[], { value: string }>('SELECT value FROM session ORDER BY id').all()) {
    const session: Session = JSON.parse(value)
    sessions.set(session.uuid, session)
  }
  const rows = new Map<string, Row>()
  const stored = db.prepare<
    [],
    {
      uuid: string
      seq: number
      at: number | null
      time_estimated: number
      fact: string
      frozen: string | null
      parked: string | null
    }
  >('SELECT * FROM outbox ORDER BY id')
  for (const row of stored.all()) {
    const fact: PendingFact = JSON.parse(row.fact)
    const key = row.uuid === '' ? `f:${row.seq}` : `t:${row.uuid}:${row.seq}`
    const timeEstimated = row.time_estimated === 1
    rows.set(key, { fact, at: row.at, timeEstimated, frozen: row.frozen, parked: row.parked })
  }
  db.close()
  return { installation, installationLost, docs, sessions, rows, database: opening.database }
}

/** Everything that is remembered, cut into pieces that can be compared one by one: name and text. */
function pieces(
  state: Expected | Found,
): Map<string, { readonly text: string; readonly mayBeGone: boolean }> {
  const found = new Map<string, { text: string; mayBeGone: boolean }>()
  const put = (name: string, value: unknown, mayBeGone = false) =>
    found.set(name, { text: canonicalJson(value), mayBeGone })
  put('installation', state.installation)
  for (const [name, value] of Object.entries(state.docs)) put(`doc ${name}`, value)
  for (const [uuid, session] of state.sessions) put(`session ${uuid}`, session)
  for (const [key, { fact, at, timeEstimated, frozen, parked, ...rest }] of state.rows)
    put(
      `row ${key}`,
      { fact, at, timeEstimated, frozen, parked },
      'mayBeGone' in rest && rest.mayBeGone === true,
    )
  return found
}

/**
 * Compares with the state after the steps that were done, and with the one after the step that was under way.
 * Each piece must be as in one of the two, and all pieces of the step under way must be of the same one.
 */
export function judge(found: Found, { done, underWay }: Promised): readonly Finding[] {
  const findings: Finding[] = []
  const [is, before, next] = [pieces(found), pieces(done), pieces(underWay)]
  const sides = { old: '', new: '' }
  for (const name of new Set([...is.keys(), ...before.keys(), ...next.keys()])) {
    const text = is.get(name)?.text
    const [old, now] = [before.get(name), next.get(name)]
    const isOld = text === old?.text || (text === undefined && old?.mayBeGone === true)
    const isNew = text === now?.text || (text === undefined && now?.mayBeGone === true)
    if (isOld && !isNew) sides.old = name
    if (isNew && !isOld) sides.new = name
    if (isOld || isNew) continue
    // A row that came back, or one that would go out with other bytes than before.
    const isAgain =
      text !== undefined && name.startsWith('row ') && (!old || sentOtherwise(found, done, name))
    findings.push({ verdict: isAgain ? 'doubled' : 'lost', what: `${name} is ${text}, was ${old?.text}` })
  }
  if (sides.old && sides.new && findings.length === 0)
    findings.push({ verdict: 'half', what: `${sides.old} is old and ${sides.new} is new` })
  if (found.installationLost && done.installation)
    findings.push({ verdict: 'lost', what: 'the store says that the installation record is lost' })
  return findings
}

function sentOtherwise(found: Found, done: Expected, name: string): boolean {
  const key = name.slice('row '.length)
  const frozen = done.rows.get(key)?.frozen ?? null
  return frozen !== null && found.rows.get(key)?.frozen !== frozen
}

/** Both copies were promised: the file's own one must be there before any recovery. */
export function judgeSecondCopy(
  files: Files,
  path: string,
  { done, underWay }: Promised,
): readonly Finding[] {
  if (!done.installation) return []
  const record = decodeInstallation(files.get(path)?.toString('utf8') ?? null)
  const versions = [done.installation.version, underWay.installation?.version]
  if (record && versions.includes(record.version)) return []
  return [
    { verdict: 'lost', what: `the second copy of the installation record is ${record?.version ?? 'gone'}` },
  ]
}
