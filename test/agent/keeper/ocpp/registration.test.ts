import { expect, it } from 'vitest'
import { registration } from '../../../../agent/keeper/ocpp/registration.ts'
import { prng } from '../../../../shared/prng.ts'
import { keptLog } from '../../../shared/io/link-bench.ts'
import { virtualClock } from '../../control/drivers/virtual-clock.ts'
import { memoryBox } from '../port-doubles.ts'

const DAY_MS = 86_400_000

function bench(status: 'Accepted' | 'Pending', interval: number) {
  const clock = virtualClock()
  const said: string[] = []
  let heartbeatS = 300
  const currentTime = '2026-11-22T12:00:00.000Z'
  const station = registration({
    box: memoryBox(),
    clock,
    random: prng(3),
    log: keptLog(),
    isOpen: () => true,
    boot: async () => {
      said.push('boot')
      return { ok: true, value: { status, interval, currentTime } }
    },
    heartbeat: async () => {
      said.push('heartbeat')
      return { ok: true, value: { currentTime } }
    },
    heartbeatIntervalS: () => heartbeatS,
    setHeartbeatIntervalS: (seconds) => {
      heartbeatS = seconds
    },
    onReady: () => {},
  })
  station.opened()
  return { clock, said, heartbeatS: () => heartbeatS }
}

it('an interval of the server beyond a day is a day, for heartbeats', async () => {
  const { clock, said, heartbeatS } = bench('Accepted', 3_000_000)
  await clock.advance(DAY_MS - 1)
  expect(heartbeatS()).toBe(86_400)
  expect(said).toEqual(['boot'])
  await clock.advance(1)
  expect(said).toEqual(['boot', 'heartbeat'])
})

it('an interval of the server beyond a day is a day, for the next boot', async () => {
  const { clock, said } = bench('Pending', 3_000_000)
  await clock.advance(DAY_MS - 1)
  expect(said).toEqual(['boot'])
  await clock.advance(1)
  expect(said).toEqual(['boot', 'boot'])
})
