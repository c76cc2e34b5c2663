import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BusRequest, modbusCodec } from '../../../../../agent/control/drivers/bus/codec.ts'
import { crcHolds, withCrc } from '../../../../../shared/modbus/crc.ts'

const codec = modbusCodec()
const hexOf = (unitId: number, request: BusRequest) =>
  codec.encode(unitId, request).toString('hex').slice(0, -4)

describe('modbus-serial as the codec', () => {
  it.each([
    ['0b03006b0003', 11, { kind: 'readWords', fc: 3, address: 107, count: 3 }],
    ['0b0400080001', 11, { kind: 'readWords', fc: 4, address: 8, count: 1 }],
    ['0b0100130013', 11, { kind: 'readBits', fc: 1, address: 19, count: 19 }],
    ['0b0200c40016', 11, { kind: 'readBits', fc: 2, address: 196, count: 22 }],
    ['0b0500acff00', 11, { kind: 'writeCoil', address: 172, value: true }],
    ['0b0500ac0000', 11, { kind: 'writeCoil', address: 172, value: false }],
    ['0b0502040014', 11, { kind: 'writeCoil', address: 0x204, value: 20 }],
    ['0b0600010003', 11, { kind: 'writeWord', address: 1, value: 3 }],
    ['0b1000010002040001ffff', 11, { kind: 'writeWords', address: 1, values: [1, 0xffff] }],
  ] as const)('makes %s, as the Modbus Application Protocol tells it', (hex, unitId, request) => {
    expect(hexOf(unitId, request)).toBe(hex)
    expect(crcHolds(codec.encode(unitId, request))).toBe(true)
  })

  it('takes the words out of a reply', () => {
    const words = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 125 })
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 247 }), (values, unitId) => {
        codec.encode(unitId, { kind: 'readWords', fc: 3, address: 0, count: values.length })
        const data = values.flatMap((word) => [word >> 8, word & 0xff])
        const reply = withCrc(Uint8Array.of(unitId, 3, data.length, ...data))
        expect(codec.decode(reply)).toEqual({ ok: true, value: { kind: 'words', words: values } })
      }),
    )
  })

  it('tells an exception by its code', () => {
    codec.encode(1, { kind: 'writeWord', address: 1, value: 3 })
    expect(codec.decode(withCrc(Uint8Array.of(1, 0x86, 3)))).toEqual({
      ok: false,
      error: { kind: 'exception', code: 3 },
    })
  })

  it('never throws for a frame that is no reply: it says so', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 5, maxLength: 40 }), (bytes) => {
        codec.encode(1, { kind: 'readWords', fc: 3, address: 0, count: 2 })
        const decoded = codec.decode(Buffer.from(bytes))
        expect(decoded.ok).toBe(false)
      }),
    )
  })
})
