// The energy account under everything that can happen, in any order: it adds up after each step, each session's energy
// is a difference of registers, and a fact that comes twice does nothing.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { accountErrorWh } from '../../../../agent/keeper/sessions/account.ts'
import { wattHours } from '../../../../shared/units.ts'
import { world } from './world.ts'

type Event =
  | {
      readonly kind:
        | 'plug'
        | 'unplug'
        | 'stop'
        | 'release'
        | 'killKeeper'
        | 'minute'
        | 'quarter'
        | 'replaceMeter'
        | 'setBack'
    }
  | { readonly kind: 'flow'; readonly wh: number }
  | { readonly kind: 'unseenUnplug' | 'loseControl' | 'repeatFacts' | 'quietMeter' | 'stepBack' }
  | {
      readonly kind: 'powerCut'
      readonly ms: number
      readonly stays: boolean
      readonly wh: number
      readonly swaps: boolean
    }

const simple = fc.constantFrom(
  'plug' as const,
  'unplug' as const,
  'stop' as const,
  'release' as const,
  'killKeeper' as const,
  'minute' as const,
  'quarter' as const,
  'replaceMeter' as const,
  'setBack' as const,
  'unseenUnplug' as const,
  'loseControl' as const,
  'repeatFacts' as const,
  'quietMeter' as const,
  'stepBack' as const,
)
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 3, arbitrary: simple.map((kind) => ({ kind })) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('flow' as const), wh: fc.integer({ min: 0, max: 9000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('powerCut' as const),
      ms: fc.integer({ min: 0, max: 30 * 3_600_000 }),
      stays: fc.boolean(),
      wh: fc.integer({ min: 0, max: 500 }),
      swaps: fc.boolean(),
    }),
  },
)

function play(events: readonly Event[]) {
  const box = world()
  let plugs = 0
  let boots = 1
  let meters = 1
  const isPlugged = () => box.hardware.plugId !== null
  for (const one of events) {
    box.pass(1500)
    box.hardware.relay = box.hardware.permission ? 'closed' : 'open'
    switch (one.kind) {
      case 'plug':
        plugs += 1
        if (!isPlugged()) box.plug(`p${plugs}`)
        break
      case 'unplug':
        if (isPlugged()) box.unplug()
        break
      case 'flow':
        if (isPlugged()) box.charge(one.wh)
        else box.flow(one.wh)
        box.status()
        break
      case 'stop':
        if (box.state().session) box.give({ kind: 'stop', uuid: null, by: 'remote' })
        break
      case 'release': {
        const uuid = box.hardware.permission?.uuid
        box.hardware.permission = null
        if (uuid) box.tellFact({ kind: 'released', uuid, why: 'keeperSilent' })
        break
      }
      case 'killKeeper':
        box.restartKeeper()
        box.flow(11)
        box.hello()
        break
      case 'unseenUnplug': {
        const plugId = box.hardware.plugId
        if (plugId === null) break
        box.restartKeeper()
        box.flow(5)
        Object.assign(box.hardware, { pilot: 'A', plugId: null, relay: 'open', permission: null })
        box.happens({ kind: 'unplugged', plugId })
        box.flow(3)
        box.hello()
        break
      }
      case 'loseControl':
        plugs += 1
        box.give({ kind: 'controlLost' })
        if (isPlugged()) box.forgetControl(`p${plugs}`)
        box.hello()
        box.pass(6000)
        box.status()
        break
      case 'repeatFacts':
        box.tellFact({ kind: 'chargingState', state: 'suspendedEv' })
        break
      case 'quietMeter':
        box.hardware.hasMeter = false
        box.flow(17)
        box.status()
        box.hardware.hasMeter = true
        break
      case 'stepBack':
        box.hardware.registerWh -= 2
        box.status()
        break
      case 'setBack':
        box.hardware.registerWh -= 5000
        box.status()
        break
      case 'minute':
        box.give({ kind: 'minute', mustCommit: true, tellsReading: true })
        break
      case 'quarter':
        box.give({ kind: 'quarterHour' })
        break
      case 'replaceMeter': {
        meters += 1
        const from = { fromSerial: box.hardware.serial, fromRegisterWh: wattHours(box.hardware.registerWh) }
        Object.assign(box.hardware, { serial: `SDM-${meters}`, registerWh: meters * 100 })
        box.tellFact({ kind: 'meterReplaced', toSerial: `SDM-${meters}`, ...from })
        break
      }
      case 'powerCut':
        boots += 1
        plugs += 1
        box.flow(one.wh)

        if (one.swaps) {
          meters += 1
          Object.assign(box.hardware, { serial: `SDM-${meters}`, registerWh: meters * 100 })
        }
        box.cutPower(one.ms, `boot-${boots}`, one.stays && isPlugged() ? `p${plugs}` : null)
        if (isPlugged()) box.happens({ kind: 'plugged', plugId: `p${plugs}` })
        box.hello()
        box.pass(6000)
        box.status()
        break
    }
    expect(box.errorWh()).toBe(0)
  }
  return box
}

test('sessions and unattributed energy are the register difference, always and exactly', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const box = play(events)
      const { running, closedAccounts } = box.state().docs
      const closed = [...box.stored.sessions.values()].filter((session) => session.end !== null)
      const accounts = [...closedAccounts, ...(running.account ? [running.account] : [])]
      for (const account of accounts)
        expect(accountErrorWh(account, account === running.account ? box.state().session : null)).toBe(0)
      for (const serial of new Set(accounts.map(({ meterSerial }) => meterSerial))) {
        const own = closed.filter((session) => session.meterSerial === serial)
        const sum = own.reduce(
          (wh, { end, startRegisterWh }) => wh + (end?.registerWh ?? 0) - startRegisterWh,
          0,
        )
        const booked = accounts
          .filter(({ meterSerial }) => meterSerial === serial)
          .reduce((wh, { closedSessionsWh }) => wh + closedSessionsWh, 0)
        expect(sum).toBe(booked)
        for (const session of own)
          expect(session.end?.registerWh).toBeGreaterThanOrEqual(session.startRegisterWh)
      }
    }),
    { numRuns: 400 },
  )
})

test('events of each session are numbered from 0 without holes, with one start and at most one end, last', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const box = play(events)
      const bySession = new Map<string, { seqNo: number; event: string }[]>()
      for (const fact of box.facts())
        if (fact.kind === 'transaction')
          bySession.set(fact.uuid, [
            ...(bySession.get(fact.uuid) ?? []),
            { seqNo: fact.seqNo, event: fact.event },
          ])
      for (const told of bySession.values()) {
        expect(told.map(({ seqNo }) => seqNo)).toEqual(told.map((_, index) => index))
        expect(told.map((one) => one.event).filter((name) => name === 'Started')).toHaveLength(1)
        const end = told.findIndex((one) => one.event === 'Ended')
        if (end >= 0) expect(end).toBe(told.length - 1)
      }
    }),
    { numRuns: 300 },
  )
})

test('facts that control repeats are applied once', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 25 }), (events) => {
      const box = play(events)
      const facts = [
        box.happens({ kind: 'faultRaised', code: 'METER_LOST', detail: '' }),
        box.happens({ kind: 'chargingState', state: 'suspendedEvse' }),
        box.happens({ kind: 'faultCleared', code: 'METER_LOST' }),
      ]
      box.give({ kind: 'facts', facts })
      const once = { rows: box.stored.rows.length, state: box.state() }
      const again = box.give({ kind: 'facts', facts })
      expect(again.change).toBeNull()
      expect(again.tell[0]).toEqual({ kind: 'factsStored', number: facts[2]?.number })
      expect(box.stored.rows).toHaveLength(once.rows)
      expect(box.state().docs).toEqual(once.state.docs)
    }),
    { numRuns: 100 },
  )
})
