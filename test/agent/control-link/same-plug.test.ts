// Resume rules of the design (honest energy): pilot B, C or D; proximity unchanged; tethered, or locked all the time, or the
// board's own count covers the gap. The whole small space.
import { expect, test } from 'vitest'
import type { Pilot, PlugEvidence } from '../../../agent/control-link/messages.ts'
import { otherPlug } from '../../../agent/control-link/same-plug.ts'
import { amps } from '../../../shared/units.ts'

const GAP_MS = 60_000
const EVIDENCE: readonly PlugEvidence[] = (['open', 'fault', amps(20), amps(32)] as const).flatMap(
  (proximity) =>
    (['tethered', 'held', 'loose'] as const).flatMap((cable) =>
      [null, 0, GAP_MS - 10_001, GAP_MS - 10_000, GAP_MS].map((connectedMs) => ({
        proximity,
        cable,
        connectedMs,
      })),
    ),
)

test('a session goes on exactly where the plug can be no other one', () => {
  let same = 0
  for (const before of [null, ...EVIDENCE])
    for (const now of EVIDENCE)
      for (const pilot of ['A', 'B', 'C', 'D', 'E', 'F'] as const) {
        const expected =
          'BCD'.includes(pilot) &&
          before !== null &&
          now.proximity !== 'fault' &&
          before.proximity === now.proximity &&
          (now.connectedMs === null
            ? now.cable === 'tethered' || (before.cable === 'held' && now.cable === 'held')
            : now.connectedMs >= GAP_MS - 10_000)
        const told = otherPlug(before, now, pilot, GAP_MS)
        expect(told === null, `${JSON.stringify({ before, now, pilot })}: ${told}`).toBe(expected)
        same += expected ? 1 : 0
      }
  expect(same).toBeGreaterThan(100)
})

test.each<[string, Partial<PlugEvidence>, Partial<PlugEvidence>, Pilot, string]>([
  ['an empty box', {}, {}, 'A', 'no car: the first pilot is A'],
  [
    'another cable',
    { proximity: amps(32) },
    { proximity: amps(20) },
    'B',
    'the cable was 32000 and is 20000 by its proximity contact',
  ],
  [
    'a lock that the power let go',
    { cable: 'held' },
    { cable: 'loose' },
    'B',
    'the plug was not locked all the time',
  ],
  [
    'a lock that shut only afterwards',
    { cable: 'loose' },
    { cable: 'held' },
    'B',
    'the plug was not locked all the time',
  ],
  ['a car that came later', {}, { connectedMs: 5000 }, 'C', 'the board has seen this car for 5000 ms only'],
])('%s is told in words', (_name, before, now, pilot, why) => {
  const plain = { proximity: 'open', cable: 'tethered', connectedMs: null } as const
  expect(otherPlug({ ...plain, ...before }, { ...plain, ...now }, pilot, GAP_MS)).toBe(why)
})

test('nothing known before is another plug', () => {
  const now = { proximity: 'open', cable: 'tethered', connectedMs: null } as const
  expect(otherPlug(null, now, 'B', 0)).toBe('nothing is known of the plug before')
})
