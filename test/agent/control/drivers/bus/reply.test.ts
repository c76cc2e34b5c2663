import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  expectedReply,
  looksLike,
  mayBecomeReply,
  replyAtStart,
  searchReply,
} from '../../../../../agent/control/drivers/bus/reply.ts'
import { crcHolds, withCrc } from '../../../../../shared/modbus/crc.ts'

const request = (unitId: number, fc: number, address: number, quantity: number) =>
  withCrc(Uint8Array.of(unitId, fc, address >> 8, address & 0xff, quantity >> 8, quantity & 0xff))
const wordsReply = (unitId: number, fc: number, words: readonly number[]) =>
  withCrc(Uint8Array.of(unitId, fc, 2 * words.length, ...words.flatMap((word) => [word >> 8, word & 0xff])))

const words = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 18 })
const unit = fc.integer({ min: 1, max: 247 })
const noise = fc.uint8Array({ maxLength: 12 })

describe('the reply among other bytes', () => {
  it('is found at the start as soon as its last byte is in, and not before', () => {
    fc.assert(
      fc.property(unit, words, (unitId, values) => {
        const expected = expectedReply(request(unitId, 3, 100, values.length))
        const frame = wordsReply(unitId, 3, values)
        for (let bytes = 0; bytes < frame.length; bytes++) {
          expect(replyAtStart(frame.subarray(0, bytes), expected)).toBeNull()
          if (bytes > 0) expect(mayBecomeReply(frame.subarray(0, bytes), expected)).toBe(true)
        }
        expect(replyAtStart(frame, expected)).toEqual(frame)
      }),
    )
  })

  it('is found with noise before and behind it', () => {
    fc.assert(
      fc.property(unit, words, noise, noise, (unitId, values, before, behind) => {
        const expected = expectedReply(request(unitId, 4, 100, values.length))
        const frame = wordsReply(unitId, 4, values)
        const found = searchReply(Buffer.concat([before, frame, behind]), expected, [])
        expect(found).toMatchObject({ kind: 'reply', discardedBytes: before.length + behind.length })
      }),
    )
  })

  it('is never bytes whose unit, function code, length or CRC differ', () => {
    fc.assert(
      fc.property(unit, words, fc.uint8Array({ maxLength: 60 }), (unitId, values, bytes) => {
        const expected = expectedReply(request(unitId, 3, 100, values.length))
        const found = searchReply(bytes, expected, [])
        if (found.kind !== 'reply') return
        expect(crcHolds(found.frame)).toBe(true)
        expect(found.frame[0]).toBe(unitId)
      }),
    )
    const expected = expectedReply(request(7, 3, 100, 2))
    const near = [wordsReply(8, 3, [1, 2]), wordsReply(7, 4, [1, 2]), wordsReply(7, 3, [1, 2, 3])]
    for (const frame of near) expect(searchReply(frame, expected, [])).toEqual({ kind: 'none' })
  })

  it('is lost, and known to be, when one bit of its data or CRC is wrong', () => {
    fc.assert(
      fc.property(words, fc.nat(), fc.integer({ min: 0, max: 7 }), (values, at, bit) => {
        const expected = expectedReply(request(7, 3, 100, values.length))
        const frame = wordsReply(7, 3, values)
        const index = 3 + (at % (frame.length - 3))
        frame[index] = (frame[index] ?? 0) ^ (1 << bit)
        expect(searchReply(frame, expected, [])).toEqual({ kind: 'damaged' })
      }),
    )
  })

  it('is not looked for inside the late reply of another unit', () => {
    const inner = wordsReply(7, 3, [0x1234])
    const padded = Buffer.concat([Buffer.of(0), inner])
    const outer = wordsReply(
      2,
      4,
      [0, 2, 4, 6].map((at) => padded.readUInt16BE(at)),
    )
    const expected = expectedReply(request(7, 3, 100, 1))
    const stale = expectedReply(request(2, 4, 0, 4))
    // Without the knowledge of what may come late, the embedded frame would pass.
    expect(searchReply(outer, expected, [])).toMatchObject({ kind: 'reply' })
    expect(searchReply(outer, expected, [stale])).toEqual({ kind: 'none' })
    const wanted = wordsReply(7, 3, [0xbeef])
    expect(searchReply(Buffer.concat([outer, wanted]), expected, [stale])).toMatchObject({ frame: wanted })
  })

  it('repeats address and value for writes, so that the echo of another write is none', () => {
    const off = request(7, 5, 20_000, 0)
    const expected = expectedReply(off)
    expect(replyAtStart(off, expected)).toEqual(off)
    expect(searchReply(request(7, 5, 20_000, 0xff00), expected, [])).toEqual({ kind: 'none' })
    expect(searchReply(request(7, 5, 20_001, 0), expected, [])).toEqual({ kind: 'none' })
  })

  it('may be an exception of five bytes', () => {
    const expected = expectedReply(request(7, 3, 100, 2))
    const exception = withCrc(Uint8Array.of(7, 0x83, 2))
    expect(replyAtStart(exception, expected)).toEqual(exception)
    expect(searchReply(withCrc(Uint8Array.of(7, 0x84, 2)), expected, [])).toEqual({ kind: 'none' })
  })

  it('looks like another where unit, function code and length are the same', () => {
    const four = expectedReply(request(7, 3, 100, 4))
    expect(looksLike(four, expectedReply(request(7, 3, 900, 4)))).toBe(true)
    expect(looksLike(four, expectedReply(request(7, 3, 100, 5)))).toBe(false)
    expect(looksLike(four, expectedReply(request(7, 4, 100, 4)))).toBe(false)
    expect(looksLike(four, expectedReply(request(8, 3, 100, 4)))).toBe(false)
  })
})
