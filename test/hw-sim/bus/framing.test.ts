import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ASCII, lrc, mbapFrame, RTU, readMbap } from '../../../hw-sim/bus/framing.ts'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
const raw = (characters: string) => Uint8Array.from(Buffer.from(characters, 'latin1'))
const message = fc.record({
  unitId: fc.integer({ min: 0, max: 255 }),
  pdu: fc.uint8Array({ minLength: 1, maxLength: 253 }),
})

describe('Modbus ASCII', () => {
  // The LRC is the example of Modbus over Serial Line V1.02, appendix B: the two's complement of the sum.
  test('writes a colon, upper-case digits, the LRC, CR LF', () => {
    expect(text(ASCII.frame({ unitId: 0x11, pdu: Uint8Array.of(3, 0, 0x6b, 0, 3) }))).toBe(
      ':1103006B00037E\r\n',
    )
  })

  test('begins with the device’s own character where it has one', () => {
    expect(text(ASCII.frame({ unitId: 1, pdu: Uint8Array.of(3, 2, 0, 9) }, '>'))).toBe('>0103020009F1\r\n')
  })

  test.each([
    [':1103006B00037F\r\n', 'LRC'],
    [':1103006b00037e\r\n', '0-9 A-F'],
    [':1103006B00037E\n', 'CR LF'],
    [':1103006B00037\r\n', 'pairs'],
    ['1103006B00037E\r\n', 'colon'],
    [':11EF\r\n', 'shorter'],
  ])('takes %j for no frame', (frame, why) => {
    expect(ASCII.read(raw(frame))).toContain(why)
  })
})

test('every message comes out of its frame as it went in, RTU, ASCII and TCP', () => {
  fc.assert(
    fc.property(message, fc.integer({ min: 0, max: 0xffff }), (sent, transaction) => {
      for (const framing of [RTU, ASCII]) {
        const read = framing.read(framing.frame(sent))
        if (typeof read === 'string') throw new Error(read)
        expect({ unitId: read.unitId, pdu: [...read.pdu] }).toEqual({
          unitId: sent.unitId,
          pdu: [...sent.pdu],
        })
      }
      const frame = mbapFrame(transaction, sent)
      const read = readMbap(Uint8Array.from([...frame, 1, 2, 3]))
      if (read === null || typeof read === 'string') throw new Error('no frame')
      expect(read.transaction).toBe(transaction)
      expect(read.bytes).toEqual(frame)
      expect([...read.message.pdu]).toEqual([...sent.pdu])
    }),
  )
})

test('the LRC of anything with its LRC is 0', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(lrc(Uint8Array.of(...bytes, lrc(bytes)))).toBe(0)
    }),
  )
})

describe('a TCP stream', () => {
  const frame = mbapFrame(7, { unitId: 255, pdu: Uint8Array.of(3, 0, 0, 0, 2) })

  test('is waited for until the frame is whole', () => {
    for (let length = 0; length < frame.length; length++) expect(readMbap(frame.slice(0, length))).toBeNull()
  })

  test.each([
    [2, 1, 'protocol is 256'],
    [4, 1, 'length is 262'],
    [5, 1, 'length is 1'],
  ])('with byte %i at %i is no Modbus: %s', (at, value, why) => {
    const wrong = Uint8Array.from(frame)
    wrong[at] = value
    expect(readMbap(wrong)).toContain(why)
  })
})
