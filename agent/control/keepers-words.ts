// What keeper says, and what it changes. A withdrawal acts first and is mirrored then; an acknowledgement, and every
// offer, comes after the mirror.
import type { Logger } from 'pino'
import type { PlanSet } from '../../shared/limits/plan.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type {
  ControlToKeeper,
  KeeperToControl,
  Permission,
  RememberedFault,
} from '../control-link/messages.ts'
import { factsStored } from './fact-book.ts'
import type { Held } from './held.ts'
import { ofThisBoot } from './limits/own-plans.ts'
import type { MeterInput } from './safety/meter-judge.ts'

export function openKeepersWords(options: {
  readonly held: Held
  readonly clock: Clock
  readonly log: Logger
  readonly turn: () => void
  readonly onMeter: (input: MeterInput) => void
  readonly mirrored: () => Promise<boolean>
  readonly sayHello: () => void
  readonly send: (message: ControlToKeeper) => boolean
}): (message: KeeperToControl) => void {
  const { held, log, turn, mirrored, onMeter, send } = options

  function hello(keeperBootId: string) {
    if (keeperBootId !== held.bootId)
      log.warn(
        { keeper: keeperBootId, control: held.bootId },
        'keeper speaks of another boot: its plans are not used',
      )
    if (held.binding === null) turn()
    options.sayHello()
  }

  /** The power took the mirror, not the fault: it stands until it clears as its row says. */
  function takeStanding(told: readonly RememberedFault[]) {
    const { safety } = held.decision
    const back = told.filter(({ code }) => !safety.faults.some((fault) => fault.code === code))
    if (back.length === 0) return
    log.warn({ faults: back }, 'faults of before the power cut stand')
    held.decision = { ...held.decision, safety: { ...safety, faults: [...safety.faults, ...back] } }
    turn()
    void mirrored()
  }

  async function takePlans(next: PlanSet) {
    if (ofThisBoot(next, held.bootId) === null) return
    held.set = next
    turn()
    if (await mirrored()) send({ kind: 'ack', of: 'plans', version: next.version })
  }

  async function takePermission(next: Permission) {
    const { uuid, plugId } = next
    const refuse = (why: string) => {
      log.warn({ uuid, plugId, why }, 'permission refused')
      send({ kind: 'refused', uuid, why })
    }
    if (plugId !== held.decision.safety.plugId)
      return refuse('it is for another plug-in, or nothing is plugged')
    const other = [held.permission, held.pending].find((one) => one !== null && one.uuid !== uuid)
    if (other) return refuse(`${other.uuid} is still permitted`)
    // Mirrored before anything is offered for it, so that the next control adopts what this one began.
    held.pending = next
    const isMirrored = await mirrored()
    if (held.pending !== next) {
      // Revoked, told anew, or the plug was pulled: whoever took it away mirrors what holds now.
      if (plugId !== held.decision.safety.plugId) refuse('the plug was pulled meanwhile')
      return
    }
    held.pending = null
    if (!isMirrored) {
      void mirrored()
      return refuse('the mirror cannot be written')
    }
    held.permission = next
    log.info({ uuid, plugId }, 'permission')
    send({ kind: 'ack', of: 'permission', uuid })
    turn()
  }

  async function revoke(uuid: string, reason: string) {
    if (held.permission?.uuid === uuid || held.pending?.uuid === uuid) {
      held.permission = null
      held.pending = null
      log.info({ uuid, reason }, 'permission revoked')
      turn()
    }
    if (await mirrored()) send({ kind: 'ack', of: 'revoke', uuid })
  }

  return (message) => {
    held.keeperHeardAt = options.clock.monotonic()
    switch (message.kind) {
      case 'alive':
        return
      case 'hello':
        return hello(message.bootId)
      case 'plans':
        return void takePlans(message.set)
      case 'permission':
        return void takePermission(message.permission)
      case 'revoke':
        return void revoke(message.uuid, message.reason)
      case 'factsStored':
        held.book = factsStored(held.book, message.number)
        if (!held.book.kept.some(({ fact }) => fact.kind === 'meterReplaced'))
          onMeter({ kind: 'replacementStored' })
        return
      case 'standingFaults':
        return takeStanding(message.faults)
      case 'clearFault':
        log.info({ code: message.code }, 'a technician clears a fault')
        held.cleared.push(message.code)
        if (message.code === 'METER_WENT_BACK') onMeter({ kind: 'wentBackCleared' })
        if (message.code === 'METER_REPLACED') onMeter({ kind: 'replacementStored' })
        return turn()
    }
  }
}
