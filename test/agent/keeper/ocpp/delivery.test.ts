import { describe, expect, it } from 'vitest'
import {
  type Delivery,
  type DeliveryOptions,
  outboxDelivery,
  verdict,
} from '../../../../agent/keeper/ocpp/delivery.ts'
import type { ActionName, CallFailure, CallOutcome } from '../../../../shared/io/ocpp-link-types.ts'
import { prng } from '../../../../shared/prng.ts'
import { keptLog } from '../../../shared/io/link-bench.ts'
import { virtualClock } from '../../control/drivers/virtual-clock.ts'
import { type MemoryOutbox, memoryOutbox, transactionFact } from '../port-doubles.ts'

type Outcome = CallOutcome<ActionName>
const TAKEN: Outcome = { ok: true, value: {} }
const failed = (error: CallFailure): Outcome => ({ ok: false, error })
const refusedWith = (code: string) => failed({ kind: 'callError', code, description: 'no' })
const REFUSED = refusedWith('FormatViolation')
const SILENT = failed({ kind: 'timedOut' })

function bench(
  options: Partial<DeliveryOptions> & {
    outbox?: MemoryOutbox
    answer: (sends: number, payload: string) => Outcome
  },
) {
  const clock = virtualClock()
  const outbox = options.outbox ?? memoryOutbox()
  const sent: string[] = []
  const state = { ready: true }
  const delivery: Delivery = outboxDelivery({
    outbox,
    clock,
    random: prng(7),
    log: keptLog(),
    tuning: () => ({ attemptsMax: 3, intervalMs: 1000 }),
    ready: () => state.ready,
    build: (fact) => ({ action: 'TransactionEvent', request: fact }),
    mustBoot: () => false,
    ...options,
    send: async (_action, payload) => {
      sent.push(payload)
      return options.answer(sent.length, payload)
    },
  })
  outbox.onWork(() => delivery.wake())
  return { clock, outbox, sent, delivery, state }
}
const seqNos = (sent: readonly string[]) => sent.map((payload) => JSON.parse(payload).seqNo)

describe('delivery', () => {
  it('sends one after the other, in order, and acknowledges each', async () => {
    const { clock, outbox, sent } = bench({ answer: () => TAKEN })
    for (const seqNo of [0, 1, 2]) outbox.add(transactionFact(seqNo))
    await clock.advance(1)
    expect(seqNos(sent)).toEqual([0, 1, 2])
    expect(outbox.acknowledged).toEqual([1, 2, 3])
  })

  it('freezes before the first send, and sends the same bytes after a silence', async () => {
    const frozenAtSend: (string | null | undefined)[] = []
    const outcomes = [SILENT, SILENT, TAKEN]
    const { clock, outbox, sent } = bench({
      answer: (sends) => {
        frozenAtSend.push(outbox.rows[0]?.frozen)
        return outcomes[sends - 1] ?? TAKEN
      },
    })
    outbox.add(transactionFact(0))
    await clock.advance(60_000)
    expect(sent).toHaveLength(3)
    expect(new Set(sent).size).toBe(1)
    expect(frozenAtSend).toEqual(sent)
    expect(outbox.acknowledged).toEqual([1])
  })

  it('sends what an earlier run froze, not what it would build now', async () => {
    const frozen = '{"frozen":"by an earlier version"}'
    const outbox = memoryOutbox([{ id: 4, fact: transactionFact(0), frozen, attempts: 1, maybeSent: true }])
    const { clock, delivery, sent } = bench({ answer: () => TAKEN, outbox })
    delivery.wake()
    await clock.advance(1)
    expect(sent).toEqual([frozen])
    expect(outbox.acknowledged).toEqual([4])
  })

  it('never gives a silent server up, and holds later facts back meanwhile', async () => {
    const { clock, outbox, sent } = bench({ answer: () => SILENT })
    outbox.add(transactionFact(0))
    outbox.add(transactionFact(1))
    await clock.advance(3_600_000)
    expect(sent.length).toBeGreaterThan(60)
    expect(new Set(seqNos(sent))).toEqual(new Set([0]))
    expect(outbox.parked).toEqual([])
    expect(outbox.rows).toHaveLength(2)
  })

  it('parks a fact that is refused as often as allowed, with the reason, and goes on with the next', async () => {
    const { clock, outbox, sent } = bench({
      answer: (_sends, payload) => (JSON.parse(payload).seqNo === 0 ? REFUSED : TAKEN),
    })
    outbox.add(transactionFact(0))
    outbox.add(transactionFact(1))
    await clock.advance(60_000)
    expect(seqNos(sent)).toEqual([0, 0, 0, 1])
    expect(outbox.parked).toEqual([{ id: 1, reason: 'refused 3 times, last with FormatViolation: no' }])
    expect(outbox.acknowledged).toEqual([2])
  })

  it.each(['InternalError', 'GenericError', 'SecurityError', 'SomethingNew'])(
    'never parks a fact for %s: the server is told the same bytes until it takes them, then the next',
    async (code) => {
      const { clock, outbox, sent } = bench({
        answer: (sends) => (sends <= 50 ? refusedWith(code) : TAKEN),
      })
      outbox.add(transactionFact(0))
      outbox.add(transactionFact(1))
      await clock.advance(3_600_000)
      expect(outbox.parked).toEqual([])
      expect(outbox.acknowledged).toEqual([1, 2])
      expect(new Set(sent.slice(0, 51)).size).toBe(1)
    },
  )

  it("the server's own trouble does not count towards the attempts of a message", async () => {
    const { clock, outbox } = bench({
      answer: (sends) => (sends <= 20 ? refusedWith('InternalError') : sends <= 22 ? REFUSED : TAKEN),
    })
    outbox.add(transactionFact(0))
    await clock.advance(3_600_000)
    expect(outbox.parked).toEqual([])
    expect(outbox.acknowledged).toEqual([1])
  })

  it('sends nothing while it is not ready, and begins again when the socket is back, also in a wait', async () => {
    const outcomes = [SILENT, TAKEN]
    const { clock, outbox, sent, delivery, state } = bench({
      answer: (sends) => outcomes[sends - 1] ?? TAKEN,
    })
    state.ready = false
    outbox.add(transactionFact(0))
    await clock.advance(10_000)
    expect(sent).toEqual([])
    state.ready = true
    delivery.restart()
    await clock.advance(1)
    expect(sent).toHaveLength(1)
    delivery.restart()
    await clock.advance(1)
    expect(sent).toHaveLength(2)
    expect(outbox.acknowledged).toEqual([1])
  })

  it('waits for the next socket when this one closed under it', async () => {
    const outcomes = [failed({ kind: 'closed' }), TAKEN]
    const { clock, outbox, sent, delivery } = bench({ answer: (sends) => outcomes[sends - 1] ?? TAKEN })
    outbox.add(transactionFact(0))
    await clock.advance(600_000)
    expect(sent).toHaveLength(1)
    delivery.restart()
    await clock.advance(1)
    expect(sent[1]).toBe(sent[0])
    expect(outbox.acknowledged).toEqual([1])
  })

  it('asks a store that failed again after a while', async () => {
    const inner = memoryOutbox()
    let failures = 2
    const outbox: MemoryOutbox = Object.assign(Object.create(inner) as MemoryOutbox, {
      next: async () => {
        if (failures-- > 0) throw new Error('disk full')
        return inner.next()
      },
    })
    const { clock } = bench({ answer: () => TAKEN, outbox })
    inner.add(transactionFact(0))
    await clock.advance(60_000)
    expect(inner.acknowledged).toEqual([1])
  })

  it('does not count a try when the server wants a boot first', async () => {
    const { clock, outbox, sent, delivery } = bench({
      answer: (sends) => (sends <= 5 ? REFUSED : TAKEN),
      mustBoot: () => true,
    })
    outbox.add(transactionFact(0))
    for (let count = 0; count < 5; count++) {
      await clock.advance(1)
      delivery.restart()
    }
    await clock.advance(1)
    expect(sent.length).toBeGreaterThanOrEqual(5)
    expect(outbox.parked).toEqual([])
    expect(outbox.rows[0]?.attempts ?? 0).toBe(0)
  })
})

describe('the verdict on a try', () => {
  const tuning = { attemptsMax: 5, intervalMs: 2000 }
  it('is never to drop: every outcome acknowledges, parks, waits or pauses', () => {
    const outcomes: readonly Outcome[] = [
      TAKEN,
      REFUSED,
      SILENT,
      failed({ kind: 'closed' }),
      failed({ kind: 'notOpen' }),
    ]
    const kinds = outcomes.map((outcome) => verdict(outcome, { refusals: 0, silences: 0 }, tuning, 0.5).kind)
    expect(kinds).toEqual(['acknowledge', 'wait', 'wait', 'pause', 'pause'])
    expect(verdict(REFUSED, { refusals: 4, silences: 0 }, tuning, 0).kind).toBe('park')
  })

  it.each([
    ['a silence', SILENT],
    ["the server's own trouble", refusedWith('InternalError')],
  ])('doubles the wait of %s up to a minute, half of it at random', (_, outcome) => {
    const waits = [0, 1, 2, 3, 10, 40].map((silences) =>
      [0, 0.999].map((random) => {
        const said = verdict(outcome, { refusals: 0, silences }, tuning, random)
        return said.kind === 'wait' ? said.ms : -1
      }),
    )
    expect(waits).toEqual([
      [500, 1000],
      [1000, 1999],
      [2000, 3998],
      [4000, 7996],
      [30_000, 59_970],
      [30_000, 59_970],
    ])
  })
})
