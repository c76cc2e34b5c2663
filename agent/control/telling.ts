// What keeper and the log are told: facts once they are mirrored, the status on each change and once a second, and all of
// it anew with a hello.
import type { Logger } from 'pino'
import type { MonotonicMs } from '../../shared/units.ts'
import { type ControlToKeeper, type Fact, LINK_VERSION } from '../control-link/messages.ts'
import type { ControlConfig } from './config.ts'
import { stepFacts } from './fact-book.ts'
import type { BoardSight } from './hardware.ts'
import { type Held, meterView } from './held.ts'
import type { Bus } from './ports/bus.ts'
import { stepMeter } from './safety/meter-judge.ts'
import { type SafetyState, toldNow } from './safety/state.ts'
import { deviceStatuses, type StatusParts, statusKey, statusOf } from './status.ts'

export interface Telling {
  /** @param lostSight the plug-in may be another one, and its permission was dropped: keeper is told all anew to decide. */
  facts(facts: readonly Fact[], now: MonotonicMs, lostSight?: boolean): void
  /** @param always also where nothing has changed */
  status(now: MonotonicMs, always: boolean): void
  hello(now: MonotonicMs): void
  /** Into the log. */
  changes(before: SafetyState): void
}

export function openTelling(options: {
  readonly held: Held
  readonly log: Logger
  readonly config: ControlConfig
  readonly buses: readonly Bus[]
  readonly mirrorAgeMs: number | null
  readonly sight: () => BoardSight
  readonly mirrored: () => Promise<boolean>
  /** A plug was pulled: its register is read now. */
  readonly onUnplugged: () => void
  readonly now: () => MonotonicMs
  readonly send: (message: ControlToKeeper) => boolean
}): Telling {
  const { held, log, config, send } = options
  let lastKey = ''

  function facts(facts: readonly Fact[], now: MonotonicMs, lostSight = false) {
    const view = meterView(held, now)
    const context = {
      newest: view.newest?.reading ?? null,
      fresh: view.fresh,
      relayOpen: held.decision.safety.relay.view === 'open',
    }
    const stepped = stepFacts(held.book, facts, context, now)
    held.book = stepped.book
    if (facts.some((fact) => fact.kind === 'unplugged')) options.onUnplugged()
    // In the order of the book: until an unplugging is written down, the readings are of the car that was there.
    for (const { fact } of stepped.told) {
      if (fact.kind === 'plugged') held.meter = stepMeter(held.meter, { kind: 'plugIn' }, now).state
      if (fact.kind === 'unplugged') held.meter = stepMeter(held.meter, { kind: 'plugOut' }, now).state
    }
    if (facts.length > 0 || stepped.told.length > 0)
      void options.mirrored().then(() => {
        // Told only when mirrored: a number that keeper has seen is never given again.
        if (lostSight) return hello(options.now())
        for (const fact of stepped.told) send({ kind: 'fact', fact })
      })
  }

  function parts(now: MonotonicMs): Omit<StatusParts, 'devices'> | null {
    if (held.binding === null) return null
    return {
      safety: held.decision.safety,
      input: options.sight(),
      binding: held.binding,
      permission: held.permission,
      planVersion: held.set?.version ?? null,
      meter: meterView(held, now),
    }
  }

  function whole(told: Omit<StatusParts, 'devices'>, now: MonotonicMs) {
    const buses = options.buses.map((bus) => bus.status())
    return statusOf({ ...told, devices: deviceStatuses(config, buses, now) }, now)
  }

  function hello(now: MonotonicMs) {
    const told = parts(now)
    if (told === null) return
    send({
      kind: 'hello',
      version: LINK_VERSION,
      bootId: held.bootId,
      permission: held.permission,
      planVersion: held.set?.version ?? null,
      facts: held.book.kept.filter((fact) => fact.number <= held.mirroredNumber),
      status: whole(told, now),
      mirrorAgeMs: options.mirrorAgeMs,
    })
  }

  return {
    facts,
    hello,
    status(now, always) {
      const told = parts(now)
      if (told === null) return
      const key = statusKey(told)
      if (!always && key === lastKey) return
      lastKey = key
      send({ kind: 'status', status: whole(told, now) })
    },
    changes(before) {
      const after = held.decision.safety
      const isNew = (one: SafetyState, other: SafetyState) =>
        one.faults.filter(({ code }) => !other.faults.some((fault) => fault.code === code))
      for (const fault of isNew(after, before)) log.warn({ ...fault }, 'fault raised')
      for (const { code } of isNew(before, after)) log.info({ code }, 'fault cleared')
      if (before.chargingState !== after.chargingState) {
        const offered = toldNow(options.sight())
        const { chargingState: to, pilot } = after
        const because = held.binding?.source
        log.info({ from: before.chargingState, to, pilot, offered, because }, 'charging state')
      }
      if (before.deadman.kind !== after.deadman.kind) log.info({ ...after.deadman }, 'dead-man')
    },
  }
}
