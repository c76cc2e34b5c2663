// What people and the world around do to a site: plug, cable, button, the grid operator's relay. Pure.
import type { Car } from './world/car.ts'
import type { World } from './world.ts'

/** The plug in the socket is held by the lock's pin, and a pin that is out keeps a plug from going in. */
const isPinned = (world: World): boolean => world.lock?.position === 'locked'

/**
 * Another car, or another will of this one. Plugging in puts the cable into a socket too; unplugging takes it out where no
 * lock holds it: a locked cable stays in the socket, and the car goes without it.
 */
export function withCar(world: World, change: Partial<Car>): World {
  const car = { ...world.car, ...change }
  const moved = { ...world, car }
  if (world.cable.kind === 'tethered' || car.plugged === world.car.plugged) return moved
  if (!car.plugged) return withCable(moved, { inSocket: false })
  const inside = withCable(world, { inSocket: true })
  // Without a cable in the socket nothing reaches the board.
  return inside.cable.inSocket ? { ...inside, car } : inside
}

/** The cable of a socket box goes in or out, or it is another cable. */
export function withCable(
  world: World,
  change: { readonly inSocket: boolean; readonly amps?: number | 'shorted' },
): World {
  const { cable } = world
  if (cable.kind === 'tethered') return world
  if (change.inSocket !== cable.inSocket && isPinned(world)) {
    return { ...world, plugsHeld: world.plugsHeld + 1 }
  }
  const next = { ...world, cable: { ...cable, ...change } }
  return change.inSocket ? next : { ...next, car: { ...next.car, plugged: false } }
}

export const withGridLimit = (world: World, limited: boolean): World => ({ ...world, gridLimited: limited })

export const withStopPressed = (world: World, ms: number): World => ({
  ...world,
  stopPressedUntilMicros: world.atMicros + ms * 1000,
})
