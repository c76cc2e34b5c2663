// Boards that are stopped by something else than a relay at their release input: a watchdog of their own, or their supply.
import { describe, expect, test } from 'vitest'
import { LINK_VERSION } from '../../../agent/control-link/messages.ts'
import { type VirtualClock, virtualClock } from './drivers/virtual-clock.ts'
import {
  charge,
  control,
  installation,
  kill,
  pass,
  permissionFor,
  plans,
  plugged,
  type SiteKind,
  site,
  withLoops,
} from './loop-rig.ts'

withLoops()

const OWN: SiteKind = {
  deadman: { kind: 'own', fedBy: 'anyRequest', feedMs: 1000 },
  timeoutMs: 3000,
  fallbackMilliamps: 0,
  hasService: false,
}
const FED: SiteKind = { ...OWN, deadman: { kind: 'own', fedBy: 'feed', feedMs: 1500 } }
const SUPPLY: SiteKind = {
  deadman: { kind: 'external', cuts: 'supply' },
  timeoutMs: 0,
  fallbackMilliamps: 6000,
  hasService: false,
}

const draws = async (at: ReturnType<typeof site>) => {
  const read = await at.meter.readNext()
  return read.ok && read.value !== null ? read.value.currentsMilliamps[0] : null
}

const raised = (one: ReturnType<typeof control>) =>
  one.facts().flatMap(({ fact }) => (fact.kind === 'faultRaised' ? [fact.code] : []))

/** A charge that is revoked, with a car that goes on in C1; told until its current ends. */
async function stuck(clock: VirtualClock, at: ReturnType<typeof site>) {
  const one = await charge(clock, at)
  at.world.ignoresPause = true
  one.loop.onKeeper({ kind: 'revoke', uuid: 's1', reason: 'remoteStop' })
  await pass(clock, 5500)
  expect(await draws(at)).toBe(6000)
  return one
}

describe('a board with a watchdog of its own', () => {
  test.each([
    ['any request', OWN],
    ['a write of its own', FED],
  ])(
    'that %s feeds: fed while control lives, and the current ends in time when it is gone',
    async (_by, kind) => {
      const clock = virtualClock()
      const at = site(clock, kind)
      const one = await charge(clock, at)
      await pass(clock, 20_000)
      expect(await draws(at)).toBe(16_000)
      expect(one.status()?.faults).toEqual([])
      kill(clock, one)
      await clock.advance(kind.timeoutMs)
      expect(await draws(at)).toBe(0)
    },
  )

  test('is not fed before it was paused, where nothing permits its current', async () => {
    const clock = virtualClock()
    const at = site(clock, FED)
    at.world.boardDead = true
    control(clock, at)
    await pass(clock, 1000)
    at.world.boardDead = false
    expect(at.world.fedAt).toBe(Number.NEGATIVE_INFINITY)
    at.writes.splice(0)
    await pass(clock, 1500)
    expect(at.writes[0]).toBe('pause')
    expect(at.world.fedAt).toBeGreaterThan(0)
  })

  test('a car that no pause stops is taken out of service, and the board comes back when it was seen open', async () => {
    const clock = virtualClock()
    const at = site(clock, { ...OWN, hasService: true })
    const one = await stuck(clock, at)
    at.writes.splice(0)
    await pass(clock, 1500)
    expect(at.writes).toEqual(['out of service'])
    expect(await draws(at)).toBe(0)
    at.world.ignoresPause = false
    await pass(clock, 10_000)
    expect(at.writes).toEqual(['out of service', 'into service'])
    expect(raised(one)).toEqual(['UNPERMITTED_CURRENT'])
  })

  test('a car that no pause stops, and no order takes it out of service: nothing is said until the watchdog has run out', async () => {
    const clock = virtualClock()
    const at = site(clock, OWN)
    const one = await stuck(clock, at)
    await pass(clock, 1000)
    const fedAt = at.world.fedAt
    await pass(clock, 3000)
    expect(at.world.fedAt).toBeLessThan(fedAt + 750)
    expect(await draws(at)).toBe(0)
    at.world.ignoresPause = false
    await pass(clock, 20_000)
    expect(clock.monotonic() - at.world.fedAt).toBeLessThan(200)
    expect(raised(one)).toEqual(['UNPERMITTED_CURRENT'])
  })

  test('that offers something when nobody talks is never kept in silence: the pause is all there is', async () => {
    const clock = virtualClock()
    const at = site(clock, { ...OWN, fallbackMilliamps: 6000 })
    await stuck(clock, at)
    for (let second = 0; second < 10; second++) {
      await pass(clock, 1000)
      expect(clock.monotonic() - at.world.fedAt).toBeLessThan(200)
    }
  })

  test('lost and back: BOARD_LOST, and no fault of a relay that is not there', async () => {
    const clock = virtualClock()
    const at = site(clock, OWN)
    const one = await charge(clock, at)
    at.world.boardDead = true
    await pass(clock, 8000)
    expect(one.status()?.faults).toEqual(['BOARD_LOST'])
    expect(await draws(at)).toBe(0)
    at.world.boardDead = false
    await pass(clock, 2000)
    expect(one.status()?.faults).toEqual([])
  })

  test('whose fallback is above the lowest fixed limit offers nothing: DEADMAN_TOO_HIGH', async () => {
    const clock = virtualClock()
    const at = site(clock, { ...OWN, fallbackMilliamps: 20_000 })
    const { one, plugId } = await plugged(clock, at)
    one.loop.onKeeper(permissionFor(plugId))
    await pass(clock, 5000)
    expect(one.status()?.faults).toEqual(['DEADMAN_TOO_HIGH'])
    expect(at.writes.filter((write) => write.startsWith('offer'))).toEqual([])
  })
})

describe('a board whose supply the dead-man cuts', () => {
  test('gets its supply, is paused with its first breath, and charges', async () => {
    const clock = virtualClock()
    const at = site(clock, SUPPLY)
    const one = control(clock, at)
    one.loop.onKeeper({ kind: 'hello', version: LINK_VERSION, bootId: 'boot' })
    one.loop.onKeeper(plans(1, [installation]))
    await pass(clock, 2000)
    expect(at.writes).toContain('hold')
    expect(at.world.offered).toBe(0)
    at.world.pilot = 'B'
    await pass(clock, 500)
    one.loop.onKeeper(permissionFor(one.status()?.plugId ?? ''))
    at.world.pilot = 'C'
    await pass(clock, 2000)
    expect(await draws(at)).toBe(16_000)
    expect(one.facts().filter(({ fact }) => fact.kind === 'faultRaised')).toEqual([])
  })

  test('a car that no pause stops: the supply is cut until no current flows, then it is back and paused', async () => {
    const clock = virtualClock()
    const at = site(clock, SUPPLY)
    const one = await stuck(clock, at)
    at.writes.splice(0)
    await pass(clock, 1500)
    expect(at.writes[0]).toBe('release')
    expect(await draws(at)).toBe(0)
    at.world.ignoresPause = false
    await pass(clock, 10_000)
    expect(at.writes.filter((write) => write === 'hold')).toEqual(['hold'])
    expect(at.world.offered).toBe(0)
    expect(raised(one)).toEqual(['UNPERMITTED_CURRENT'])
  })

  test('lost: the supply is cut, and comes back once a minute until the board answers', async () => {
    const clock = virtualClock()
    const at = site(clock, SUPPLY)
    const one = await charge(clock, at)
    at.world.boardDead = true
    at.writes.splice(0)
    // Once a minute: with its supply back the board may offer by itself what nobody has permitted.
    await pass(clock, 150_000)
    expect(one.status()?.faults).toContain('BOARD_LOST')
    const cuts = at.writes.filter((write) => write === 'release').length
    expect(cuts).toBe(3)
    at.world.boardDead = false
    await pass(clock, 70_000)
    expect(one.status()?.faults).toEqual([])
    expect(at.world.offered).toBe(0)
  })
})
