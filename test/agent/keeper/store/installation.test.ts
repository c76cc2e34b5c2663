// INSTALLATION_LOST: the record in two places, each of which may be old, damaged or missing after a cut.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { openStore, type StoreOptions } from '../../../../agent/keeper/store/core.ts'
import {
  canonicalJson,
  decodeInstallation,
  encodeInstallation,
  readInstallationFile,
} from '../../../../agent/keeper/store/installation.ts'
import { folder } from './fixture.ts'
import { installation } from './shapes.ts'

type Place = 'new' | 'old' | 'damaged' | 'missing'
const PLACES: readonly Place[] = ['new', 'old', 'damaged', 'missing']
const text = (place: Place) => {
  if (place === 'missing') return null
  const good = encodeInstallation(installation(place === 'old' ? 1 : 2, place === 'old' ? 10 : 16))
  return place === 'damaged' ? good.replace('16000', '32000') : good
}

function prepare(options: StoreOptions, database: Place, file: Place) {
  openStore(options).close()
  const db = new SqliteDatabase(join(options.dir, 'keeper.db'))
  const stored = text(database)
  if (stored !== null)
    db.prepare('INSERT INTO installation VALUES (?, ?)').run(database === 'old' ? 1 : 2, stored)
  db.close()
  const copy = text(file)
  if (copy !== null) writeFileSync(options.installationCopyPath, copy)
  writeFileSync(join(options.dir, 'commissioned'), '1\n')
}

const CASES = PLACES.flatMap((database) => PLACES.map((file) => ({ database, file })))

test.each(CASES)('the database has the $database one, the file the $file one', ({ database, file }) => {
  const options = folder()
  prepare(options, database, file)
  const versions: Readonly<Record<Place, number>> = { new: 2, old: 1, damaged: 0, missing: 0 }
  const expected = Math.max(versions[database], versions[file])
  const store = openStore(options)
  const { installation: found, installationLost, opening } = store.remembered
  store.close()
  expect(found?.version ?? 0).toBe(expected)
  expect(installationLost).toBe(expected === 0)
  expect(opening.installationHealed).toEqual([
    ...(expected > 0 && versions[database] !== expected ? ['database'] : []),
    ...(expected > 0 && versions[file] !== expected ? ['file'] : []),
  ])
  // Healed: either place alone is enough now.
  if (expected === 0) return
  expect(readInstallationFile(options.installationCopyPath)?.version).toBe(expected)
  rmSync(options.installationCopyPath)
  const again = openStore(options)
  expect(again.remembered.installation?.version).toBe(expected)
  again.close()
})

describe('INSTALLATION_LOST', () => {
  test('is not what a box says that was never commissioned', () => {
    const store = openStore(folder())
    expect(store.remembered.installationLost).toBe(false)
    store.close()
  })

  test('is what it says when database and file are both gone after commissioning', () => {
    const options = folder()
    const first = openStore(options)
    first.setInstallation(installation(1))
    first.close()
    for (const name of ['keeper.db', 'keeper.daily.db']) rmSync(join(options.dir, name), { force: true })
    rmSync(options.installationCopyPath)
    const store = openStore(options)
    expect(store.remembered).toMatchObject({ installation: null, installationLost: true })
    // Commissioning clears it, for good.
    expect(store.setInstallation(installation(1)).ok).toBe(true)
    store.close()
    const again = openStore(options)
    expect(again.remembered).toMatchObject({ installation: installation(1), installationLost: false })
    again.close()
  })
})

test('a setting is not acknowledged when the file cannot be written', () => {
  const options = folder()
  const store = openStore(options)
  // A folder in the place of the temporary file: nobody can open it for writing, root neither.
  rmSync(`${options.installationCopyPath}.tmp`, { force: true })
  const blocked = `${options.installationCopyPath}.tmp/x`
  expect(existsSync(blocked)).toBe(false)
  process.getBuiltinModule('fs').mkdirSync(blocked, { recursive: true })
  const stored = store.setInstallation(installation(1))
  expect(stored).toMatchObject({ ok: false, error: { code: 'STORE_UNWRITABLE', cause: 'EISDIR' } })
  store.close()
})

test('the text of a copy is canonical: keys in order, checksum of the record', () => {
  expect(canonicalJson({ b: [1, { d: 1, c: null }], a: 'x', u: undefined })).toBe(
    '{"a":"x","b":[1,{"c":null,"d":1}]}',
  )
  expect(decodeInstallation(encodeInstallation(installation(3)))).toEqual(installation(3))
  expect(decodeInstallation('{"record":{},"checksum":""}')).toBeNull()
  expect(decodeInstallation('no json')).toBeNull()
  const options = folder()
  const store = openStore(options)
  store.setInstallation(installation(4))
  store.close()
  expect(readFileSync(options.installationCopyPath, 'utf8')).toMatch(
    /^\{"checksum":"[0-9a-f]{64}","record":\{/,
  )
})
