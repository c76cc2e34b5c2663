// An adapter that throws in its own turn does not end the box.
import { expect, test } from 'vitest'
import { startMqtt } from '../../../agent/keeper/mqtt/publisher.ts'
import { shielded } from '../../../agent/keeper/shield.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { prng } from '../../../shared/prng.ts'
import { keptLog } from '../../shared/io/link-bench.ts'
import { virtualClock } from '../control/drivers/virtual-clock.ts'
import { CONFIG, memoryBox, memoryOutbox, transactionFact } from './port-doubles.ts'

const broken = () => {
  throw new RangeError('Invalid time value')
}

test('what throws in a timer or a listener of an adapter is logged as its error, once a minute', async () => {
  const [base, log, box, outbox] = [virtualClock(), keptLog(), memoryBox(), memoryOutbox()]
  const ports = shielded('mqtt', { box, outbox, clock: base, log })
  ports.box.onChange(broken)
  ports.outbox.onWork(broken)
  ports.clock.after('once', 10, broken)
  ports.clock.every('each', 1000, broken)
  box.change({ csms: 'accepted' })
  outbox.add(transactionFact(0))
  await base.advance(30_000)
  const errors = () => log.lines.filter(({ level }) => level === 'error')
  expect(errors()).toHaveLength(1)
  expect(errors()[0]).toMatchObject({
    message: 'an adapter failed; the box goes on',
    fields: { adapter: 'mqtt', why: 'RangeError: Invalid time value' },
  })
  await base.advance(61_000)
  expect(errors()).toHaveLength(2)
})

test('an adapter that cannot start is logged, and the box starts without it', async () => {
  const log = keptLog()
  const ports = shielded('mqtt', { box: memoryBox(), outbox: memoryOutbox(), clock: systemClock(), log })
  // Keepalive and client id are ours; a broker's address is what a person types.
  const mqtt = { url: 'mqtts://127.0.0.1:99999999', username: null, password: null }
  const started = await ports.start(() =>
    startMqtt({ ...ports, config: { ...CONFIG, mqtt }, random: prng(5), log }),
  )
  expect(started).toBeNull()
  expect(log.lines.map(({ message }) => message)).toEqual(['an adapter failed; the box goes on'])
})
