import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  initialMeter,
  METER_STALE_MS,
  type MeterInput,
  type MeterState,
  stepMeter,
  viewMeter,
} from '../../../../agent/control/safety/meter-judge.ts'
import { milliAmps, milliVolts, monotonicMs, wattHours, watts } from '../../../../shared/units.ts'

const at = monotonicMs

function reading(
  second: number,
  registerWh: number,
  ampere = 0,
  change: { power?: number; millivolts?: number } = {},
): MeterInput {
  const current = milliAmps(ampere * 1000)
  const voltage = milliVolts(change.millivolts ?? 230_000)
  return {
    kind: 'reading',
    begunAtMonotonicMs: at(second * 1000),
    resolutionWh: 1,
    raw: {
      takenAtMonotonicMs: at(second * 1000),
      registerWh: wattHours(registerWh),
      powerWatts: watts(change.power ?? Math.round(ampere * 690)),
      currentsMilliamps: [current, current, current],
      voltagesMillivolts: [voltage, voltage, voltage],
    },
  }
}

/** Feeds inputs, one a second from second 1 on, after the serial number. */
function judge(inputs: readonly MeterInput[], from: MeterState = initialMeter(at(0), null, 24_000)) {
  let state = from.serial === null ? stepMeter(from, { kind: 'serial', serial: 'M1' }, at(0)).state : from
  const facts: unknown[] = []
  for (const [index, input] of inputs.entries()) {
    const stepped = stepMeter(state, input, at((index + 1) * 1000))
    state = stepped.state
    facts.push(...stepped.facts)
  }
  const now = at(inputs.length * 1000)
  const view = viewMeter(state, 1, now)
  return {
    state,
    facts,
    view,
    codes: view.faults.map((fault) => fault.code),
    register: view.newest?.reading.registerWh,
  }
}
const SERIAL: MeterInput = { kind: 'serial', serial: 'M1' }

describe('the meter judge', () => {
  test('shows nothing before the serial number is known, then the reading with its own time', () => {
    const state = stepMeter(initialMeter(at(0), null), reading(1, 100), at(1000)).state
    expect(viewMeter(state, 1, at(1000)).newest).toBeNull()
    expect(viewMeter(state, 1, at(11_000)).faults).toMatchObject([{ code: 'METER_LOST' }])
    expect(judge([reading(1, 100)]).view.fresh?.reading).toMatchObject({
      takenAtMonotonicMs: 1000,
      registerWh: 100,
    })
  })

  test('an old reading keeps its time and is not fresh after three periods', () => {
    const { state } = judge([reading(1, 100)])
    const later = at(1000 + METER_STALE_MS + 1)
    expect(viewMeter(state, 1, later)).toMatchObject({
      fresh: null,
      newest: { reading: { takenAtMonotonicMs: 1000 } },
    })
  })

  test('a step back within the power-loss resolution holds the maximum', () => {
    expect(judge([reading(1, 100), reading(2, 99)])).toMatchObject({ register: 100, codes: [] })
  })

  test('a larger step back is told only when it was seen three times and the serial number is the same', () => {
    const back = [reading(1, 100), reading(2, 90), reading(3, 90)]
    expect(judge([...back, SERIAL])).toMatchObject({ register: 100, codes: [] })
    const thrice = judge([...back, reading(4, 90)])
    expect(thrice.view.asksForSerial).toBe(true)
    const told = judge([...back, reading(4, 90), SERIAL])
    expect(told.codes).toEqual(['METER_WENT_BACK'])
    const after = judge([...back, reading(4, 90), SERIAL, reading(6, 120)])
    expect(after).toMatchObject({ register: 100, codes: ['METER_WENT_BACK'] })
    expect(
      judge([...back, reading(4, 90), SERIAL, { kind: 'wentBackCleared' }, reading(7, 91)]),
    ).toMatchObject({
      register: 91,
      codes: [],
    })
  })

  test('a single odd register is dropped', () => {
    expect(judge([reading(1, 100), reading(2, 0), reading(3, 101)])).toMatchObject({
      register: 101,
      codes: [],
    })
    expect(judge([reading(1, 100), reading(2, 900_000), reading(3, 101)])).toMatchObject({
      register: 101,
      codes: [],
    })
  })

  test('a jump is taken when it stands and the meter is the same; while current flows it is a fault meanwhile', () => {
    const idle = [reading(1, 100), reading(2, 900_000), reading(3, 900_000), reading(4, 900_000)]
    expect(judge(idle).codes).toEqual([])
    expect(judge([...idle, SERIAL, reading(6, 900_001)])).toMatchObject({ register: 900_001, codes: [] })
    const flowing = [reading(1, 100, 16), reading(2, 900_000, 16)]
    expect(judge(flowing)).toMatchObject({ register: 100, codes: ['METER_IMPLAUSIBLE'] })
  })

  test('a jump is never taken while a car is plugged in, however long it stands; it begins anew when the plug is out', () => {
    const plugIn: MeterInput = { kind: 'plugIn' }
    const jumped = (count: number, from: number) =>
      Array.from({ length: count }, (_, index) => [reading(from + index, 100_100, 16), SERIAL]).flat()
    const standing = judge([plugIn, reading(2, 100, 16), ...jumped(40, 3)])
    expect(standing).toMatchObject({ register: 100, view: { fresh: null } })
    expect(standing.codes).toEqual(['METER_IMPLAUSIBLE'])
    // Also after a silence: the wiring delivers 24 kW at most, 400 Wh a minute.
    const silent = judge([plugIn, reading(2, 100, 16), reading(90, 100_100, 16)])
    expect(silent.register).toBe(100)
    expect(judge([plugIn, reading(2, 100, 16), reading(90, 600, 16)]).register).toBe(600)
    const out = judge(
      [{ kind: 'plugOut' }, reading(101, 100_100), SERIAL, reading(103, 100_101)],
      standing.state,
    )
    expect(out).toMatchObject({ register: 100_101, codes: [] })
  })

  test('another serial number begins anew and tells the old register', () => {
    const swapped = judge([reading(1, 100), reading(2, 5), { kind: 'serial', serial: 'M2' }, reading(4, 5)])
    expect(swapped.facts).toEqual([
      { kind: 'meterReplaced', fromSerial: 'M1', toSerial: 'M2', fromRegisterWh: 100 },
    ])
    expect(swapped).toMatchObject({ register: 5, codes: ['METER_REPLACED'] })
    expect(swapped.view.newest?.reading.serial).toBe('M2')
    expect(stepMeter(swapped.state, { kind: 'replacementStored' }, at(9000)).state.replaced).toBe(false)
  })

  test('a swap over a restart of control is seen by the mirrored reading', () => {
    const last = judge([reading(1, 100)]).view.newest?.reading ?? null
    const stepped = stepMeter(initialMeter(at(2000), last), { kind: 'serial', serial: 'M2' }, at(2000))
    expect(stepped.facts).toHaveLength(1)
  })

  test('frozen is a register that stands for 10 s and three of its steps while current flows', () => {
    const still = (seconds: number, ampere: number) =>
      judge(Array.from({ length: seconds }, (_, index) => reading(index + 1, 100, ampere))).codes
    expect(still(10, 16)).toEqual([])
    expect(still(12, 16)).toEqual(['METER_FROZEN'])
    expect(still(60, 0)).toEqual([])
    // 0.6 A on three phases are 414 W: three steps of 1 Wh take 26 s.
    expect(still(26, 0.6)).toEqual([])
    expect(still(29, 0.6)).toEqual(['METER_FROZEN'])
  })

  test.each([
    ['a current above any meter', reading(2, 100, 130)],
    ['a voltage above any grid', reading(2, 100, 0, { millivolts: 400_000 })],
    ['a power above any box', reading(2, 100, 0, { power: 70_000 })],
    ['a negative register', reading(2, -5)],
    ['a value that is none', { kind: 'implausible', detail: 'power is NaN' } as const],
  ])('%s is not shown, and twice it is a fault', (_name, odd) => {
    expect(judge([reading(1, 100), odd])).toMatchObject({ register: 100, codes: [] })
    expect(judge([reading(1, 100), odd, odd]).codes).toEqual(['METER_IMPLAUSIBLE'])
  })

  test('power that is not the sum of the phases is a fault when it lasts: blocks are read one after another', () => {
    const off = (second: number) => reading(second, 100, 0, { power: 11_000 })
    expect(judge([reading(1, 100), off(2), off(3), reading(4, 100)]).codes).toEqual([])
    expect(judge([reading(1, 100), off(2), off(3), off(4), off(5)]).codes).toEqual(['METER_IMPLAUSIBLE'])
  })

  test('whatever is read, the register shown for one serial number never falls and was told or held, never made up', () => {
    const steps = fc.array(
      fc.oneof(
        fc.nat(1000).map((register) => ({ register })),
        fc.constant('serial'),
        fc.constant('odd'),
      ),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(steps, (given) => {
        let state = stepMeter(initialMeter(at(0), null), SERIAL, at(0)).state
        const told = new Set<number>()
        let shown = 0
        for (const [index, one] of given.entries()) {
          const second = index + 1
          if (typeof one === 'object') told.add(one.register)
          const input: MeterInput =
            one === 'serial'
              ? SERIAL
              : typeof one === 'object'
                ? reading(second, one.register)
                : { kind: 'implausible', detail: 'odd' }
          state = stepMeter(state, input, at(second * 1000)).state
          const register = viewMeter(state, 1, at(second * 1000)).newest?.reading.registerWh
          if (register === undefined) continue
          expect(told.has(register)).toBe(true)
          expect(register).toBeGreaterThanOrEqual(shown)
          shown = register
        }
      }),
    )
  })
})
