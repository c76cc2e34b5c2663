// The loop in virtual time: what is adopted after a restart, what is told, in what order.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readMirror } from '../../../agent/control/mirror.ts'
import { type KeeperToControl, LINK_VERSION } from '../../../agent/control-link/messages.ts'
import type { FaultCode } from '../../../shared/faults.ts'
import type { LimitPlan } from '../../../shared/limits/plan.ts'
import { message } from '../../../shared/message.ts'
import { amps, monotonicMs } from '../../../shared/units.ts'
import { virtualClock } from './drivers/virtual-clock.ts'
import {
  charge,
  control,
  endLoops,
  installation,
  kill,
  pass,
  permissionFor,
  plans,
  plugged,
  runFolder,
  site,
  withLoops,
} from './loop-rig.ts'

withLoops()

describe('the loop', () => {
  test('pauses before it holds the relay when it knows of no permission', async () => {
    const clock = virtualClock()
    const at = site(clock)
    control(clock, at)
    await pass(clock, 500)
    expect(at.writes).toEqual(['pause', 'hold'])
  })

  test('acknowledges plans and permission, and each is in the mirror by then', async () => {
    const clock = virtualClock()
    const one = await charge(clock, site(clock))
    expect(one.told.filter((told) => told.kind === 'ack')).toEqual([
      { kind: 'ack', of: 'plans', version: 1 },
      { kind: 'ack', of: 'permission', uuid: 's1' },
    ])
    expect(readMirror(runFolder(), 'boot', clock.monotonic())).toMatchObject({
      mirror: { planSet: { version: 1 }, permission: { uuid: 's1' }, chargingState: 'charging' },
    })
  })

  test('a restart within 10 s adopts the charge: the relay is held, nothing is written to the board', async () => {
    const clock = virtualClock()
    const at = site(clock)
    kill(clock, await charge(clock, at))
    await clock.advance(1000)
    at.writes.splice(0)
    const next = control(clock, at)
    await pass(clock, 8000)
    expect(at.writes).toEqual([])
    expect(next.status()).toMatchObject({ chargingState: 'charging', permissionUuid: 's1' })
    expect(next.kinds()).toEqual(['restarted'])
  })

  test('after 5 s down the dead-man has opened; the next control holds it and the charge goes on', async () => {
    const clock = virtualClock()
    const at = site(clock)
    kill(clock, await charge(clock, at))
    await clock.advance(5000)
    at.writes.splice(0)
    const next = control(clock, at)
    await pass(clock, 3000)
    expect(at.writes).toEqual(['hold'])
    expect(next.status()).toMatchObject({ chargingState: 'charging', permissionUuid: 's1', faults: [] })
  })

  test('after more than 10 s the permission is not adopted, and the car needs one again', async () => {
    const clock = virtualClock()
    const at = site(clock)
    kill(clock, await charge(clock, at))
    await clock.advance(11_000)
    at.writes.splice(0)
    const next = control(clock, at)
    await pass(clock, 3000)
    expect(at.writes).toEqual(['pause', 'hold'])
    expect(next.facts().map(({ fact }) => fact)).toMatchObject([
      { kind: 'restarted', mirror: 'tooOld' },
      { kind: 'plugged' },
      { kind: 'chargingState', state: 'occupied' },
    ])
    next.loop.onKeeper({ kind: 'hello', version: LINK_VERSION, bootId: 'boot' })
    expect(next.told.at(-1)).toMatchObject({ kind: 'hello', permission: null, planVersion: 1 })
  })

  test('a mirror of another boot gives nothing', async () => {
    const clock = virtualClock()
    const at = site(clock)
    kill(clock, await charge(clock, at))
    at.writes.splice(0)
    const next = control(clock, at, 'next boot')
    await pass(clock, 1000)
    expect(at.writes[0]).toBe('pause')
    expect(next.facts()[0]?.fact).toEqual({ kind: 'restarted', mirror: 'otherBoot' })
    expect(next.status()).toMatchObject({
      permissionUuid: null,
      planVersion: null,
      binding: { source: 'installation', currentMilliamps: 0 },
    })
  })

  test('facts keep their numbers over a restart until keeper has committed them', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const one = await charge(clock, at)
    const numbers = one.facts().map(({ number }) => number)
    one.loop.onKeeper({ kind: 'factsStored', number: numbers[1] ?? 0 })
    at.world.pilot = 'B'
    await pass(clock, 500)
    kill(clock, one)
    const next = control(clock, at)
    await pass(clock, 500)
    next.loop.onKeeper({ kind: 'hello', version: LINK_VERSION, bootId: 'boot' })
    const hello = next.told.findLast((told) => told.kind === 'hello')
    const kept = hello?.kind === 'hello' ? hello.facts.map(({ number }) => number) : []
    expect(kept[0]).toBe(numbers[2])
    expect(kept).toEqual(kept.map((_, index) => (kept[0] ?? 0) + index))
    expect(kept.at(-1)).toBe((numbers.at(-1) ?? 0) + 2)
  })

  test('a revoke withdraws at once and is acknowledged; one for another uuid changes nothing', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const one = await charge(clock, at)
    at.writes.splice(0)
    one.loop.onKeeper({ kind: 'revoke', uuid: 'other', reason: 'remoteStop' })
    expect(at.writes).toEqual([])
    one.loop.onKeeper({ kind: 'revoke', uuid: 's1', reason: 'remoteStop' })
    expect(at.writes).toEqual(['pause'])
    await pass(clock, 500)
    expect(one.told.filter((told) => told.kind === 'ack' && told.of === 'revoke')).toHaveLength(2)
    expect(readMirror(runFolder(), 'boot', clock.monotonic())).toMatchObject({ mirror: { permission: null } })
  })

  test('a revoke that arrives while its permission is being mirrored cancels it', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const { one, plugId } = await plugged(clock, at)
    one.loop.onKeeper(permissionFor(plugId))
    one.loop.onKeeper({ kind: 'revoke', uuid: 's1', reason: 'localStop' })
    await pass(clock, 1000)
    at.world.pilot = 'C'
    await pass(clock, 2000)
    expect(at.world.offered).toBe(0)
    expect(one.status()?.permissionUuid).toBeNull()
    expect(one.told.filter((told) => told.kind === 'ack').at(-1)).toEqual({
      kind: 'ack',
      of: 'revoke',
      uuid: 's1',
    })
    expect(readMirror(runFolder(), 'boot', clock.monotonic())).toMatchObject({ mirror: { permission: null } })
  })

  test('an acknowledged permission is in the mirror, also when other news was mirrored right behind it', async () => {
    const clock = virtualClock()
    const { one, plugId } = await plugged(clock, site(clock))
    one.loop.onKeeper(plans(2, [installation]))
    one.loop.onKeeper(permissionFor(plugId))
    one.loop.onKeeper(plans(3, [installation]))
    await pass(clock, 250)
    expect(one.told).toContainEqual({ kind: 'ack', of: 'permission', uuid: 's1' })
    const files = readMirror(runFolder(), 'boot', clock.monotonic())
    expect(files).toMatchObject({ mirror: { permission: { uuid: 's1' }, planSet: { version: 3 } } })
  })

  test('a plan that lowers acts before the mirror is written, one that raises only after it', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const upTo = (current: number): LimitPlan => ({
      ...installation,
      afterwards: { kind: 'perPhase', currentMilliamps: amps(current) },
    })
    const one = await charge(clock, at)
    await pass(clock, 6000)
    at.writes.splice(0)
    one.loop.onKeeper(plans(2, [upTo(8)]))
    expect(at.writes).toEqual(['offer 8000'])
    await pass(clock, 6000)
    at.writes.splice(0)
    rmSync(runFolder(), { recursive: true })
    one.loop.onKeeper(plans(3, [upTo(12)]))
    await pass(clock, 6000)
    expect(at.writes).toEqual([])
    mkdirSync(runFolder())
    one.loop.onKeeper(plans(4, [upTo(12)]))
    await pass(clock, 500)
    expect(at.writes).toEqual(['offer 12000'])
  })

  test('a board that is silent for less than 2 s stops no car, however long its settings cannot be read again', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const one = await charge(clock, at)
    at.writes.splice(0)
    at.world.prepareFails = true
    for (const silentMs of [1100, 1700]) {
      at.world.boardDead = true
      await pass(clock, silentMs)
      at.world.boardDead = false
      await pass(clock, 3000)
    }
    expect(at.writes).toEqual([])
    expect(one.status()).toMatchObject({ chargingState: 'charging', faults: [] })
  })

  test('after a board was lost nothing is offered before its settings were found right', async () => {
    const clock = virtualClock()
    const at = site(clock)
    await charge(clock, at)
    at.world.prepareFails = true
    at.world.boardDead = true
    await pass(clock, 2200)
    at.world.boardDead = false
    at.writes.splice(0)
    await pass(clock, 6000)
    expect(at.writes.filter((write) => write.startsWith('offer'))).toEqual([])
    at.world.prepareFails = false
    await pass(clock, 6000)
    expect(at.writes.at(-1)).toBe('offer 16000')
  })

  test.each(['control stands still', 'the board is silent'])(
    '%s for longer than the dead-man holds: the car may be another one, so it needs a permission anew',
    async (how) => {
      const clock = virtualClock()
      const at = site(clock)
      const one = await charge(clock, at)
      const before = one.status()?.plugId
      one.told.splice(0)
      at.writes.splice(0)
      at.world.boardDead = how === 'the board is silent'
      if (at.world.boardDead) await pass(clock, 3000)
      else clock.holdUp(32_000)
      at.world.boardDead = false
      at.world.pilot = 'B'
      await pass(clock, 3000)
      at.world.pilot = 'C'
      await pass(clock, 9000)
      expect(at.writes).toContain('pause')
      expect(at.writes.filter((write) => write.startsWith('offer'))).toEqual([])
      const plugId = one.status()?.plugId
      expect(plugId).not.toBe(before)
      const hello = one.told.find((told) => told.kind === 'hello')
      expect(hello).toMatchObject({ permission: null, status: { plugId, permissionUuid: null } })
      expect(hello?.facts.map(({ fact }) => fact)).toContainEqual({ kind: 'plugged', plugId })
      expect(one.told.some((told) => told.kind === 'fact' && told.fact.fact.kind === 'unplugged')).toBe(false)
      one.loop.onKeeper(permissionFor(plugId ?? ''))
      await pass(clock, 6000)
      expect(one.status()?.chargingState).toBe('charging')
    },
  )

  test('a standstill of control, or of the whole box, ends a group’s lease', async () => {
    const lease: LimitPlan = {
      source: 'group',
      reason: message('limit.profile'),
      steps: [
        {
          untilMonotonicMs: monotonicMs(100_000_000),
          limit: { kind: 'perPhase', currentMilliamps: amps(16) },
        },
      ],
      afterwards: { kind: 'perPhase', currentMilliamps: amps(8) },
    }
    for (const gap of ['held up', 'suspended']) {
      const clock = virtualClock()
      const at = site(clock)
      await charge(clock, at, [lease])
      expect(at.world.offered).toBe(16_000)
      if (gap === 'held up') clock.holdUp(2200)
      else at.world.suspendedMs = 2500
      await pass(clock, 2000)
      expect(at.world.offered, gap).toBe(8000)
      endLoops()
      rmSync(join(runFolder(), 'mirror'), { force: true })
    }
  })

  test('plans of another boot are not used and not acknowledged', async () => {
    const clock = virtualClock()
    const one = await charge(clock, site(clock))
    one.loop.onKeeper({
      kind: 'plans',
      set: { version: 9, bootId: 'elsewhere', phasesWired: 3, mandatory: [], plans: [installation] },
    })
    await pass(clock, 500)
    expect(one.status()?.planVersion).toBe(1)
  })

  test('a mirror that cannot be written: a permission is refused, nothing is offered', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const one = control(clock, at)
    await pass(clock, 1500)
    at.world.pilot = 'B'
    await pass(clock, 500)
    const plugId = one.status()?.plugId ?? ''
    rmSync(runFolder(), { recursive: true })
    one.loop.onKeeper(permissionFor(plugId))
    await pass(clock, 500)
    expect(one.told).toContainEqual({ kind: 'refused', uuid: 's1', why: 'the mirror cannot be written' })
    expect(at.world.offered).toBe(0)
  })
})

describe('faults that keeper remembers from before a power cut', () => {
  const remembered = (code: FaultCode): KeeperToControl => ({
    kind: 'standingFaults',
    faults: [{ code, detail: 'before the cut' }],
  })

  test('a latched one stands: a permission offers nothing until a technician has cleared it', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const { one, plugId } = await plugged(clock, at)
    one.loop.onKeeper(remembered('METER_WENT_BACK'))
    one.loop.onKeeper(permissionFor(plugId))
    at.world.pilot = 'C'
    await pass(clock, 3000)
    expect(one.status()?.faults).toEqual(['METER_WENT_BACK'])
    expect(at.writes.filter((write) => write.startsWith('offer'))).toEqual([])
    one.loop.onKeeper({ kind: 'clearFault', code: 'METER_WENT_BACK' })
    await pass(clock, 3000)
    expect(one.status()?.faults).toEqual([])
    expect(at.writes.filter((write) => write.startsWith('offer'))).not.toEqual([])
    expect(one.facts().map(({ fact }) => fact.kind)).not.toContain('faultRaised')
  })

  test('one that stands until the plug is out is mirrored, and clears then', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const { one } = await plugged(clock, at)
    one.loop.onKeeper(remembered('RESIDUAL_CURRENT'))
    await pass(clock, 3000)
    expect(one.status()?.faults).toEqual(['RESIDUAL_CURRENT'])
    const found = readMirror(runFolder(), 'boot', clock.monotonic())
    expect(found).toMatchObject({ mirror: { faults: [{ code: 'RESIDUAL_CURRENT' }] } })
    at.world.pilot = 'A'
    await pass(clock, 3000)
    expect(one.status()?.faults).toEqual([])
    expect(one.facts().map(({ fact }) => fact)).toContainEqual({
      kind: 'faultCleared',
      code: 'RESIDUAL_CURRENT',
    })
  })
})
