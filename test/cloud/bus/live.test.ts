import { expect, test } from 'vitest'
import { type LiveEvent, live } from '../../../cloud/bus/live.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import type { Timer } from '../../../shared/time/clock.ts'
import { at, sample } from '../support/facts.ts'

/** A live hub whose one timer runs when the test says so. */
function hub(streamId = 'run1') {
  const due: (() => void)[] = []
  const after = (_name: string, _ms: number, action: () => void): Timer => {
    due.push(action)
    return { cancel: () => due.splice(due.indexOf(action), 1) }
  }
  const asked: string[] = []
  const watchers = live({
    clock: { ...systemClock(), after },
    streamId,
    viewStation: async (id) => {
      asked.push(id)
      return { id } as Awaited<ReturnType<Parameters<typeof live>[0]['viewStation']>>
    },
    viewTransaction: async () => null,
    log: { error: (fields) => expect(fields).toBeUndefined() },
  })
  const turn = async () => {
    due.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { watchers, turn, asked }
}

const collect = () => {
  const events: LiveEvent[] = []
  return { events, listener: (event: LiveEvent) => void events.push(event) }
}

test('many changes of a station in one turn are one event', async () => {
  const { watchers, turn, asked } = hub()
  const { events, listener } = collect()
  watchers.watch(null, listener)
  for (let index = 0; index < 100; index++) watchers.stationChanged('A')
  watchers.stationChanged('B')
  await turn()
  expect(asked).toEqual(['A', 'B'])
  expect(events.map((event) => event.kind)).toEqual(['hello', 'station', 'station'])
})

test('of the readings of one turn the newest is told', async () => {
  const { watchers, turn } = hub()
  const { events, listener } = collect()
  watchers.watch(null, listener)
  const told = ['2026-06-01T08:00:01Z', '2026-06-01T08:00:02Z', '2026-06-01T08:00:00Z'].map((iso, index) => ({
    stationId: 'A',
    fact: sample(iso, index),
  }))
  watchers.stored({ stations: new Set(), transactions: [], samples: told })
  await turn()
  expect(events.at(-1)).toMatchObject({
    kind: 'sample',
    data: { stationId: 'A', at: at('2026-06-01T08:00:02Z') },
  })
})

test('who comes back gets exactly what was missed', async () => {
  const { watchers, turn } = hub()
  const stays = collect()
  watchers.watch(null, stays.listener)
  const first = collect()
  const leave = watchers.watch(null, first.listener)
  watchers.stationChanged('A')
  await turn()
  leave()
  watchers.stationChanged('B')
  await turn()
  const again = collect()
  watchers.watch(first.events.at(-1)?.id ?? null, again.listener)
  expect(again.events.map((event) => event.kind)).toEqual(['hello', 'station'])
  expect(again.events.at(-1)).toEqual(stays.events.at(-1))
})

test('who comes back after a time in which nobody watched is told to ask anew', async () => {
  const { watchers, turn } = hub()
  const first = collect()
  const leave = watchers.watch(null, first.listener)
  watchers.stationChanged('A')
  await turn()
  leave()
  watchers.stationChanged('B')
  await turn()
  const again = collect()
  watchers.watch(first.events.at(-1)?.id ?? null, again.listener)
  expect(again.events.map((event) => event.kind)).toEqual(['hello', 'reset'])
})

test.each(['run0-5', 'run1-99', 'run1-x', 'nonsense', ''])(
  'the foreign id "%s" is answered with reset',
  (id) => {
    const { watchers } = hub()
    const { events, listener } = collect()
    watchers.watch(id, listener)
    expect(events.map((event) => event.kind)).toEqual(['hello', 'reset'])
  },
)

test('who watched nothing but hello misses nothing either', async () => {
  const { watchers, turn } = hub()
  const first = collect()
  watchers.watch(null, first.listener)()
  watchers.stationChanged('A')
  await turn()
  const again = collect()
  watchers.watch(first.events[0]?.id ?? null, again.listener)
  expect(again.events.map((event) => event.kind)).toEqual(['hello', 'reset'])
})
