// What holds for each board driver whatever its device answers. The device is hw-sim's in virtual time; now and then an
// answer is missing, refused, another unit's, or its words are others: nothing is thrown, and no reading contradicts itself.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BoardReading } from '../../agent/control/ports/board.ts'
import { registry } from '../../agent/control/registry.ts'
import { BOARDS, boardKindOf } from '../../hw-sim/devices/boards.ts'
import { withCrc } from '../../shared/modbus/crc.ts'
import type { Result } from '../../shared/result.ts'
import { amps } from '../../shared/units.ts'
import { benchBus } from '../agent/control/drivers/bench-bus.ts'
import { boardAlone } from '../hw-sim/devices/board-alone.ts'

const word = fc.oneof(
  fc.constantFrom(0, 1, 2, 5, 7, 10, 16, 28, 0x0103, 0x0108, 0x4180, 0x4366, 0xffff),
  fc.integer({ min: 0, max: 0xffff }),
)
type Conduct =
  | { readonly kind: 'answers' | 'silence' | 'exception' | 'otherUnit' }
  | { readonly kind: 'otherWord'; readonly at: number; readonly word: number }
const conduct: fc.Arbitrary<Conduct> = fc.oneof(
  { weight: 20, arbitrary: fc.constant({ kind: 'answers' as const }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Conduct[]>({ kind: 'silence' }, { kind: 'exception' }, { kind: 'otherUnit' }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('otherWord' as const), at: fc.nat(8), word }) },
)
const deed = fc.oneof(
  { weight: 6, arbitrary: fc.constant('read' as const) },
  { weight: 3, arbitrary: fc.constantFrom('prepare' as const, 'offer' as const, 'pause' as const) },
  { weight: 2, arbitrary: fc.constantFrom('A' as const, 'B' as const, 'C' as const, 'C' as const) },
)

function spoilt(pdu: Buffer, how: Conduct): Buffer {
  const isRead = (pdu[0] ?? 0) <= 4
  if (how.kind !== 'otherWord' || !isRead || pdu.length < 4) return pdu
  const words = Math.floor((pdu.length - 2) / 2)
  pdu.writeUInt16BE(how.word, 2 + 2 * (how.at % words))
  return pdu
}

const LETTERS = ['A', 'B', 'C', 'D', 'E', 'F']
const FAILURES = ['timedOut', 'quarantined', 'badReply', 'exception', 'portClosed', 'overtaken']
const isBoardId = (id: string): id is keyof typeof BOARDS => Object.hasOwn(BOARDS, id)

describe.each(Object.entries(registry.boards))('%s', (id, driver) => {
  it('throws nothing, whatever it is answered, and no reading contradicts itself', async () => {
    const seen = { readings: 0, offered: 0, failures: 0 }
    const story = fc.asyncProperty(
      fc.array(conduct, { minLength: 20, maxLength: 80 }),
      fc.array(deed, { minLength: 8, maxLength: 30 }),
      async (conducts, deeds) => {
        if (!isBoardId(id)) throw new Error(`no simulated ${id}`)
        const at = await benchBus()
        const device = boardAlone(boardKindOf(id))
        const board = driver.create({ name: 'board', bus: at.bus, unitId: 1 })
        let asked = 0
        at.line.answer = (request) => {
          device.run(20)
          const how = conducts[asked++ % conducts.length] ?? { kind: 'answers' }
          if (how.kind === 'silence') return []
          const exception = Uint8Array.of(1, (request[1] ?? 0) | 0x80, 2)
          if (how.kind === 'exception') return [{ bytes: withCrc(exception), afterMs: 5 }]
          const reply = device.ask(request.subarray(1, -2).toString('hex'))
          if (reply === null) return []
          const unit = how.kind === 'otherUnit' ? 9 : 1
          return [
            { bytes: withCrc(Uint8Array.of(unit, ...spoilt(Buffer.from(reply, 'hex'), how))), afterMs: 5 },
          ]
        }
        const step = board.facts.stepMilliamps
        const tenAmps = amps((Math.ceil(amps(10) / step) * step) / 1000)
        for (const what of deeds) {
          if (what === 'A' || what === 'B' || what === 'C') {
            device.inputs.vehicle = what
            device.run(500)
            continue
          }
          const doing = what === 'offer' ? board.offer(tenAmps) : board[what]()
          const done = await at.run<Result<unknown, { readonly kind: string }>>(doing)
          if (!done.ok) {
            seen.failures++
            const expected = what === 'prepare' ? [...FAILURES, 'configuration'] : FAILURES
            expect(expected).toContain(done.error.kind)
            await at.clock.advance(400)
            continue
          }
          if (what !== 'read') continue
          // What `read` gives.
          const reading = done.value as BoardReading
          seen.readings++
          seen.offered += reading.offeredMilliamps > 0 ? 1 : 0
          expect(LETTERS).toContain(reading.pilot)
          expect(reading.offeredMilliamps).toBeLessThanOrEqual(amps(80))
          if (!reading.oscillatorOn) expect(reading.offeredMilliamps).toBe(0)
          expect(reading.takenAtMonotonicMs).toBeLessThanOrEqual(at.clock.monotonic())
          expect(new Set(reading.errors).size).toBe(reading.errors.length)
        }
        await at.bus.close()
      },
    )
    await fc.assert(story, { seed: 20_261_122, numRuns: 80 })
    expect(seen.readings).toBeGreaterThan(200)
    expect(seen.offered).toBeGreaterThan(20)
    expect(seen.failures).toBeGreaterThan(50)
  })
})
