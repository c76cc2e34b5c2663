import { describe, expect, test } from 'vitest'
import { lowest } from '../../../../agent/control/limits/minimum.ts'
import { RESUME_FREE, type ResumeState, stepResume } from '../../../../agent/control/limits/resume.ts'
import type { LimitPlan, LimitSource } from '../../../../shared/limits/plan.ts'
import { message } from '../../../../shared/message.ts'
import { milliAmps, monotonicMs } from '../../../../shared/units.ts'

const HARDWARE: LimitPlan[] = (['installation', 'board', 'cable'] as const).map((source) => ({
  source,
  reason: message('limit.installation'),
  steps: [],
  afterwards: { kind: 'perPhase', currentMilliamps: milliAmps(32_000) },
}))

/** Plays a table of `[second, limit in A, heard]` and gives what the car was allowed in each row. */
function play(
  rows: readonly (readonly [number, number, boolean?])[],
  options: { source?: LimitSource; step?: number; permitted?: (second: number) => boolean } = {},
): number[] {
  const source = options.source ?? 'group'
  const stepMilliamps = milliAmps(options.step ?? 100)
  let state: ResumeState = RESUME_FREE
  return rows.map(([second, ampere, heard = true]) => {
    const now = monotonicMs(second * 1000)
    const limit = { kind: 'perPhase', currentMilliamps: milliAmps(ampere * 1000) } as const
    const plan: LimitPlan = {
      source,
      reason: message('limit.profile'),
      steps: heard ? [{ untilMonotonicMs: monotonicMs(now + 1000), limit }] : [],
      afterwards: limit,
    }
    const step = stepResume(
      state,
      {
        lowest: lowest({ set: null, own: [...HARDWARE, plan], phasesWired: 3, stepMilliamps }, now),
        heard: () => heard,
        permitted: options.permitted?.(second) ?? true,
        stepMilliamps,
      },
      now,
    )
    state = step.state
    return step.lowest.binding.currentMilliamps
  })
}

describe('the end of a pause that a group or the grid made', () => {
  test('6.5 A or more resumes after 60 s, not before', () => {
    expect(
      play([
        [0, 16],
        [1, 5],
        [2, 16],
        [60, 16],
        [61, 16],
      ]),
    ).toEqual([16_000, 0, 0, 0, 16_000])
  })

  test('a board of whole amperes needs 7 A', () => {
    const rows = [
      [0, 16],
      [1, 5],
      [61, 6.6],
      [62, 7],
    ] as const
    expect(play(rows, { step: 1000 })).toEqual([16_000, 0, 0, 7000])
    expect(play(rows, { step: 100 })).toEqual([16_000, 0, 6600, 7000])
  })

  test('6 A resumes when it was stable for 60 s; a dip begins the minute anew', () => {
    expect(
      play([
        [0, 16],
        [1, 5],
        [30, 6],
        [61, 6],
        [89, 6],
        [90, 6],
      ]),
    ).toEqual([16_000, 0, 0, 0, 0, 6000])
    expect(
      play([
        [0, 16],
        [1, 5],
        [30, 6],
        [60, 5.9],
        [61, 6],
        [100, 6],
        [121, 6],
      ]),
    ).toEqual([16_000, 0, 0, 0, 0, 0, 6000])
  })

  test.each(['schedule', 'profile', 'user'] as const)('a pause by %s is not held', (source) => {
    expect(
      play(
        [
          [0, 16],
          [1, 0],
          [2, 16],
        ],
        { source },
      ),
    ).toEqual([16_000, 0, 16_000])
  })

  test('the first offer is not held, nor the end of a silence', () => {
    expect(
      play([
        [0, 0],
        [1, 6],
      ]),
    ).toEqual([0, 6000])
    expect(
      play([
        [0, 16],
        [1, 0, false],
        [2, 6],
      ]),
    ).toEqual([16_000, 0, 6000])
    expect(
      play([
        [0, 16],
        [1, 5],
        [2, 6, false],
      ]),
    ).toEqual([16_000, 0, 6000])
  })

  test('a new permission starts free', () => {
    const rows = [
      [0, 16],
      [1, 5],
      [2, 16],
      [3, 16],
    ] as const
    expect(play(rows, { permitted: (second) => second !== 2 })).toEqual([16_000, 0, 16_000, 16_000])
  })
})
