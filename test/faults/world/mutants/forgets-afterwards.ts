// When nobody speaks any more the last step goes on holding: `afterwards` never comes.
import { lowest as real } from '../../../../agent/control/limits/minimum.ts'

export function lowest(...[plans, now]: Parameters<typeof real>): ReturnType<typeof real> {
  const set = plans.set && {
    ...plans.set,
    plans: plans.set.plans.map((plan) => ({
      ...plan,
      afterwards: plan.steps.at(-1)?.limit ?? plan.afterwards,
    })),
  }
  return real({ ...plans, set }, now)
}
