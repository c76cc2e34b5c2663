import { beforeEach, describe, expect, test } from 'vitest'
import { EVSE_DIN_TABLE, type EvseDin, evseDinKind } from '../../../hw-sim/devices/evracing-evse-din.ts'
import { type BoardAlone, boardAlone } from './board-alone.ts'

let at: BoardAlone
beforeEach(() => {
  at = boardAlone(evseDinKind)
})

const plug = (vehicle: 'B' | 'C' | 'D' = 'B') => {
  at.inputs.vehicle = vehicle
  at.run(10)
}
const hex = (value: number) => value.toString(16).padStart(4, '0')
const word = (address: number) => Number.parseInt(at.ask(`03 ${hex(address)} 0001`)?.slice(4) ?? 'none', 16)
const put = (address: number, value: number) => at.ask(`10 ${hex(address)} 0001 02 ${hex(value)}`)
const restart = () => {
  at.inputs.supplied = false
  at.run(100)
  at.inputs.supplied = true
  at.run(1100)
}

describe('the EVSE-DIN', () => {
  test('offers by itself what 2000 says, as soon as it has supply: nobody asked', () => {
    plug()
    expect([word(1000), word(1001), word(1002), word(1006)]).toEqual([6, 6, 2, 2])
    expect(at.board().view).toMatchObject({ state: 'B2', offeredMilliamps: 6000 })
    plug('C')
    at.run(250)
    expect(at.board().view.coil).toBe(true)
    expect(word(1007)).toBe(0b1)
  })

  test('goes on for ever when nobody talks to it: it has no watchdog', () => {
    put(1000, 16)
    plug('C')
    at.run(3_600_000, 1000)
    expect(at.board().view).toMatchObject({ coil: true, offeredMilliamps: 16_000 })
    expect(at.board().view.watchdog).toBeUndefined()
  })

  test('pauses by 1000 = 0 and by 1004 bit 0, with steady 12 V, and waits up to 6 s for the car', () => {
    plug('C')
    at.run(250)
    put(1000, 0)
    at.run(10)
    expect([word(1001), word(1006)]).toEqual([0, 1])
    expect(at.board().view).toMatchObject({ state: 'C1', coil: true })
    at.run(6000)
    expect(at.board().view.coil).toBe(false)
    put(1000, 16)
    put(1004, 1)
    plug('B')
    expect([word(1001), word(1006), word(1004)]).toEqual([0, 3, 1])
    put(1004, 0)
    at.run(10)
    expect(word(1001)).toBe(16)
  })

  test.each([
    ['1 A', 1000, 1, '9003'],
    ['81 A', 1000, 81, '9003'],
    ['5 A after a start', 2000, 5, '9003'],
    ['14 A at least', 2002, 14, '9003'],
    ['a write to what is read only', 1001, 6, '9002'],
    ['a row that is not there', 2008, 6, '9002'],
  ])('refuses %s', (_what, address, value, reply) => {
    expect(put(address, value)).toBe(reply)
  })

  test('does not know function code 6', () => {
    expect(at.ask('06 03e8 0010')).toBe('8601')
  })

  test('counts each write to 2000 and above, the same value too, and none to RAM', () => {
    put(1000, 10)
    put(1004, 0)
    expect(at.board().view.retentiveWrites).toBe(0)
    put(2000, 8)
    put(2000, 8)
    expect(at.board().view.retentiveWrites).toBe(2)
    restart()
    expect([word(1000), word(2000)]).toEqual([8, 8])
  })

  test('has 0.01 A with 2005 bit 7 from firmware 17 on; what stands in 1000 is then read in that unit', () => {
    plug()
    put(1000, 16)
    put(2005, 0x89)
    at.run(10)
    expect([word(1000), word(1001)]).toEqual([16, 0])
    expect(put(1000, 1050)).toBe('1003e80001')
    at.run(10)
    expect([word(1000), word(1001), at.board().view.offeredMilliamps]).toEqual([1050, 1050, 10_500])
    restart()
    expect(word(1000)).toBe(600)
    at = boardAlone(evseDinKind, { keys: { firmware: 16 } })
    put(2005, 0x89)
    expect(put(1000, 1050)).toBe('9003')
  })

  test('tells the cable, and offers no more than it carries', () => {
    at = boardAlone(evseDinKind, { tethered: false })
    put(1000, 32)
    at.inputs.proximityAmps = 20
    plug()
    expect([word(1003), word(1001)]).toEqual([20, 20])
    at.inputs.proximityAmps = 'shorted'
    at.run(10)
    expect([word(1003), word(1001)]).toEqual([0, 0])
  })

  test('charges in D where 2005 bit 3 allows it, and fails there where it does not, until the car lets go', () => {
    plug('D')
    at.run(250)
    expect([word(1002), at.board().view.coil]).toEqual([4, true])
    put(2005, 0)
    at.run(10)
    expect([word(1002), word(1007), at.board().view.coil]).toEqual([5, 0b100, false])
    plug('B')
    expect([word(1002), word(1007)]).toEqual([5, 0b1000])
    at.inputs.vehicle = 'A'
    at.run(10)
    expect([word(1002), word(1007)]).toEqual([1, 0])
  })

  test('fails without a diode and with a short circuit; E and F are the same 5', () => {
    plug('C')
    at.run(250)
    at.inputs.heldErrors = [1]
    at.run(10)
    expect([word(1002), word(1007), at.board().view.coil]).toEqual([5, 0b10, false])
    at.inputs.heldErrors = []
    at.inputs.vehicle = 'E'
    at.run(10)
    expect(word(1002)).toBe(5)
    at.inputs.vehicle = 'A'
    at.inputs.heldUnavailable = true
    at.run(10)
    expect([word(1002), at.board().view.state]).toEqual([5, 'F0'])
  })

  test('keeps an error of the residual current device until 1004 bit 2, or 30 s with 2005 bit 5', () => {
    const trip = () => {
      at.inputs.heldErrors = [5]
      at.run(10)
      at.inputs.heldErrors = []
      at.run(10)
    }
    plug('C')
    trip()
    at.run(60_000, 1000)
    expect([word(1002), word(1007)]).toEqual([5, 0b100000])
    put(1004, 4)
    at.run(10)
    expect([word(1002), word(1007)]).toEqual([3, 0])
    put(2005, 0b101000)
    trip()
    expect([word(1002), word(1008)]).toEqual([5, 30])
    at.run(30_000, 500)
    expect([word(1002), word(1008)]).toEqual([3, 0])
  })

  test('runs its self-test for 30 s without charging, and tells how long it still takes', () => {
    plug('C')
    at.run(250)
    put(1004, 2)
    at.run(10)
    expect([word(1007) & 0b110000, word(1009), word(1006)]).toEqual([0b010000, 30, 1])
    at.run(29_000, 1000)
    expect(word(1009)).toBe(1)
    at.run(1000)
    expect([word(1007) & 0b110000, word(1009), word(1006)]).toEqual([0, 0, 2])
  })

  test('can be played as the other transcription has it: bit 4 is the error, bit 0 the relay off', () => {
    at = boardAlone(evseDinKind, { keys: { rcdBits: 'other', relayBit: 'inverted' } })
    expect(word(1007)).toBe(0b1)
    at.inputs.heldErrors = [5]
    at.run(10)
    expect(word(1007)).toBe(0b10001)
  })

  test('obeys 2005 bits 13 to 15: off after a charge, off, and a bootloader that says nothing until its supply is cut', () => {
    put(2005, 0x2008)
    plug('C')
    at.run(250)
    plug('B')
    at.run(10)
    expect(word(1006)).toBe(3)
    put(2005, 0x0008)
    at.run(10)
    expect(word(1006)).toBe(2)
    put(2005, 0x4008)
    at.run(10)
    expect([word(1006), word(2005)]).toEqual([3, 0x0008])
    put(2005, 0x8008)
    at.run(1000)
    expect(at.ask('03 03e8 0001')).toBeNull()
    expect(at.board().view).toMatchObject({ signal: { kind: 'off' }, coil: false })
    restart()
    expect(word(1006)).toBe(2)
  })

  test('says nothing until Modbus is on: five pulses within 3 s of its start, kept by the next write', () => {
    const pulses = (count: number) => {
      let board = at.board() as EvseDin
      for (let index = 0; index < count; index++) board = board.pulse(nowMicros)
      return board
    }
    let nowMicros = 2_000_000
    at = boardAlone(evseDinKind, { keys: { modbus: 'off' } })
    expect(at.ask('03 03e8 0001')).toBeNull()
    const request = Uint8Array.of(3, 3, 0xe8, 0, 1)
    expect(pulses(4).answer(request, at.inputs, nowMicros)).toBeNull()
    const on = pulses(5)
    expect(on.answer(request, at.inputs, nowMicros)).not.toBeNull()
    nowMicros = 6_000_000
    expect(pulses(5).answer(request, at.inputs, nowMicros)).toBeNull()
    const off = { ...at.inputs, supplied: false }
    const again = (board: EvseDin) =>
      [
        { inputs: off, atMicros: 7_000_000 },
        { inputs: at.inputs, atMicros: 8_000_000 },
        { inputs: at.inputs, atMicros: 9_500_000 },
      ].reduce((its, { inputs, atMicros }) => its.step(inputs, atMicros), board)
    expect(again(on).answer(request, at.inputs, 9_500_000)).toBeNull()
    const written = on.answer(Uint8Array.of(16, 0x07, 0xd2, 0, 1, 2, 0, 6), at.inputs, nowMicros)
    const kept = again(written?.board as EvseDin)
    expect(kept.answer(request, at.inputs, 9_500_000)).not.toBeNull()
  })

  test('says nothing while it starts', () => {
    at.inputs.supplied = false
    at.run(100)
    at.inputs.supplied = true
    at.run(900)
    expect(at.ask('03 03e8 0001')).toBeNull()
    at.run(200)
    expect(word(1000)).toBe(6)
  })

  test('no two rows share an address', () => {
    const addresses = EVSE_DIN_TABLE.rows.map((row) => row.address)
    expect(new Set(addresses).size).toBe(addresses.length)
  })
})
