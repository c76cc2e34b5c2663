// STORE_UNWRITABLE: a disk that takes no more. The limit of a file's size stands for the full disk; root has it too.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openStore } from '../../../../agent/keeper/store/core.ts'
import { troubleOf } from '../../../../agent/keeper/store/files.ts'
import { folder } from './fixture.ts'
import { ended, NORMAL, optionsIn, row, session } from './shapes.ts'

const CHILD = join(dirname(fileURLToPath(import.meta.url)), 'child.ts')

describe('STORE_UNWRITABLE', () => {
  test('new sessions are refused, the process lives on, and everything from before is found again', () => {
    const root = mkdtempSync(join(tmpdir(), 'voltkeep-full-'))
    onTestFinished(() => rmSync(root, { recursive: true, force: true }))
    // 400 blocks of 512 bytes: the database, its log or the ledger comes there first.
    const ran = spawnSync(
      'sh',
      [
        '-c',
        `ulimit -f 400; trap '' XFSZ; exec "${process.execPath}" --import tsx "${CHILD}" "${root}" full`,
      ],
      { encoding: 'utf8' },
    )
    expect(ran.stderr).toBe('')
    expect(ran.status).toBe(0)
    expect(ran.stdout).toMatch(
      /^refused STORE_UNWRITABLE (EFBIG|SQLITE_FULL|SQLITE_IOERR\w*)\nstart refused\nend refused\n$/,
    )
    const options = optionsIn(root)
    // The end was worth the reserved file; it lay elsewhere than the limit here, and that did not help.
    expect(existsSync(join(options.dir, 'reserve'))).toBe(false)
    const store = openStore(options)
    onTestFinished(() => store.close())
    expect(store.remembered.opening.damage).toBeNull()
    expect(store.remembered.openSessions.map(({ uuid }) => uuid)).toContain('open')
    expect(store.counts().pending).toBeGreaterThan(10)
    expect(store.commit({ sessions: [ended(session('open'), 2000)] }, NORMAL).ok).toBe(true)
  }, 60_000)

  test('a refused change has left nothing behind, and the next one is taken as a whole', () => {
    const options = folder()
    const store = openStore(options)
    onTestFinished(() => store.close())
    store.commit({ sessions: [session('s1')], rows: [row('s1', 0, 'Started')] }, NORMAL)
    const before = store.counts()
    // A row that breaks a rule of the table stands for the refusal in the middle of a transaction.
    const broken = { ...row('s1', 1, 'Updated'), bootId: null as never }
    expect(() => store.commit({ sessions: [ended(session('s1'), 5)], rows: [broken] }, NORMAL)).toThrow(
      /NOT NULL/,
    )
    expect(store.counts()).toEqual(before)
    expect(store.session('s1')?.end).toBeNull()
    expect(store.commit({ rows: [row('s1', 1, 'Updated')] }, NORMAL).ok).toBe(true)
  })

  test('a folder that cannot be written says so at the opening, by its path', () => {
    const root = mkdtempSync(join(tmpdir(), 'voltkeep-readonly-'))
    onTestFinished(() => rmSync(root, { recursive: true, force: true }))
    // A file where the folder should be stands for the read-only card: root cannot write into it either.
    mkdirSync(join(root, 'copy'))
    writeFileSync(join(root, 'state'), '')
    let thrown: unknown
    try {
      openStore(optionsIn(root))
    } catch (caught) {
      thrown = caught
    }
    expect(troubleOf(thrown)).toMatchObject({
      code: 'STORE_UNWRITABLE',
      cause: expect.stringMatching(/EEXIST|ENOTDIR/),
    })
  })

  test('is told from our own mistakes, which end the process', () => {
    const error = (code: string) => Object.assign(new Error(code), { code })
    expect(troubleOf(error('ENOSPC'))?.cause).toBe('ENOSPC')
    expect(troubleOf(error('SQLITE_IOERR_FSYNC'))?.cause).toBe('SQLITE_IOERR_FSYNC')
    expect(troubleOf(error('SQLITE_CORRUPT'))).toBeNull()
    expect(troubleOf(error('SQLITE_CONSTRAINT'))).toBeNull()
    expect(troubleOf(new TypeError('x'))).toBeNull()
  })
})
