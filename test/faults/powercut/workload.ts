// The program under the shim: one life of keeper's store, from one restart of the script to the next. Before and after
// each step it says so in a file of marks, which the shim records in the order of everything else.
// Usage: workload.ts FOLDER SESSIONS SEED FIRST_STEP full|mutantSyncOff|mutantNoDirectorySync
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Stored } from '../../../agent/keeper/store/core.ts'
import { epochMs } from '../../../shared/units.ts'
import { DURABILITIES, type DurabilityName, MARKS, placesIn } from './places.ts'
import { type StoreStep, script } from './script.ts'

const [folder = '', sessions, seed, firstStep, durability = 'full'] = process.argv.slice(2)
const { steps } = script(Number(sessions), Number(seed))

const marks = openSync(join(folder, MARKS), 'a')
const mark = (what: 'begin' | 'done', step: number) => writeSync(marks, `${what} ${step}\n`)

const store = openStore({ ...placesIn(folder), durability: DURABILITIES[durability as DurabilityName] })

function must<T>(stored: Stored<T>): T {
  if (!stored.ok) throw new Error(`the store refused: ${stored.error.message}`)
  return stored.value
}

/** The row that the sender would take now; it must be the one of the script. */
function oldest(key: string): number {
  const row = store.nextRow()
  const fact = row?.fact
  const found = fact?.kind === 'transaction' ? `t:${fact.uuid}:${fact.seqNo}` : `f:${fact?.eventId}`
  if (!row || found !== key) throw new Error(`the oldest row is ${found}, the script expects ${key}`)
  return row.id
}

function perform(step: StoreStep): void {
  switch (step.do) {
    case 'commission':
      must(store.setInstallation(step.record))
      break
    case 'commit':
      must(store.commit(step.change, { at: step.at === null ? null : epochMs(step.at), room: step.room }))
      break
    case 'freeze': {
      const id = oldest(step.key)
      const frozen = must(store.freeze(id, step.payload, null))
      if (frozen !== step.payload) throw new Error(`${step.key} was frozen before: ${frozen}`)
      store.countAttempt(id)
      break
    }
    case 'acknowledge':
      must(store.acknowledge(oldest(step.key), null))
      break
    case 'park':
      must(store.park(oldest(step.key), step.payload, null))
      break
    case 'date': {
      const rows = store.undatedRows().map(({ id }) => ({ id, at: epochMs(step.at), timeEstimated: true }))
      must(store.dateRows(rows, [step.session]))
      break
    }
    case 'unpark':
      must(store.unpark(null))
      break
    case 'daily':
      must(store.copyDaily(epochMs(step.at)))
      break
  }
}

for (let number = Number(firstStep); ; number++) {
  const step = steps[number]
  if (step) mark('begin', number)
  if (!step || step.do === 'restart') {
    if (!step || step.closes) store.close()
    if (step) mark('done', number)
    // Without close this is SIGKILL to the store: nothing of it runs any more.
    process.exit(0)
  }
  perform(step)
  mark('done', number)
}
