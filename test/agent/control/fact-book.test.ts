import { describe, expect, test } from 'vitest'
import { factsStored, newFactBook, plugWaiting, stepFacts } from '../../../agent/control/fact-book.ts'
import type { MeterReading } from '../../../agent/control-link/messages.ts'
import { milliAmps, milliVolts, monotonicMs, wattHours, watts } from '../../../shared/units.ts'

const at = monotonicMs
const reading = (taken: number): MeterReading => ({
  takenAtMonotonicMs: at(taken),
  serial: 'M',
  registerWh: wattHours(taken),
  powerWatts: watts(0),
  currentsMilliamps: [milliAmps(0), milliAmps(0), milliAmps(0)],
  voltagesMillivolts: [milliVolts(0), milliVolts(0), milliVolts(0)],
})
const context = (begun: number, relayOpen: boolean) => ({
  newest: reading(begun),
  fresh: { reading: reading(begun), begunAtMonotonicMs: at(begun) },
  relayOpen,
})
const plugged = { kind: 'plugged', plugId: 'p' } as const
const unplugged = { kind: 'unplugged', plugId: 'p' } as const
const idle = { kind: 'chargingState', state: 'idle' } as const

describe('the fact book', () => {
  test('numbers facts without holes, from above all numbers that this boot may have seen', () => {
    const first = stepFacts(newFactBook('b', at(5000)), [plugged, idle], context(5000, true), at(5100))
    expect(first.told.map(({ number, fact }) => [number, fact.kind])).toEqual([
      [5001, 'plugged'],
      [5002, 'chargingState'],
    ])
    expect(first.told[0]).toMatchObject({ bootId: 'b', atMonotonicMs: 5100, meter: { registerWh: 5000 } })
  })

  test('an unplugged waits for the first reading that began after it with the relay open; what follows waits behind it', () => {
    const begun = stepFacts(newFactBook('b', at(0)), [unplugged, idle], context(900, true), at(1000))
    expect(begun.told).toEqual([])
    expect(plugWaiting(begun.book)).toBe('p')
    const closed = stepFacts(begun.book, [], context(1100, false), at(1400))
    expect(closed.told).toEqual([])
    const open = stepFacts(closed.book, [], context(1100, true), at(1500))
    expect(open.told.map(({ fact }) => fact.kind)).toEqual(['unplugged', 'chargingState'])
    expect(open.told[0]).toMatchObject({ atMonotonicMs: 1000, meter: { registerWh: 1100 } })
    expect(plugWaiting(open.book)).toBeNull()
  })

  test('it waits no longer than 3 s', () => {
    const begun = stepFacts(newFactBook('b', at(0)), [unplugged], context(900, false), at(1000))
    const none = { newest: null, fresh: null, relayOpen: false }
    expect(stepFacts(begun.book, [], none, at(3999)).told).toEqual([])
    expect(stepFacts(begun.book, [], none, at(4000)).told).toMatchObject([{ meter: null }])
  })

  test('keeps facts until keeper has committed them', () => {
    const { book } = stepFacts(newFactBook('b', at(0)), [plugged, idle, idle], context(1, true), at(1))
    expect(factsStored(book, 2).kept.map(({ number }) => number)).toEqual([3])
    expect(factsStored(book, 99).kept).toEqual([])
  })

  test('kept for no keeper it stays bounded, and loses no plug-in', () => {
    let book = newFactBook('b', at(0))
    for (let index = 0; index < 3000; index++)
      book = stepFacts(book, [index % 100 === 0 ? plugged : idle], context(1, true), at(1)).book
    expect(book.kept.length).toBe(1000)
    expect(book.kept.filter(({ fact }) => fact.kind === 'plugged').length).toBe(30)
    expect(book.lastNumber).toBe(3000)
  })
})
