import { describe, expect, test } from 'vitest'
import {
  answerMeter,
  type MeterFault,
  type MeterState,
  type MeterWiring,
  newMeter,
  registerWh,
  withMeterFaults,
} from '../../../hw-sim/devices/eastron-sdm630.ts'

const wiring = (totalMilliwattHours = 0): MeterWiring => ({
  voltagesMillivolts: [230_400, 229_800, 231_100],
  currentsMilliamps: [16_000, 15_500, 0],
  frequencyMillihertz: 50_000,
  phaseMilliwattHours: [totalMilliwattHours, 0, 0],
  totalMilliwattHours,
})
const meter = (registerMilliwattHours = 1_234_567_000) =>
  newMeter({ serial: 0x01_60_a0_07, registerMilliwattHours, unitId: 2, baudCode: 3 })

const ask = (pduHex: string, state: MeterState = meter(), at: MeterWiring = wiring()) =>
  Buffer.from(answerMeter(state, Uint8Array.from(Buffer.from(pduHex.replaceAll(' ', ''), 'hex')), at).pdu)
const floats = (reply: Buffer) =>
  Array.from({ length: (reply.length - 2) / 4 }, (_, at) => reply.readFloatBE(2 + at * 4))
const hurt = (state: MeterState, how: readonly MeterFault[], at: MeterWiring) =>
  withMeterFaults(state, how, at)

describe('the SDM630', () => {
  test('gives voltages, currents and powers as single floats, high word first', () => {
    const [va, vb, vc, ia, ib, ic, pa, pb, pc] = floats(ask('04 0000 0012'))
    expect([va, vb, vc]).toEqual([230.4, 229.8, 231.1].map(Math.fround))
    expect([ia, ib, ic]).toEqual([16, 15.5, 0])
    expect([pa, pb, pc]).toEqual([3686.4, 3561.9, 0].map(Math.fround))
    expect(floats(ask('04 0034 0002'))).toEqual([Math.fround(7248.3)])
    expect(floats(ask('04 0046 0002'))).toEqual([50])
  })

  test('gives its serial number as a 32-bit integer by FC03', () => {
    expect(ask('03 fc00 0002').toString('hex')).toBe('03040160a007')
  })

  test('counts in kWh, and 0x0156 is the same register', () => {
    const at = wiring(5_500_000)
    expect(floats(ask('04 0048 0002', meter(), at))).toEqual([Math.fround(1240.067)])
    expect(floats(ask('04 0156 0002', meter(), at))).toEqual([Math.fround(1240.067)])
    expect(registerWh(meter(), at)).toBe(1_240_067)
  })

  test.each([
    [1_234_567, 1],
    [9_000_000, 1],
    [20_000_000, 2],
  ])('at %i Wh a master sees steps of %i Wh at most, as single precision gives them', (startWh, stepWh) => {
    const state = meter(startWh * 1000)
    const seen = Array.from({ length: 40 }, (_, wh) => registerWh(state, wiring(wh * 1000)))
    const steps = seen.slice(1).map((value, at) => value - (seen[at] ?? 0))
    expect(Math.max(...steps)).toBe(stepWh)
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(0)
  })

  test('phase registers add up to the register', () => {
    const [a, b, c] = floats(ask('04 015a 0006', meter(), wiring(3_000_000)))
    expect((a ?? 0) + (b ?? 0) + (c ?? 0)).toBeCloseTo(1237.567, 2)
  })

  test('answers 80 registers and no more, and reads across gaps of the first block', () => {
    expect(ask('04 0000 0050').length).toBe(162)
    expect(ask('04 0000 0052').toString('hex')).toBe('8403')
  })

  test.each([
    ['an odd start', '04 0001 0002', '8402'],
    ['half a value', '04 0000 0001', '8402'],
    ['an address beyond the map', '04 0200 0002', '8402'],
    ['measurements by FC03', '03 0000 0002', '8302'],
    ['an unknown function', '01 0000 0001', '8101'],
    ['a write of one register', '06 0014 0001', '8601'],
    ['a write to a measurement', '10 0000 0002 04 00000000', '9002'],
    ['another unit id', '10 0014 0002 04 40400000', '9003'],
  ])('refuses %s', (_what, request, reply) => {
    expect(ask(request).toString('hex')).toBe(reply)
  })

  test('settings are floats, read by FC03', () => {
    expect(floats(ask('03 0014 0002'))).toEqual([2])
    expect(floats(ask('03 001c 0002'))).toEqual([3])
    expect(ask('10 000a 0002 04 3f800000').toString('hex')).toBe('10000a0002')
  })
})

describe('a meter with a fault', () => {
  const read = (how: readonly MeterFault[], at = wiring()) =>
    floats(ask('04 0048 0002', hurt(meter(), how, at), at))

  test('nan: every measurement is not a number', () => {
    expect(read(['nan'])).toEqual([Number.NaN])
    expect(floats(ask('04 0000 0006', hurt(meter(), ['nan'], wiring())))).toEqual([NaN, NaN, NaN])
  })

  test('frozen: the register stands while the world goes on, and catches up when the fault is over', () => {
    const frozen = hurt(meter(), ['frozen'], wiring(1_000_000))
    expect(registerWh(frozen, wiring(9_000_000))).toBe(1_235_567)
    expect(registerWh(hurt(frozen, ['frozen'], wiring(9_000_000)), wiring(9_000_000))).toBe(1_235_567)
    expect(registerWh(hurt(frozen, [], wiring(9_000_000)), wiring(9_000_000))).toBe(1_243_567)
  })

  test('back: 5 kWh less; jump: 100 kWh more; otherSerial: one more', () => {
    expect(registerWh(hurt(meter(), ['back'], wiring()), wiring())).toBe(1_229_567)
    expect(registerWh(hurt(meter(), ['jump'], wiring()), wiring())).toBe(1_334_567)
    expect(ask('03 fc00 0002', hurt(meter(), ['otherSerial'], wiring())).toString('hex')).toBe('03040160a008')
  })
})
