// The judge, by itself: what counts as old and new in one step, and what does not.
import { expect, it } from 'vitest'
import { invariant } from '../../../shared/invariant.ts'
import { type Found, judge } from './judge.ts'
import { type Expected, type Step, script } from './script.ts'

const { steps, states } = script(20, 1)

/** The first step that fits, with the states before and after it. */
function found(fits: (step: Step, before: Expected) => boolean) {
  const index = steps.findIndex((step, at) => fits(step, states[at] ?? fail()))
  const [step, done, underWay] = [steps[index], states[index], states[index + 1]]
  invariant(step && done && underWay, 'the script has such a step')
  return { step, done, underWay }
}
const fail = (): never => {
  throw new Error('each step has a state before it')
}
const asFound = (state: Expected): Found => ({ ...state, installationLost: false })

it('a row whose acknowledgement was not durable may be found beside a freeze that was under way', () => {
  const { step, done, underWay } = found(
    (one, before) => one.do === 'freeze' && [...before.rows.values()].some((row) => row.mayBeGone),
  )
  invariant(step.do === 'freeze', 'asked for')
  const frozen = underWay.rows.get(step.key)
  invariant(frozen, 'the step freezes a row that is there')
  const rows = new Map(done.rows).set(step.key, frozen)
  expect(judge(asFound({ ...done, rows }), { done, underWay })).toEqual([])
})

it('once the freeze is done, the row that was acknowledged before it must not come back', () => {
  const { done, underWay } = found(
    (one, before) => one.do === 'freeze' && [...before.rows.values()].some((row) => row.mayBeGone),
  )
  expect(judge(asFound(done), { done: underWay, underWay })).toContainEqual(
    expect.objectContaining({ verdict: 'doubled' }),
  )
})

it('a commit of which one part is new and another old is half', () => {
  const { done, underWay } = found(
    (one) =>
      one.do === 'commit' && (one.change.sessions?.length ?? 0) > 0 && (one.change.rows?.length ?? 0) > 0,
  )
  expect(judge(asFound(done), { done, underWay })).toEqual([])
  expect(judge(asFound(underWay), { done, underWay })).toEqual([])
  expect(judge(asFound({ ...underWay, sessions: done.sessions }), { done, underWay })).toContainEqual(
    expect.objectContaining({ verdict: 'half' }),
  )
})
