import { describe, expect, it } from 'vitest'
import { type IoConfig, NO_IO } from '../../../agent/control/config.ts'
import type { Board } from '../../../agent/control/ports/board.ts'
import type { InputModule, RelayModule } from '../../../agent/control/ports/io.ts'
import { openWiring } from '../../../agent/control/wiring.ts'
import { err, ok } from '../../../shared/result.ts'
import { amps, watts } from '../../../shared/units.ts'
import { virtualClock } from './drivers/virtual-clock.ts'

const input = (channel: number, activeWhen: 'closed' | 'open' = 'closed') => ({
  module: 'inputs',
  channel,
  activeWhen,
})
const IO: IoConfig = {
  ...NO_IO,
  lock: {
    close: { module: 'relays', channel: 1 },
    open: { module: 'relays', channel: 2 },
    pulseMs: 600,
    feedback: input(1),
  },
  release: { relay: { module: 'relays', channel: 3 }, mirror: input(2, 'open') },
  residualCurrent: input(3, 'open'),
  stopButton: input(4),
  gridLimit: { ...input(5), limitWatts: watts(4200) },
}

function bench(io = IO, lock: Board['facts']['lock'] = 'none') {
  const clock = virtualClock()
  const at = { closed: Array.from({ length: 8 }, () => false), dead: false, changes: 0 }
  const orders: string[] = []
  const inputs: InputModule = {
    name: 'inputs',
    channels: 8,
    read: async () =>
      at.dead
        ? err({ kind: 'timedOut' })
        : ok({ takenAtMonotonicMs: clock.monotonic(), closed: [...at.closed] }),
  }
  const answer = (order: string) => {
    if (at.dead) return err({ kind: 'timedOut' } as const)
    orders.push(order)
    return ok(null)
  }
  const relays: RelayModule = {
    name: 'relays',
    channels: 8,
    set: async (channel, closed) => answer(`${channel} ${closed ? 'on' : 'off'}`),
    pulse: async (channel, ms) => answer(`${channel} for ${ms}`),
  }
  const facts: Board['facts'] = {
    stepMilliamps: amps(1),
    currentMaxMilliamps: amps(32),
    deadman: { kind: 'external', cuts: 'release' },
    hasRelayFeedback: false,
    tellsOscillator: true,
    lock,
    hasSelfTest: false,
  }
  const silent = async () => err({ kind: 'timedOut' } as const)
  const board: Board = {
    name: 'board',
    facts,
    prepare: silent,
    read: silent,
    offer: silent,
    pause: silent,
    async lock() {
      orders.push('board locks')
      return ok(null)
    },
  }
  const wiring = openWiring({
    clock,
    config: {
      io,
      cable: { kind: 'socket', ratingMilliamps: amps(32), permanentLock: false, atPowerLoss: 'unlocks' },
      billedOrRestricted: false,
      silenceProvedMs: null,
      metersOutlet: false,
    },
    modules: { relays: new Map([['relays', relays]]), inputs: new Map([['inputs', inputs]]) },
    board,
    onChange: () => {
      at.changes++
    },
  })
  wiring.start()
  return { clock, at, orders, wiring }
}

describe('inputs', () => {
  it('are told with their polarity and the time at which they were read, and a change is told at once', async () => {
    const { clock, at, wiring } = bench()
    expect(wiring.wired()).toMatchObject({ residualTripped: null, stopPressed: null })
    await clock.advance(250)
    const readAt = clock.monotonic() - 50
    expect(wiring.wired()).toMatchObject({
      residualTripped: { value: true, takenAtMonotonicMs: readAt },
      stopPressed: { value: false },
      releaseClosed: { value: true },
    })
    expect(wiring.gridRelay()).toMatchObject({ limitWatts: 4200, limits: { value: false } })
    const before = at.changes
    at.closed[3] = true
    await clock.advance(100)
    expect(at.changes).toBe(before + 1)
    expect(wiring.wired().stopPressed?.value).toBe(true)
  })

  it('keep their time when the module falls silent', async () => {
    const { clock, at, wiring } = bench()
    await clock.advance(100)
    const seen = wiring.wired().stopPressed
    at.dead = true
    await clock.advance(5000)
    expect(wiring.wired().stopPressed).toEqual(seen)
  })

  it('that are not wired are not told, and nobody is asked for them', () => {
    const { wiring } = bench(NO_IO)
    expect(wiring.wired()).toEqual({
      lock: null,
      releaseClosed: null,
      residualTripped: null,
      stopPressed: null,
      releaseWritten: { kind: 'unknown' },
    })
    expect(wiring.gridRelay()).toBeUndefined()
  })
})

describe('the lock', () => {
  it('is pulsed one way at a time, the newest order last, and moves until its feedback has settled', async () => {
    const { clock, at, orders, wiring } = bench()
    await clock.advance(100)
    expect(wiring.wired().lock?.value).toBe('unlocked')
    wiring.lock()
    wiring.unlock()
    wiring.lock()
    at.closed[0] = true
    await clock.advance(500)
    expect(orders).toEqual(['1 for 600'])
    expect(wiring.wired().lock?.value).toBe('moving')
    await clock.advance(700)
    expect(orders).toEqual(['1 for 600', '1 for 600'])
    await clock.advance(1000)
    expect(wiring.wired().lock?.value).toBe('locked')
  })

  it('is moved by the board where no motor is wired', () => {
    const { orders, wiring } = bench(NO_IO)
    wiring.lock()
    expect(orders).toEqual(['board locks'])
  })

  it.each([
    ['module', IO, 'none'],
    ['board', NO_IO, 'confirmed'],
    ['none', NO_IO, 'commanded'],
  ] as const)('is confirmed by: %s', (feedback, io, lock) => {
    expect(bench(io, lock).wiring.site().connector).toMatchObject({ kind: 'socket', feedback })
  })
})

describe('the release contactor', () => {
  it('is held closed by refreshes and told open at once', async () => {
    const { clock, orders, wiring } = bench()
    wiring.closeRelease()
    await clock.advance(2400)
    expect(orders).toEqual(Array.from({ length: 5 }, () => '3 for 2000'))
    expect(wiring.wired().releaseWritten.kind).toBe('closed')
    wiring.openRelease()
    await clock.advance(1)
    expect(orders.at(-1)).toBe('3 off')
    expect(wiring.wired().releaseWritten.kind).toBe('opened')
    await clock.advance(3000)
    expect(orders.at(-1)).toBe('3 off')
  })

  it('is not known to be closed when it was not refreshed for as long as it holds', async () => {
    const { clock, at, wiring } = bench()
    wiring.closeRelease()
    await clock.advance(100)
    at.dead = true
    await clock.advance(1000)
    expect(wiring.wired().releaseWritten.kind).toBe('closed')
    await clock.advance(1500)
    expect(wiring.wired().releaseWritten.kind).toBe('unknown')
  })
})
