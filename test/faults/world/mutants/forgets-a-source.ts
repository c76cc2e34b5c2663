// The grid's plan is not looked at.
import { lowest as real } from '../../../../agent/control/limits/minimum.ts'

export function lowest(...[plans, now]: Parameters<typeof real>): ReturnType<typeof real> {
  const set = plans.set && {
    ...plans.set,
    plans: plans.set.plans.filter(({ source }) => source !== 'grid'),
  }
  return real({ ...plans, set }, now)
}
