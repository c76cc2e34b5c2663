// The lowest limit is rounded up to the board's step, not down.
import { lowest as real } from '../../../../agent/control/limits/minimum.ts'
import { milliAmps } from '../../../../shared/units.ts'

export function lowest(...[plans, now]: Parameters<typeof real>): ReturnType<typeof real> {
  const found = real(plans, now)
  const raw = found.rawMilliamps
  const isWhole = raw % plans.stepMilliamps === 0
  if (isWhole || found.binding.currentMilliamps === 0) return found
  const currentMilliamps = milliAmps(found.binding.currentMilliamps + plans.stepMilliamps)
  return { ...found, binding: { ...found.binding, currentMilliamps } }
}
