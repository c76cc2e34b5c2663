// What keeper's own recovery finds on a disk after a cut, held against what the script says must be there.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import type { Docs, PendingFact, Session } from '../../../agent/keeper/memory.ts'
import type { InstallationRecord } from '../../../agent/keeper/ports.ts'
import { openStore } from '../../../agent/keeper/store/core.ts'
import { readDocs } from '../../../agent/keeper/store/documents.ts'
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

/** What stands in the files of a store that is closed. */
export interface Stored {
  readonly installation: InstallationRecord | null
  readonly docs: Docs
  readonly sessions: ReadonlyMap<string, Session>
  readonly rows: ReadonlyMap<string, Row>
}

export interface Found extends Stored {
  readonly installationLost: boolean
}

/** Lets the store recover from what lies in the folder, and reads everything that it then remembers. */
export function recover(folder: string): Found {
  const store = openStore(placesIn(folder))
  const { installation, installationLost, docs } = store.remembered
  store.close()
  return { ...readStored(folder), installation, installationLost, docs }
}

interface OutboxColumns {
  readonly uuid: string
  readonly seq: number
  readonly at: number | null
  readonly time_estimated: number
  readonly fact: string
  readonly frozen: string | null
  readonly parked: string | null
}

/** Reads the database itself: the store shows only the oldest row of its outbox. */
export function readStored(folder: string): Stored {
  const db = new SqliteDatabase(placesIn(folder).database, { readonly: true })
  const values = (table: 'session' | 'installation') =>
    db.prepare<[], { value: string }>(`SELECT value FROM ${table} ORDER BY rowid`).all()
  const sessions = values('session').map(({ value }): [string, Session] => {
    const session: Session = JSON.parse(value)
    return [session.uuid, session]
  })
  const rows = db.prepare<[], OutboxColumns>('SELECT * FROM outbox ORDER BY id').all()
  const stored = {
    installation: decodeInstallation(values('installation').at(-1)?.value ?? null),
    docs: readDocs(db),
    sessions: new Map(sessions),
    rows: new Map(
      rows.map(({ uuid, seq, fact, at, time_estimated, frozen, parked }) => {
        const parsed: PendingFact = JSON.parse(fact)
        const row = { fact: parsed, at, timeEstimated: time_estimated === 1, frozen, parked }
        return [uuid === '' ? `f:${seq}` : `t:${uuid}:${seq}`, row] as const
      }),
    ),
  }
  db.close()
  return stored
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
    // A row whose acknowledgement was not durable yet may be found whatever became of the step under way.
    if (isOld && !isNew && !old?.mayBeGone) sides.old = name
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
