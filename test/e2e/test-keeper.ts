// Keeper's part of the link to control, as tests with real processes speak it.
import { type ControlLink, connectControl } from '../../agent/control-link/client.ts'
import {
  type ControlStatus,
  type ControlToKeeper,
  LINK_VERSION,
  type NumberedFact,
  type Permission,
} from '../../agent/control-link/messages.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import type { Limit, PlanSet } from '../../shared/limits/plan.ts'
import { message } from '../../shared/message.ts'
import { amps } from '../../shared/units.ts'

const clock = systemClock()

export interface TestKeeper {
  readonly link: ControlLink
  readonly heard: ControlToKeeper[]
  status(): ControlStatus | null
  facts(): NumberedFact[]
  charge(uuid: string, limit?: Limit): Promise<Permission>
  plans(limit: Limit): void
}

export async function until<T>(
  what: string,
  look: () => T | null | false | Promise<T | null | false>,
  withinMs = 30_000,
): Promise<T> {
  const deadline = clock.monotonic() + withinMs
  for (;;) {
    const found = await look()
    if (found !== null && found !== false) return found
    if (clock.monotonic() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await clock.sleep('look again', 10)
  }
}

/** Keeper's end of the link, spoken by a test. */
export function startKeeper(socketPath: string, bootId: string): TestKeeper {
  const heard: ControlToKeeper[] = []
  let version = 0
  const quiet = { info: () => undefined, warn: () => undefined }
  const link = connectControl({
    socketPath,
    clock,
    log: quiet,
    onMessage: (told) => heard.push(told),
    onConnected: () => link.send({ kind: 'hello', version: LINK_VERSION, bootId }),
    onDisconnected: () => undefined,
  })
  const status = () =>
    heard.reduce<ControlStatus | null>((newest, told) => {
      if (told.kind === 'hello' || told.kind === 'status') return told.status
      return newest
    }, null)
  const plans = (limit: Limit) => {
    version++
    const set: PlanSet = {
      version,
      bootId,
      phasesWired: 3,
      mandatory: ['installation'],
      plans: [
        { source: 'installation', reason: message('limit.installation'), steps: [], afterwards: limit },
      ],
    }
    link.send({ kind: 'plans', set })
  }
  return {
    link,
    heard,
    status,
    plans,
    facts: () => {
      const told = heard.flatMap((one) =>
        one.kind === 'fact' ? [one.fact] : one.kind === 'hello' ? one.facts : [],
      )
      return [...new Map(told.map((fact) => [fact.number, fact])).values()]
    },
    async charge(uuid, limit = { kind: 'perPhase', currentMilliamps: amps(16) }) {
      plans(limit)
      const plugged = await until('a plug-in with a meter reading', () => {
        const now = status()
        return now?.plugId && now.meter ? { plugId: now.plugId, meter: now.meter } : null
      })
      const permission: Permission = {
        uuid,
        evseId: 1,
        idToken: 'token',
        plugId: plugged.plugId,
        meterSerial: plugged.meter.serial,
        startRegisterWh: plugged.meter.registerWh,
        bootId,
        startedAtMonotonicMs: clock.monotonic(),
      }
      link.send({ kind: 'permission', permission })
      return permission
    },
  }
}
