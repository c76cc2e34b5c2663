// What holds for each simulated board whatever is asked of it and whatever its terminals carry.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BoardInputs } from '../../../hw-sim/devices/board.ts'
import { BOARDS } from '../../../hw-sim/devices/boards.ts'
import { boardAlone } from './board-alone.ts'

const vehicle = fc.constantFrom<BoardInputs['vehicle'][]>('A', 'B', 'B', 'C', 'C', 'C', 'D', 'E')

/** What makes each of them offer 16 A. */
const ORDERS: Readonly<Record<string, readonly string[]>> = {
  'abl-emh1': ['10 0014 0001 02 010a'],
  'evracing-evse-din': ['10 03e8 0001 02 0010'],
  'heidelberg-energy-control': ['06 0103 0001', '06 0105 00a0'],
  'keba-p30': ['06 138c 3e80', '06 1396 0001'],
  'mennekes-amtron-compact-2s': ['06 0d00 55aa', '10 0302 0002 04 4180 0000', '06 0d05 0001'],
  'phoenix-ev-cc-ac1-m3-rtu': ['06 0fa0 0003', '06 55f0 0010', '05 4e20 ff00'],
  'viridian-epc2-plus': ['06 0006 0010', '06 0005 0001'],
}
/** One terminal changes at a time, the car most often; what stops a board is mended as often as it comes. */
const terminals: fc.Arbitrary<Partial<BoardInputs>> = fc.oneof(
  { weight: 8, arbitrary: vehicle.map((it) => ({ vehicle: it })) },
  { weight: 1, arbitrary: fc.boolean().map((supplied) => ({ supplied })) },
  { weight: 1, arbitrary: fc.boolean().map((released) => ({ released })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<BoardInputs['proximityAmps'][]>(0, 13, 20, 32, 63, 'shorted')
      .map((proximityAmps) => ({ proximityAmps })),
  },
  { weight: 1, arbitrary: fc.constantFrom(true, false, null).map((locked) => ({ locked })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<(readonly number[])[]>([], [], [1], [3]).map((heldErrors) => ({ heldErrors })),
  },
  { weight: 1, arbitrary: fc.boolean().map((heldUnavailable) => ({ heldUnavailable })) },
)
const word = fc.integer({ min: 0, max: 0xffff })
const hex = (value: number) => value.toString(16).padStart(4, '0')

type Deed =
  | { readonly kind: 'order' }
  | { readonly kind: 'terminals'; readonly to: Partial<BoardInputs> }
  | { readonly kind: 'ask'; readonly pdu: string }
  | { readonly kind: 'run'; readonly ms: number }

/** Requests to its own rows, good and bad, and noise. */
const requests = (addresses: readonly number[]) => {
  const address = fc.oneof(fc.constantFrom(...addresses), word)
  const value = fc.oneof(word, fc.constantFrom(0, 1, 6, 16, 160, 266, 16_000, 0x3e8, 0xa1a1, 0xff00))
  return fc.oneof(
    fc
      .tuple(fc.constantFrom(1, 2, 3, 4), address, fc.integer({ min: 0, max: 20 }))
      .map(([functionCode, at, count]) => `0${functionCode}${hex(at)}${hex(count)}`),
    fc.tuple(fc.constantFrom(5, 6), address, value).map(([code, at, to]) => `0${code}${hex(at)}${hex(to)}`),
    fc.tuple(address, value).map(([at, to]) => `10${hex(at)}000102${hex(to)}`),
    fc.tuple(address, value, value).map(([at, one, two]) => `10${hex(at)}000204${hex(one)}${hex(two)}`),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  )
}

describe.each(Object.entries(BOARDS))('%s', (id, kind) => {
  const addresses = kind.rows.map((row) => row.address)
  const deed: fc.Arbitrary<Deed> = fc.oneof(
    { weight: 2, arbitrary: terminals.map((to) => ({ kind: 'terminals' as const, to })) },
    { weight: 3, arbitrary: requests(addresses).map((pdu) => ({ kind: 'ask' as const, pdu })) },
    { weight: 1, arbitrary: fc.constant({ kind: 'order' as const }) },
    { weight: 3, arbitrary: fc.constantFrom(5, 50, 700, 12_000).map((ms) => ({ kind: 'run' as const, ms })) },
  )

  test.each([true, false])(
    'tethered %s: closes only in C, offers only with its PWM on, and survives what is asked',
    (tethered) => {
      const seen = { offers: 0, closings: 0 }
      fc.assert(
        fc.property(fc.array(deed, { maxLength: 40 }), (deeds) => {
          const at = boardAlone(kind, { tethered })
          Object.assign(at.inputs, { vehicle: 'B', proximityAmps: 32, locked: true })
          const begin: readonly Deed[] = [
            { kind: 'order' },
            { kind: 'terminals', to: { vehicle: 'C' } },
            { kind: 'run', ms: 700 },
          ]
          for (const it of [...begin, ...deeds]) {
            const writesBefore = at.board().view.retentiveWrites
            if (it.kind === 'terminals') Object.assign(at.inputs, it.to)
            if (it.kind === 'order') for (const pdu of ORDERS[id] ?? []) at.ask(pdu)
            if (it.kind === 'run') at.run(it.ms, it.ms > 1000 ? 100 : 5)
            if (it.kind === 'ask') {
              const reply = at.ask(it.pdu)
              // The reply is to what was asked, or an exception of it.
              if (reply !== null)
                expect(Number.parseInt(reply.slice(0, 2), 16) & 0x7f).toBe(
                  Number.parseInt(it.pdu.slice(0, 2) || '0', 16) & 0x7f,
                )
              // Reading wears nothing.
              if (/^0[1-4]/.test(it.pdu)) expect(at.board().view.retentiveWrites).toBe(writesBefore)
            }
            at.run(5)
            const { coil, state, signal, offeredMilliamps, powered } = at.board().view
            seen.offers += offeredMilliamps > 0 ? 1 : 0
            seen.closings += coil ? 1 : 0
            if (coil) expect([powered, state[0] === 'C' || state[0] === 'D']).toEqual([true, true])
            if (offeredMilliamps > 0) {
              expect(signal).toEqual({ kind: 'pwm', offeredMilliamps })
              expect(offeredMilliamps).toBeGreaterThanOrEqual(6000)
              expect(state).toMatch(/2$/)
            }
            if (!at.inputs.supplied) expect([coil, powered, offeredMilliamps]).toEqual([false, false, 0])
          }
        }),
        { seed: 20_261_122, numRuns: 150 },
      )
      expect(seen.offers).toBeGreaterThan(300)
      expect(seen.closings).toBeGreaterThan(150)
    },
  )
})
