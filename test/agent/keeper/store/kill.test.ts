// SIGKILL at random moments of a process that writes sessions in a loop: what it said was durable is found again.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { openStore } from '../../../../agent/keeper/store/core.ts'
import { prng } from '../../../../shared/prng.ts'
import { NOON, optionsIn } from './shapes.ts'

const CHILD = join(dirname(fileURLToPath(import.meta.url)), 'child.ts')
const SEED = 20_260_601
const ROUNDS = 5

/** Runs the writer until it has said so many lines, and kills it in the middle of the next. Returns what it said. */
function killedAfter(root: string, run: number, lines: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, root, 'write', String(run)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    let complaint = ''
    child.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString()
    })
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (out.split('\n').length > lines) child.kill('SIGKILL')
    })
    child.once('error', reject)
    child.once('close', (_code, signal) => {
      if (signal === 'SIGKILL') resolve(out.split('\n').slice(0, -1))
      else reject(new Error(`the writer ended by itself: ${complaint}`))
    })
  })
}

test(`what was acknowledged survives ${ROUNDS} kills, and nothing is there twice (seed ${SEED})`, async () => {
  const root = mkdtempSync(join(tmpdir(), 'voltkeep-kill-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const random = prng(SEED)
  const said: string[] = []
  for (let run = 0; run < ROUNDS; run += 1) {
    said.push(...(await killedAfter(root, run, random.integer(5, 250))))
    const store = openStore(optionsIn(root))
    const { opening, openSessions } = store.remembered
    expect(opening).toMatchObject({ damage: null, ledgerDamagedLines: 0 })
    for (const line of said) {
      const [what, uuid = ''] = line.split(' ')
      if (what !== 'began' && what !== 'ended') continue
      const session = store.session(uuid)
      expect(session, line).not.toBeNull()
      if (what === 'ended')
        expect(session?.end?.registerWh, line).toBe(
          Number(session?.startRegisterWh) + 10 + Number(uuid.split('-')[1]) * 10,
        )
    }
    // At most the one that was being written has no end; it is ended as keeper would.
    expect(openSessions.length).toBeLessThanOrEqual(run + 1)
    const firstSent = new Map<string, string>()
    const told = new Set<string>()
    for (const line of said) {
      const [what, key = '', inRun = ''] = line.split(' ')
      if (what === 'sent' && !firstSent.has(key)) firstSent.set(key, inRun)
      if (what === 'told') told.add(key)
    }
    for (let row = store.nextRow(); row; row = store.nextRow()) {
      const { fact } = row
      if (fact.kind !== 'transaction') throw new Error('only transactions were written')
      const key = `${fact.uuid}#${fact.seqNo}`
      expect(told.has(key), `${key} waits although it was acknowledged`).toBe(false)
      const sentIn = firstSent.get(key)
      if (sentIn !== undefined) expect(row.frozen).toBe(`bytes of ${key} in run ${sentIn}`)
      store.acknowledge(row.id, NOON)
      said.push(`told ${key}`)
    }
    store.close()
  }
  expect(said.length).toBeGreaterThan(50)
}, 60_000)
