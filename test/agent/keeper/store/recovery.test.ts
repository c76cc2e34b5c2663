// What is found again after a cut, a torn ledger, a damaged or lost database. Every opening here is a new start.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Change } from '../../../../agent/keeper/memory.ts'
import { openStore, type StoreCore, type StoreOptions } from '../../../../agent/keeper/store/core.ts'
import { LEDGER_KEEP_MS, parseLedger } from '../../../../agent/keeper/store/ledger.ts'
import { epochMs } from '../../../../shared/units.ts'
import { folder } from './fixture.ts'
import { account, ended, faultRow, installation, NOON, NORMAL, row, session } from './shapes.ts'

const file = (options: StoreOptions, name: string) => join(options.dir, name)
const withStore = <T>(options: StoreOptions, use: (store: StoreCore) => T): T => {
  const store = openStore(options)
  try {
    return use(store)
  } finally {
    store.close()
  }
}
/** All rows that wait, in order, without changing any. */
const waiting = (options: StoreOptions) =>
  withStore({ ...options }, (store) => {
    const rows = []
    for (let row = store.nextRow(); row; row = store.nextRow()) {
      rows.push(row)
      store.acknowledge(row.id, NOON)
    }
    return rows.map(({ fact, frozen, maybeSent }) => ({
      key: fact.kind === 'transaction' ? `${fact.uuid}#${fact.seqNo}` : `f${fact.eventId}`,
      frozen,
      maybeSent,
    }))
  })
const running = (registerWh: number): NonNullable<Change['docs']> => ({
  running: { account: account(registerWh), alive: null, aliveAt: NOON },
})
const damage = (path: string) => writeFileSync(path, Buffer.alloc(4096, 0x5a))

/** Two sessions (one ended and told, one open and half told), settings, and a daily copy in the middle. */
function history(options: StoreOptions) {
  withStore(options, (store) => {
    store.setInstallation(installation(1))
    store.commit({ sessions: [session('s1')], rows: [row('s1', 0, 'Started')], docs: running(1200) }, NORMAL)
    const first = store.nextRow()
    store.freeze(first?.id ?? -1, 'start of s1', NOON)
    store.acknowledge(first?.id ?? -1, NOON)
    store.copyDaily(NOON)
    const end = { sessions: [ended(session('s1', { nextSeqNo: 2 }), 1500)], rows: [row('s1', 1, 'Ended')] }
    store.commit({ ...end, docs: running(1500) }, NORMAL)
    store.freeze(store.nextRow()?.id ?? -1, 'end of s1', NOON)
    store.commit({ sessions: [session('s2')], rows: [row('s2', 0, 'Started')], docs: running(1510) }, NORMAL)
    store.commit({ rows: [faultRow(7)], docs: { schedule: null, userLimitMilliamps: 8000 as never } }, NORMAL)
  })
}

describe('a damaged database', () => {
  test.each([
    ['is full of noise', (options: StoreOptions) => damage(file(options, 'keeper.db'))],
    ['is cut off in the middle', (options: StoreOptions) => truncateSync(file(options, 'keeper.db'), 3000)],
    ['is gone', (options: StoreOptions) => rmSync(file(options, 'keeper.db'))],
  ])('%s: it is rebuilt from the daily copy and the ledger, and loses nothing', (_, harm) => {
    const options = folder()
    history(options)
    harm(options)
    withStore(options, ({ remembered, session: find }) => {
      expect(remembered.opening.database).toBe('rebuiltFromDailyCopy')
      expect(remembered.opening.damage).not.toBeNull()
      expect(remembered.openSessions.map(({ uuid }) => uuid)).toEqual(['s2'])
      expect(find('s1')?.end?.registerWh).toBe(1500)
      expect(remembered.docs.running.account?.lastRegisterWh).toBe(1510)
      expect(remembered.docs.userLimitMilliamps).toBe(8000)
      expect(remembered.docs.nextEventId).toBe(8)
      expect(remembered.installation).toEqual(installation(1))
    })
    expect(waiting(options)).toEqual([
      { key: 's1#1', frozen: 'end of s1', maybeSent: true },
      { key: 's2#0', frozen: null, maybeSent: false },
      { key: 'f7', frozen: null, maybeSent: false },
    ])
  })

  test('without a good daily copy is rebuilt from the ledger alone', () => {
    const options = folder()
    history(options)
    damage(file(options, 'keeper.db'))
    damage(file(options, 'keeper.daily.db'))
    withStore(options, ({ remembered }) => {
      expect(remembered.opening.database).toBe('rebuiltFromNothing')
      expect(remembered.openSessions.map(({ uuid }) => uuid)).toEqual(['s2'])
    })
    expect(waiting(options).map(({ key }) => key)).toEqual(['s1#1', 's2#0', 'f7'])
  })

  test('knows from the ledger which parked rows a person had told again', () => {
    const options = folder()
    withStore(options, (store) => {
      store.commit({ rows: [row('s1', 0, 'Started'), faultRow(1)] }, NORMAL)
      store.park(store.nextRow()?.id ?? -1, 'refused', NOON)
      store.unpark(NOON)
      store.park(store.nextRow()?.id ?? -1, 'refused again', NOON)
      store.unpark(NOON)
      store.acknowledge(store.nextRow()?.id ?? -1, NOON)
      store.park(store.nextRow()?.id ?? -1, 'refused', NOON)
    })
    damage(file(options, 'keeper.db'))
    withStore(options, (store) => {
      expect(store.parked()).toMatchObject([{ key: 'f:1', reason: 'refused' }])
      expect(store.nextRow()).toBeNull()
      store.unpark(NOON)
    })
    damage(file(options, 'keeper.db'))
    withStore(options, (store) => expect(store.nextRow()?.fact).toMatchObject({ kind: 'fault' }))
  })

  test('with a damaged ledger line marks what it cannot know as maybe sent', () => {
    const options = folder()
    history(options)
    damage(file(options, 'keeper.db'))
    const lines = readFileSync(file(options, 'ledger.log'), 'utf8').split('\n')
    const sent = lines.findIndex((line) => line.includes('end of s1'))
    lines[sent] = lines[sent]?.replace('end of s1', 'xxx of s1') ?? ''
    writeFileSync(file(options, 'ledger.log'), lines.join('\n'))
    withStore(options, ({ remembered }) => expect(remembered.opening.ledgerDamagedLines).toBe(1))
    expect(waiting(options)).toEqual([
      { key: 's1#1', frozen: null, maybeSent: true },
      { key: 's2#0', frozen: null, maybeSent: true },
      { key: 'f7', frozen: null, maybeSent: true },
    ])
  })

  test('is rebuilt again when the rebuilding was cut off', () => {
    const options = folder()
    history(options)
    rmSync(file(options, 'keeper.db'))
    writeFileSync(file(options, 'keeper.db.rebuilding'), Buffer.alloc(1000, 1))
    writeFileSync(file(options, 'keeper.db-wal'), Buffer.alloc(1000, 1))
    withStore(options, ({ remembered }) => {
      expect(remembered.opening.database).toBe('rebuiltFromDailyCopy')
      expect(remembered.openSessions.map(({ uuid }) => uuid)).toEqual(['s2'])
    })
    expect(existsSync(file(options, 'keeper.db.rebuilding'))).toBe(false)
  })
})

describe('the ledger file', () => {
  test('may be torn at every byte: exactly the whole lines before are found', () => {
    const options = folder()
    history(options)
    const bytes = readFileSync(file(options, 'ledger.log'))
    const { lines } = parseLedger(bytes)
    const ends = [...bytes.keys()].filter((index) => bytes[index] === 0x0a).map((index) => index + 1)
    expect(lines).toHaveLength(ends.length)
    for (let length = 0; length <= bytes.length; length++) {
      const whole = ends.filter((end) => end <= length)
      const found = parseLedger(bytes.subarray(0, length))
      expect(found).toMatchObject({ goodBytes: whole.at(-1) ?? 0, damagedLines: 0 })
      expect(found.lines).toHaveLength(whole.length)
    }
  })

  test('may have any byte changed: no line is believed that was not written', () => {
    const options = folder()
    history(options)
    const bytes = readFileSync(file(options, 'ledger.log'))
    const written = parseLedger(bytes).lines.map((line) => JSON.stringify(line))
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const harmed = Buffer.from(bytes)
        harmed[place] = (harmed[place] ?? 0) ^ change
        const { lines } = parseLedger(harmed)
        expect(lines.length).toBeGreaterThanOrEqual(written.length - 2)
        for (const line of lines) expect(written).toContain(JSON.stringify(line))
      }),
    )
  })

  test('torn in its last lines is mended by the next start, and writing goes on', () => {
    const whole = folder()
    withStore(whole, (store) => {
      store.commit({ sessions: [session('s1')], rows: [row('s1', 0, 'Started')] }, NORMAL)
    })
    const before = readFileSync(file(whole, 'ledger.log')).length
    withStore(whole, (store) => {
      store.freeze(store.nextRow()?.id ?? -1, 'bytes', NOON)
      const end = ended(session('s1', { nextSeqNo: 2 }), 1100)
      store.commit({ sessions: [end], rows: [row('s1', 1, 'Ended')] }, NORMAL)
    })
    const full = readFileSync(file(whole, 'ledger.log'))
    for (const length of [before, before + 1, (before + full.length) >> 1, full.length - 1, full.length]) {
      const torn = folder()
      withStore(torn, () => {})
      copyFileSync(file(whole, 'keeper.db'), file(torn, 'keeper.db'))
      writeFileSync(file(torn, 'ledger.log'), full.subarray(0, length))
      withStore(torn, (store) => {
        expect(store.remembered.opening.ledgerDamagedLines).toBe(0)
        expect(store.session('s1')?.end?.registerWh).toBe(1100)
        store.commit({ sessions: [session('s2')] }, NORMAL)
      })
      // The database is lost now: what the ledger alone knows is whole again.
      rmSync(file(torn, 'keeper.db'))
      withStore(torn, (store) => {
        expect(store.session('s1')?.end?.registerWh).toBe(1100)
        expect(store.remembered.openSessions.map(({ uuid }) => uuid)).toEqual(['s2'])
      })
    }
  })

  test('that was lost is written anew from the database', () => {
    const options = folder()
    history(options)
    rmSync(file(options, 'ledger.log'))
    withStore(options, ({ remembered }) => expect(remembered.opening.ledgerLinesAdded).toBeGreaterThan(3))
    rmSync(file(options, 'keeper.db'))
    withStore(options, ({ remembered }) => {
      expect(remembered.openSessions.map(({ uuid }) => uuid)).toEqual(['s2'])
      expect(remembered.docs.userLimitMilliamps).toBe(8000)
    })
  })

  test('with noise behind its end is cut there', () => {
    const options = folder()
    history(options)
    appendFileSync(file(options, 'ledger.log'), '\0\0\0\n{"kind":"ack"}\tffff\n\0\0')
    withStore(options, ({ remembered }) => {
      expect(remembered.opening.ledgerTornTail).toBe(true)
      expect(remembered.opening.ledgerLinesAdded).toBe(0)
    })
    expect(readFileSync(file(options, 'ledger.log')).at(-1)).toBe(0x0a)
  })

  test('is rotated after the daily copy: settled lines older than 30 days go, open ones stay', () => {
    const options = folder()
    history(options)
    const later = epochMs(NOON + LEDGER_KEEP_MS + 1000)
    withStore(options, (store) => {
      const lines = () => readFileSync(file(options, 'ledger.log'), 'utf8')
      expect(lines()).toContain('start of s1')
      store.commit({ sessions: [session('s3')] }, { at: later, room: 'normal' })
      store.copyDaily(later)
      expect(lines()).not.toContain('start of s1')
      expect(lines()).toContain('end of s1')
      expect(lines()).toContain('"uuid":"s2"')
      store.acknowledge(store.nextRow()?.id ?? -1, later)
      store.copyDaily(later)
      expect(lines()).not.toContain('end of s1')
    })
    rmSync(file(options, 'keeper.db'))
    withStore(options, ({ remembered, session: find }) => {
      expect(remembered.openSessions.map(({ uuid }) => uuid)).toEqual(['s2', 's3'])
      expect(find('s1')?.end?.registerWh).toBe(1500)
    })
  })
})

describe('a cut between two writes', () => {
  test('leaves frozen bytes in the ledger only: the next start sends the same', () => {
    const options = folder()
    const store = openStore(options)
    store.commit({ rows: [row('s1', 0, 'Started')] }, NORMAL)
    store.freeze(store.nextRow()?.id ?? -1, 'first bytes', NOON)
    // No close, no commit: as after SIGKILL. The lock is the process's own, so look at copies.
    const copy = folder()
    withStore(copy, () => {})
    for (const name of ['keeper.db', 'keeper.db-wal', 'ledger.log'])
      copyFileSync(file(options, name), file(copy, name))
    store.close()
    expect(waiting(copy)).toEqual([{ key: 's1#0', frozen: 'first bytes', maybeSent: false }])
  })

  test('leaves an acknowledgement in the ledger only: nothing is sent again', () => {
    const options = folder()
    const store = openStore(options)
    store.commit({ rows: [row('s1', 0, 'Started'), row('s1', 1, 'Ended')] }, NORMAL)
    store.acknowledge(store.nextRow()?.id ?? -1, NOON)
    const copy = folder()
    withStore(copy, () => {})
    for (const name of ['keeper.db', 'keeper.db-wal', 'ledger.log'])
      copyFileSync(file(options, name), file(copy, name))
    store.close()
    expect(waiting(copy).map(({ key }) => key)).toEqual(['s1#1'])
  })
})

test('a database of a newer keeper is refused with what to do, not rebuilt', () => {
  const options = folder()
  withStore(options, () => {})
  const SqliteDatabase = process.getBuiltinModule('module').createRequire(import.meta.url)('better-sqlite3')
  const db = new SqliteDatabase(file(options, 'keeper.db'))
  db.prepare('INSERT INTO migration VALUES (99, ?, ?)').run('from the future', 'x')
  db.close()
  expect(() => openStore(options)).toThrow(/migration 99 .* start the keeper that made it/)
})
