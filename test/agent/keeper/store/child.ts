// A process of its own that opens a store and writes, for tests that kill it or take its disk away. Run by
// tsx. `child.ts ROOT write N` writes sessions for ever and says each one after it was acknowledged;
// `child.ts ROOT full` writes until the disk refuses, then says what is still possible.

import { openStore, type StoreCore } from '../../../../agent/keeper/store/core.ts'
import { epochMs } from '../../../../shared/units.ts'
import { account, ended, optionsIn, row, session } from './shapes.ts'

const [, , root = '', mode = '', run = '0'] = process.argv
const NOON = epochMs(1_780_315_200_000)
const store = openStore(optionsIn(root))
const say = (text: string) => process.stdout.write(`${text}\n`)
const normal = { at: NOON, room: 'normal' } as const

/** Sends and acknowledges the oldest row, saying each when it is durable. */
function sendNext(core: StoreCore) {
  const waiting = core.nextRow()
  if (waiting?.fact.kind !== 'transaction') return
  const key = `${waiting.fact.uuid}#${waiting.fact.seqNo}`
  core.freeze(waiting.id, `bytes of ${key} in run ${run}`, NOON)
  say(`sent ${key} ${run}`)
  core.acknowledge(waiting.id, NOON)
  say(`told ${key}`)
}

function charge(core: StoreCore, uuid: string, register: number) {
  const running = (wh: number) => ({ running: { account: account(wh), alive: null, aliveAt: NOON } })
  const begun = core.commit(
    { sessions: [session(uuid)], rows: [row(uuid, 0, 'Started')], docs: running(register) },
    normal,
  )
  if (!begun.ok) return begun
  say(`began ${uuid}`)
  sendNext(core)
  const end = ended(session(uuid, { nextSeqNo: 2 }), register + 10)
  const stored = core.commit(
    { sessions: [end], rows: [row(uuid, 1, 'Ended')], docs: running(register + 10) },
    { at: NOON, room: 'reserve' },
  )
  if (stored.ok) say(`ended ${uuid}`)
  return stored
}

if (mode === 'write')
  for (let n = 0; ; n += 1) {
    const done = charge(store, `r${run}-${n}`, 1000 + n * 10)
    if (!done.ok) throw new Error(done.error.message)
    if (n % 3 > 0) sendNext(store)
    if (n % 20 === 19) store.copyDaily(NOON)
  }

if (mode === 'full') {
  const last = session('open')
  store.commit({ sessions: [last] }, normal)
  let count = 0
  for (;;) {
    const stored = store.commit({ rows: [row('open', count, 'Updated')] }, normal)
    if (!stored.ok) {
      say(`refused ${stored.error.code} ${stored.error.cause}`)
      break
    }
    count += 1
  }
  const start = store.commit({ sessions: [session('late')] }, normal)
  say(`start ${start.ok ? 'stored' : 'refused'}`)
  const end = store.commit({ sessions: [ended(last, 2000)] }, { at: NOON, room: 'reserve' })
  say(`end ${end.ok ? 'stored' : 'refused'}`)
}
