import { describe, expect, test } from 'vitest'
import type { FaultCode } from '../../../../shared/faults.ts'
import { NOON, world } from './world.ts'

const permissions = (box: ReturnType<typeof world>) =>
  box.told.flatMap((message) => (message.kind === 'permission' ? [message.permission.uuid] : []))
const revoked = (box: ReturnType<typeof world>) =>
  box.told.flatMap((message) => (message.kind === 'revoke' ? [`${message.uuid} ${message.reason}`] : []))

describe('an ordinary charge', () => {
  test('begins with the plug-in, is permitted once, tells its changes and ends with the register at the unplug', () => {
    const box = world()
    box.plug('p1')
    box.charge(934)
    box.give({ kind: 'quarterHour' })
    box.flow(66)
    box.unplug()
    expect(permissions(box)).toEqual(['s1'])
    expect(box.events()).toEqual([
      's1#0 Started CablePluggedIn',
      's1#1 Updated ChargingStateChanged',
      's1#2 Updated MeterValueClock',
      's1#3 Ended EVDeparted',
    ])
    expect(box.ended('s1')).toEqual({ wh: 1000, reason: 'EVDisconnected' })
    expect(box.state().session).toBeNull()
  })

  test('tells with every event which meter its readings are of', () => {
    const box = world()
    box.plug('p1')
    box.charge(100)
    box.unplug()
    const serials = box.facts().map((fact) => (fact.kind === 'transaction' ? fact.meterSerial : null))
    expect(serials).toEqual(['SDM-1', 'SDM-1', 'SDM-1'])
  })

  test('the permission carries the stored session: token, meter, register, boot', () => {
    const box = world()
    box.plug('p1')
    expect(box.hardware.permission).toEqual({
      uuid: 's1',
      evseId: 1,
      idToken: 'FREE',
      plugId: 'p1',
      meterSerial: 'SDM-1',
      startRegisterWh: 1_000_000,
      bootId: 'boot-1',
      startedAtMonotonicMs: 100_000,
    })
  })

  test('the change that begins a session is there before the permission is told', () => {
    const box = world()
    Object.assign(box.hardware, { pilot: 'B', plugId: 'p1', chargingState: 'occupied' })
    box.status()
    const step = box.give({ kind: 'facts', facts: [box.happens({ kind: 'plugged', plugId: 'p1' })] })
    expect(step.tell.map((message) => message.kind)).toEqual(['factsStored', 'permission'])
    expect(step.tellFirst).toEqual([])
    expect(step.change?.sessions).toHaveLength(1)
    expect(step.change?.rows).toHaveLength(1)
    expect(step.change?.docs?.factNumbers).toEqual([{ bootId: 'boot-1', number: 1 }])
  })

  test('readings of the begin, of the clock and of the end lie in their events', () => {
    const box = world()
    box.plug('p1')
    box.charge(500)
    box.give({ kind: 'quarterHour' })
    box.unplug()
    const samples = box
      .facts()
      .flatMap((fact) => (fact.kind === 'transaction' ? fact.samples : []))
      .map((sample) => `${sample.context} ${sample.registerWh}`)
    expect(samples).toEqual(['begin 1000000', 'periodic 1000000', 'clock 1000500', 'end 1000500'])
  })

  test('a minute of charging is one change, with a reading where one is due; an idle minute is none', () => {
    const box = world()
    const minute = (due: { mustCommit?: boolean; tellsReading?: boolean } = {}) =>
      box.give({ kind: 'minute', mustCommit: false, tellsReading: false, ...due }).change
    expect(minute()).toBeNull()
    expect(minute({ mustCommit: true })).not.toBeNull()
    box.plug('p1')
    expect(minute()).toBeNull()
    expect(minute({ tellsReading: true })).toBeNull()
    box.charge(100)
    expect(minute()?.docs?.running?.account?.lastRegisterWh).toBe(1_000_100)
    expect(minute()).toBeNull()
    box.flow(100)
    box.status()
    expect(minute({ tellsReading: true })?.rows).toHaveLength(1)
  })

  test('a public box keeps each minute of a session, because it tells how long a power cut was', () => {
    const box = world({ access: 'public' })
    box.plug('p1')
    expect(box.give({ kind: 'minute', mustCommit: false, tellsReading: false }).change).not.toBeNull()
  })

  test('a silent meter gives no clock reading instead of an old one', () => {
    const box = world()
    box.plug('p1')
    box.charge(100)
    box.pass(6000)
    expect(box.give({ kind: 'quarterHour' }).change).toBeNull()
  })
})

describe('nothing begins', () => {
  test('without an installation record, until it is commissioned', () => {
    const box = world()
    box.commissioned(false)
    box.plug('p1')
    expect(box.state().session).toBeNull()
    box.commissioned(true)
    box.give({ kind: 'commissioned' })
    expect(permissions(box)).toEqual(['s1'])
  })

  test('while a fault withdraws, or the meter is silent', () => {
    const box = world()
    box.hardware.faults = ['METER_LOST']
    box.hardware.hasMeter = false
    box.plug('p1')
    expect(box.state().session).toBeNull()
    box.hardware.faults = []
    box.status()
    expect(box.state().session).toBeNull()
    box.hardware.hasMeter = true
    box.status()
    expect(permissions(box)).toEqual(['s1'])
  })
})

describe('a permission that control refused', () => {
  test('is sent again after a second, then after twice as long up to a minute, while the session stands', () => {
    const box = world()
    box.plug('p1')
    const sentAt: number[] = []
    const begun = box.hardware.mono
    for (let second = 0; second < 300; second++) {
      const sent = permissions(box).length
      if (box.hardware.permission) {
        box.hardware.permission = null
        box.give({ kind: 'refused', uuid: 's1' })
      }
      box.pass(1000)
      box.status()
      if (permissions(box).length > sent) sentAt.push((box.hardware.mono - begun) / 1000)
    }
    expect(sentAt).toEqual([1, 3, 7, 15, 31, 63, 123, 183, 243])
    expect(new Set(permissions(box))).toEqual(new Set(['s1']))
  })

  test('is not sent again when the plug is out', () => {
    const box = world()
    box.plug('p1')
    box.give({ kind: 'refused', uuid: 's1' })
    box.unplug()
    box.pass(60_000)
    box.status()
    expect(permissions(box)).toEqual(['s1'])
  })
})

describe('a stop', () => {
  test('is told to control before it is stored, and ends with the first reading after the relay is open', () => {
    const box = world()
    box.plug('p1')
    box.charge(1000)
    const step = box.give({ kind: 'stop', uuid: null, by: 'remote' })
    expect(step.tellFirst).toEqual([{ kind: 'revoke', uuid: 's1', reason: 'remoteStop' }])
    expect(step.room).toBe('reserve')
    box.flow(3)
    box.status()
    expect(box.ended('s1')).toBeNull()
    box.pass(1000)
    box.hardware.relay = 'open'
    box.status()
    expect(box.ended('s1')).toEqual({ wh: 1003, reason: 'Remote' })
    expect(box.events().at(-1)).toBe('s1#2 Ended RemoteStop')
  })

  test('holds: the same plug-in gets no new session by itself, another one does', () => {
    const box = world()
    box.plug('p1')
    box.give({ kind: 'stop', uuid: 's1', by: 'local' })
    box.pass(1000)
    box.status()
    box.status()
    expect(permissions(box)).toEqual(['s1'])
    box.unplug()
    box.plug('p2')
    expect(permissions(box)).toEqual(['s1', 's2'])
  })

  test('holds over a restart of keeper that cut it short', () => {
    const box = world()
    box.plug('p1')
    box.charge(10)
    const held = box.hardware.permission
    box.give({ kind: 'stop', uuid: null, by: 'remote' })
    box.restartKeeper()
    // The revoke was lost on its way.
    box.hardware.permission = held
    box.hello()
    expect(revoked(box)).toEqual(['s1 remoteStop', 's1 remoteStop'])
    expect(box.hardware.permission).toBeNull()
    box.hardware.relay = 'open'
    box.status()
    expect(box.ended('s1')).toEqual({ wh: 10, reason: 'Remote' })
  })

  test('is told again while control still shows the permission, because the word may have been lost', () => {
    const box = world()
    box.plug('p1')
    box.charge(10)
    const held = box.hardware.permission
    box.give({ kind: 'stop', uuid: null, by: 'local' })
    box.hardware.permission = held
    box.pass(1000)
    box.status()
    expect(revoked(box)).toEqual(['s1 localStop'])
    box.pass(1000)
    box.status()
    expect(revoked(box)).toEqual(['s1 localStop', 's1 localStop'])
    box.hardware.relay = 'open'
    box.pass(1000)
    box.status()
    expect(box.ended('s1')).toEqual({ wh: 10, reason: 'Local' })
  })

  test('a remote start begins again on the same plug-in, under its own token', () => {
    const box = world()
    box.plug('p1')
    box.give({ kind: 'stop', uuid: null, by: 'remote' })
    box.pass(1000)
    box.status()
    box.give({ kind: 'remoteStart', order: { idToken: 'CARD', remoteStartId: 42 } })
    expect(box.state().session).toMatchObject({ uuid: 's2', idToken: 'CARD', remoteStartId: 42 })
    expect(box.events().at(-1)).toBe('s2#0 Started RemoteStart')
  })

  test('a remote start waits a minute for its car', () => {
    const box = world()
    box.give({ kind: 'remoteStart', order: { idToken: 'CARD', remoteStartId: 1 } })
    box.pass(59_000)
    box.give({ kind: 'second' })
    box.plug('p1')
    expect(box.state().session?.idToken).toBe('CARD')
    const late = world()
    late.give({ kind: 'remoteStart', order: { idToken: 'CARD', remoteStartId: 1 } })
    late.pass(60_000)
    late.give({ kind: 'second' })
    late.plug('p1')
    expect(late.state().session?.idToken).toBe('FREE')
  })

  test('the stop button ends the session and the plug-in; keeper’s silence ends only the session', () => {
    const button = world()
    button.plug('p1')
    button.charge(5)
    button.hardware.permission = null
    button.tellFact({ kind: 'released', uuid: 's1', why: 'stopButton' })
    expect(button.ended('s1')).toEqual({ wh: 5, reason: 'Local' })
    button.status()
    expect(permissions(button)).toEqual(['s1'])
    const silence = world()
    silence.plug('p1')
    silence.hardware.permission = null
    silence.tellFact({ kind: 'released', uuid: 's1', why: 'keeperSilent' })
    silence.status()
    expect(permissions(silence)).toEqual(['s1', 's2'])
  })
})

describe('keeper is killed', () => {
  test('and adopts the running session: same uuid, no second start, no revoke', () => {
    const box = world()
    box.plug('p1')
    box.charge(100)
    box.restartKeeper()
    box.flow(50)
    box.hello()
    box.unplug()
    expect(permissions(box)).toEqual(['s1'])
    expect(box.ended('s1')).toEqual({ wh: 150, reason: 'EVDisconnected' })
  })

  test('a permission is sent again when control was not told: absence is not revocation', () => {
    const box = world()
    box.plug('p1')
    box.hardware.permission = null
    box.restartKeeper()
    box.hello()
    expect(permissions(box)).toEqual(['s1', 's1'])
    expect(revoked(box)).toEqual([])
  })

  test('what happened meanwhile is applied from control’s facts, with their registers and times', () => {
    const box = world()
    box.plug('p1')
    box.charge(100)
    box.restartKeeper()
    box.flow(400)
    box.pass(60_000)
    Object.assign(box.hardware, { pilot: 'A', plugId: null, relay: 'open', permission: null })
    box.happens({ kind: 'unplugged', plugId: 'p1' })
    box.pass(60_000)
    box.flow(7)
    box.hello()
    expect(box.ended('s1')).toEqual({ wh: 500, reason: 'EVDisconnected' })
    expect(box.stored.sessions.get('s1')?.end?.atMonotonicMs).toBe(160_000)
    expect(box.state().docs.running.account?.unattributedWh).toBe(7)
  })

  test('an unplug that waits for its reading is awaited, not taken for a loss', () => {
    const box = world()
    box.plug('p1')
    box.charge(100)
    box.restartKeeper()
    Object.assign(box.hardware, { pilot: 'A', plugId: null, relay: 'open', permission: null })
    box.hello()
    expect(box.state().session?.uuid).toBe('s1')
    box.pass(2000)
    box.status()
    box.tellFact({ kind: 'unplugged', plugId: 'p1' })
    expect(box.ended('s1')).toEqual({ wh: 100, reason: 'EVDisconnected' })
  })

  test('a permission of an ended session is revoked', () => {
    const box = world()
    box.plug('p1')
    const old = box.hardware.permission
    box.unplug()
    box.restartKeeper()
    box.hardware.permission = old
    box.hello()
    expect(revoked(box).at(-1)).toBe('s1 sessionEnded')
    expect(box.hardware.permission).toBeNull()
  })

  test('a permission that nobody knows is adopted with its own start register', () => {
    const box = world()
    box.plug('p1')
    box.charge(800)
    box.stored.sessions.clear()
    box.stored.docs = { ...world().stored.docs, factNumbers: box.stored.docs.factNumbers }
    box.restartKeeper()
    box.hello()
    expect(revoked(box)).toEqual([])
    expect(box.state().session).toMatchObject({ uuid: 's1', startRegisterWh: 1_000_000 })
    box.unplug()
    expect(box.ended('s1')).toEqual({ wh: 800, reason: 'EVDisconnected' })
    expect(box.errorWh()).toBe(0)
  })
})

describe('control loses its memory while keeper lives', () => {
  test('and the same car goes on in the same session, permitted for the new plug-in', () => {
    const box = world()
    box.plug('p1')
    box.charge(100)
    box.give({ kind: 'controlLost' })
    box.pass(12_000)
    box.forgetControl('p2')
    box.happens({ kind: 'restarted', mirror: 'missing' })
    box.happens({ kind: 'plugged', plugId: 'p2' })
    box.hello()
    expect(permissions(box)).toEqual(['s1', 's1'])
    expect(box.hardware.permission?.plugId).toBe('p2')
  })

  test('and a car that left meanwhile ends its session at the last register known to be its own', () => {
    const box = world()
    box.plug('p1')
    box.charge(100)
    box.give({ kind: 'controlLost' })
    box.forgetControl('none')
    Object.assign(box.hardware, { pilot: 'A', plugId: null, relay: 'open' })
    box.flow(9)
    box.hello()
    box.pass(5000)
    box.status()
    expect(box.ended('s1')?.reason).toBe('Other')
    expect(box.errorWh()).toBe(0)
  })
})

describe('the power fails', () => {
  test('and the car stayed: the same session goes on with a new permission', () => {
    const box = world()
    box.plug('p1')
    box.charge(1000)
    box.give({ kind: 'minute', mustCommit: true, tellsReading: true })
    box.cutPower(30_000, 'boot-2', 'boot-2:1')
    box.happens({ kind: 'restarted', mirror: 'missing' })
    box.happens({ kind: 'plugged', plugId: 'boot-2:1' })
    box.hello()
    expect(permissions(box)).toEqual(['s1', 's1'])
    expect(box.hardware.permission).toMatchObject({
      plugId: 'boot-2:1',
      bootId: 'boot-2',
      startRegisterWh: 1_000_000,
    })
    box.charge(500)
    box.unplug()
    expect(box.ended('s1')).toEqual({ wh: 1500, reason: 'EVDisconnected' })
    expect(box.events().filter((event) => event.includes('Started'))).toHaveLength(1)
  })

  test('and the pilot is not read yet: nothing is decided before it is', () => {
    const box = world()
    box.plug('p1')
    box.charge(1000)
    box.cutPower(30_000, 'boot-2', null)
    Object.assign(box.hardware, { pilot: null })
    box.hello()
    box.flow(20)
    box.status()
    expect(box.ended('s1')).toBeNull()
    Object.assign(box.hardware, { pilot: 'B', plugId: 'boot-2:1' })
    box.tellFact({ kind: 'plugged', plugId: 'boot-2:1' })
    box.status()
    expect(box.state().session).toMatchObject({ uuid: 's1', plugId: 'boot-2:1' })
  })

  test.each([
    ['the car left', null, 30_000, 'private'],
    ['the cut was too long', 'boot-2:1', 25 * 3_600_000, 'private'],
    ['a public cable could have changed hands', 'boot-2:1', 61_000, 'public'],
  ] as const)(
    'and %s: it ends with PowerLoss at its last register, the rest is unattributed',
    (_, plugId, ms, access) => {
      const box = world({ access })
      box.plug('p1')
      box.charge(1000)
      box.give({ kind: 'minute', mustCommit: true, tellsReading: true })
      box.cutPower(ms, 'boot-2', plugId)
      box.flow(40)
      if (plugId) box.happens({ kind: 'plugged', plugId })
      box.hello()
      box.pass(5000)
      box.status()
      expect(box.ended('s1')).toEqual({ wh: 1000, reason: 'PowerLoss' })
      expect(box.stored.sessions.get('s1')?.end?.bootId).toBe('boot-1')
      expect(box.state().docs.running.account?.unattributedWh).toBe(40)
      expect(box.state().session?.uuid).toBe(plugId ? 's2' : undefined)
      expect(box.errorWh()).toBe(0)
    },
  )

  test('and the time is unknown afterwards: the length of the cut is, too, so the session ends', () => {
    const box = world()
    box.plug('p1')
    box.charge(1000)
    box.give({ kind: 'minute', mustCommit: true, tellsReading: true })
    box.cutPower(1000, 'boot-2', 'boot-2:1')
    box.hardware.wall = null
    box.happens({ kind: 'plugged', plugId: 'boot-2:1' })
    box.hello()
    expect(box.ended('s1')).toEqual({ wh: 1000, reason: 'PowerLoss' })
    expect(box.state().session?.uuid).toBe('s2')
  })

  test('and a stop was waiting: the session does not come back', () => {
    const box = world()
    box.plug('p1')
    box.charge(1000)
    box.give({ kind: 'stop', uuid: null, by: 'local' })
    box.cutPower(10_000, 'boot-2', 'boot-2:1')
    box.happens({ kind: 'plugged', plugId: 'boot-2:1' })
    box.hello()
    expect(box.ended('s1')).toEqual({ wh: 1000, reason: 'Local' })
    expect(box.state().session).toBeNull()
  })
})

describe('the meter is replaced', () => {
  test('the session is closed at the old register and a new one begins on the new meter', () => {
    const box = world()
    box.plug('p1')
    box.charge(700)
    Object.assign(box.hardware, { serial: 'SDM-2', registerWh: 12 })
    box.tellFact({
      kind: 'meterReplaced',
      fromSerial: 'SDM-1',
      toSerial: 'SDM-2',
      fromRegisterWh: 1_000_700 as never,
    })
    expect(revoked(box)).toEqual(['s1 meterReplaced'])
    const serials = box
      .facts()
      .flatMap((fact) =>
        fact.kind === 'transaction' ? [`${fact.uuid} ${fact.event} ${fact.meterSerial}`] : [],
      )
    expect(serials.slice(-2)).toEqual(['s1 Ended SDM-1', 's2 Started SDM-2'])
    expect(box.ended('s1')).toEqual({ wh: 700, reason: 'Other' })
    expect(box.state().session).toMatchObject({ uuid: 's2', meterSerial: 'SDM-2', startRegisterWh: 12 })
    expect(box.state().docs.closedAccounts).toMatchObject([{ meterSerial: 'SDM-1', closedSessionsWh: 700 }])
    box.charge(5)
    box.unplug()
    expect(box.ended('s2')).toEqual({ wh: 5, reason: 'EVDisconnected' })
  })
})

describe('the meter is another one after a power cut', () => {
  const cutWith = (change: { serial?: string; registerWh: number }) => {
    const box = world()
    box.plug('p1')
    box.charge(1000)
    box.give({ kind: 'minute', mustCommit: true, tellsReading: true })
    box.cutPower(30_000, 'boot-2', 'boot-2:1')
    Object.assign(box.hardware, change)
    return box
  }

  test.each([
    ['another serial number', { serial: 'SDM-2', registerWh: 40 }, 'SDM-2'],
    ['the same meter with a lower register', { registerWh: 400_000 }, 'SDM-1'],
  ])(
    '%s: the session ends with PowerLoss at its own register, the car gets a new one',
    (_, change, serial) => {
      const box = cutWith(change)
      box.happens({ kind: 'plugged', plugId: 'boot-2:1' })
      box.hello()
      expect(box.ended('s1')).toEqual({ wh: 1000, reason: 'PowerLoss' })
      expect(box.state().session).toMatchObject({
        uuid: 's2',
        meterSerial: serial,
        startRegisterWh: change.registerWh,
        plugId: 'boot-2:1',
      })
      expect(permissions(box)).toEqual(['s1', 's2'])
      expect(box.state().docs.closedAccounts).toMatchObject([
        { meterSerial: 'SDM-1', lastRegisterWh: 1_001_000, closedSessionsWh: 1000, unattributedWh: 0 },
      ])
      box.charge(7)
      box.unplug()
      expect(box.ended('s2')).toEqual({ wh: 7, reason: 'EVDisconnected' })
      expect(box.errorWh()).toBe(0)
    },
  )

  test('nothing goes on before the meter told which one it is', () => {
    const box = cutWith({ serial: 'SDM-2', registerWh: 40 })
    box.hardware.hasMeter = false
    box.happens({ kind: 'plugged', plugId: 'boot-2:1' })
    box.hello()
    expect(permissions(box)).toEqual(['s1'])
    expect(box.ended('s1')).toBeNull()
    box.hardware.hasMeter = true
    box.status()
    expect(box.ended('s1')).toEqual({ wh: 1000, reason: 'PowerLoss' })
    expect(permissions(box)).toEqual(['s1', 's2'])
  })
})

describe('the register goes back', () => {
  test('an end at a lower register keeps what the session had, and a new epoch begins there', () => {
    const box = world()
    box.plug('p1')
    box.charge(700)
    box.pass(1000)
    box.hardware.registerWh = 1_000_200
    box.unplug()
    expect(box.ended('s1')).toEqual({ wh: 700, reason: 'EVDisconnected' })
    expect(box.state().docs.closedAccounts).toMatchObject([{ closedSessionsWh: 700, unattributedWh: 0 }])
    expect(box.state().docs.running.account).toMatchObject({
      startRegisterWh: 1_000_200,
      lastRegisterWh: 1_000_200,
    })
    box.flow(30)
    box.status()
    expect(box.state().docs.running.account?.unattributedWh).toBe(30)
  })

  test('during a charge: it ends at its last register, and the car goes on in a session of the new epoch', () => {
    const box = world()
    box.plug('p1')
    box.give({ kind: 'userLimit', limitMilliamps: 8000 as never })
    box.charge(700)
    box.pass(1000)
    box.hardware.registerWh = 12
    box.status()
    expect(box.ended('s1')).toEqual({ wh: 700, reason: 'Other' })
    expect(revoked(box)).toEqual(['s1 sessionEnded'])
    expect(permissions(box)).toEqual(['s1', 's2'])
    expect(box.state().session).toMatchObject({ uuid: 's2', startRegisterWh: 12 })
    expect(box.state().docs.userLimitMilliamps).toBe(8000)
  })

  test('by no more than a step of the register: the maximum holds', () => {
    const box = world()
    box.plug('p1')
    box.charge(700)
    box.pass(1000)
    box.hardware.registerWh -= 4
    box.unplug()
    expect(box.ended('s1')).toEqual({ wh: 700, reason: 'EVDisconnected' })
    expect(box.state().docs.closedAccounts).toEqual([])
  })
})

describe('orders of the driver', () => {
  test('override and own limit hold until the plug is out, and survive a restart', () => {
    const box = world()
    box.plug('p1')
    box.give({ kind: 'override', by: 'localPage', until: null })
    box.give({ kind: 'userLimit', limitMilliamps: 8000 as never })
    box.restartKeeper()
    box.hello()
    expect(box.state().docs).toMatchObject({ override: { by: 'localPage' }, userLimitMilliamps: 8000 })
    box.unplug()
    expect(box.state().docs).toMatchObject({ override: null, userLimitMilliamps: null })
  })

  test('an override ends at its time', () => {
    const box = world()
    box.plug('p1')
    const until = (Date.UTC(2026, 5, 1, 12) + 60_000) as never
    box.give({ kind: 'override', by: 'mqtt', until })
    box.pass(59_000)
    box.give({ kind: 'second' })
    expect(box.state().docs.override).not.toBeNull()
    box.pass(1000)
    box.give({ kind: 'second' })
    expect(box.state().docs.override).toBeNull()
  })

  test('an override ends when the car has taken nothing for ten minutes after charging', () => {
    const box = world()
    box.plug('p1')
    box.give({ kind: 'override', by: 'button', until: null })
    box.charge(100)
    box.tellFact({ kind: 'chargingState', state: 'suspendedEv' })
    box.pass(599_000)
    box.status()
    expect(box.state().docs.override).not.toBeNull()
    box.pass(1000)
    box.status()
    expect(box.state().docs.override).toBeNull()
  })
})

describe('tokens that are held to the reader', () => {
  const TOKENS = { freeVend: null, tokens: ['0123AB45CD', '00000000FF'] }
  const touch = (box: ReturnType<typeof world>, token: string) =>
    box.give({ kind: 'touch', token, atMonotonicMs: box.hardware.mono as never })

  test('without free charging a plugged car waits for a known token, whichever comes first', () => {
    const box = world(TOKENS)
    box.plug('p1')
    expect(box.state().session).toBeNull()
    touch(box, 'FFFFFFFFFF')
    expect(box.state().session).toBeNull()
    touch(box, '0123AB45CD')
    expect(box.state().session).toMatchObject({ idToken: '0123AB45CD' })
    expect(box.events()).toEqual(['s1#0 Started Authorized'])
    const early = world(TOKENS)
    touch(early, '0123AB45CD')
    early.pass(59_000)
    early.give({ kind: 'second' })
    early.plug('p1')
    expect(early.state().session).toMatchObject({ idToken: '0123AB45CD' })
    const late = world(TOKENS)
    touch(late, '0123AB45CD')
    late.pass(60_000)
    late.give({ kind: 'second' })
    late.plug('p1')
    expect(late.state().session).toBeNull()
  })

  test('the same token again stops after 2 s, twice within 2 s overrides, another one does neither', () => {
    const box = world(TOKENS)
    box.plug('p1')
    touch(box, '0123AB45CD')
    box.charge(100)
    touch(box, '00000000FF')
    touch(box, '0123AB45CD')
    box.pass(1500)
    touch(box, '0123AB45CD')
    expect(box.state().docs.override).toMatchObject({ by: 'rfid', until: null })
    box.pass(5000)
    box.give({ kind: 'second' })
    expect(box.state().session?.stop).toBeNull()
    touch(box, '0123AB45CD')
    box.pass(2000)
    box.give({ kind: 'second' })
    expect(box.state().session?.stop).toBe('local')
  })
})

test('faults of control are told with numbers of their own', () => {
  const box = world()
  box.tellFact({ kind: 'faultRaised', code: 'METER_LOST', detail: 'no answer' })
  box.tellFact({ kind: 'faultCleared', code: 'METER_LOST' })
  expect(box.facts()).toEqual([
    { kind: 'fault', code: 'METER_LOST', raised: true, detail: 'no answer', eventId: 1 },
    { kind: 'fault', code: 'METER_LOST', raised: false, detail: '', eventId: 2 },
  ])
})

describe('faults that outlast a power cut', () => {
  const raisedThenCut = (code: FaultCode) => {
    const box = world()
    box.plug('p1')
    box.charge(100)
    box.hardware.faults = [code]
    box.tellFact({ kind: 'faultRaised', code, detail: 'why' })
    box.cutPower(30_000, 'boot-2', 'boot-2:1')
    box.hardware.faults = []
    box.happens({ kind: 'plugged', plugId: 'boot-2:1' })
    return box
  }

  test.each(['RESIDUAL_CURRENT', 'METER_WENT_BACK', 'CONTACTOR_WELDED'] as const)(
    '%s is handed to a control that lost its mirror, before any permission',
    (code) => {
      const box = raisedThenCut(code)
      const before = box.told.length
      box.hello()
      const kinds = box.told.slice(before).map(({ kind }) => kind)
      expect(box.told).toContainEqual({ kind: 'standingFaults', faults: [{ code, detail: 'why' }] })
      expect(kinds.indexOf('standingFaults')).toBe(0)
      expect(box.facts().filter(({ kind }) => kind === 'fault')).toHaveLength(1)
    },
  )

  test('no session begins under one, until it is cleared; the next cut knows nothing of it', () => {
    const box = raisedThenCut('RESIDUAL_CURRENT')
    box.cutPower(25 * 3_600_000, 'boot-3', 'boot-3:1')
    box.happens({ kind: 'plugged', plugId: 'boot-3:1' })
    box.hello()
    expect(box.ended('s1')?.reason).toBe('PowerLoss')
    expect(box.state().session).toBeNull()
    box.unplug()
    box.hardware.faults = []
    box.tellFact({ kind: 'faultCleared', code: 'RESIDUAL_CURRENT' })
    const reminders = box.told.filter(({ kind }) => kind === 'standingFaults').length
    box.cutPower(1000, 'boot-4', null)
    box.hello()
    expect(box.told.filter(({ kind }) => kind === 'standingFaults')).toHaveLength(reminders)
  })

  test('one that clears by itself is not remembered, and a control with its mirror is not reminded', () => {
    const box = raisedThenCut('METER_LOST')
    box.hello()
    expect(box.told.map(({ kind }) => kind)).not.toContain('standingFaults')
    const other = raisedThenCut('RESIDUAL_CURRENT')
    other.hardware.hasMirror = true
    other.hello()
    expect(other.told.map(({ kind }) => kind)).not.toContain('standingFaults')
  })
})

describe('the lower bound of later times', () => {
  test('rises with a confirmed time only', () => {
    const box = world()
    const bound = () => box.state().docs.running.aliveAt
    box.plug('p1')
    expect(bound()).toBe(NOON)
    box.hardware.isTimeConfirmed = false
    box.pass(60_000)
    box.charge(10)
    expect(bound()).toBe(NOON)
    box.hardware.isTimeConfirmed = true
    box.charge(10)
    expect(bound()).toBe(NOON + 60_000)
  })
})

describe('a register that jumped far beyond what a box can deliver, told by a control that had lost its last reading', () => {
  test('ends the session at its last register; the jump is nobody’s, and the car goes on in a session of its own', () => {
    const box = world()
    box.plug('p1')
    box.charge(500)
    box.pass(1000)
    box.flow(100_000)
    box.status()
    expect(box.ended('s1')).toEqual({ wh: 500, reason: 'Other' })
    expect(box.state().docs.running.account).toMatchObject({ closedSessionsWh: 500, unattributedWh: 100_000 })
    expect(permissions(box)).toEqual(['s1', 's2'])
    box.flow(40)
    box.unplug()
    expect(box.ended('s2')?.wh).toBe(40)
    expect(box.errorWh()).toBe(0)
  })

  test('does not come into a session that ends with it, nor with any fact before', () => {
    const box = world()
    box.plug('p1')
    box.charge(500)
    box.pass(1000)
    box.flow(100_000)
    box.unplug()
    expect(box.ended('s1')?.wh).toBe(500)
    expect(box.state().docs.running.account?.unattributedWh).toBe(100_000)
  })

  const resumedAfter = (ms: number, wh: number) => {
    const box = world()
    box.plug('p1')
    box.charge(500)
    box.give({ kind: 'minute', mustCommit: true, tellsReading: true })
    box.cutPower(ms, 'boot-2', 'boot-2:1')
    box.flow(wh)
    box.happens({ kind: 'restarted', mirror: 'missing' })
    box.happens({ kind: 'plugged', plugId: 'boot-2:1' })
    box.hello()
    return box
  }

  test('over a power cut, which took the fault of the jump with it, it ends the session at its last register', () => {
    const box = resumedAfter(30_000, 5000)
    expect(box.ended('s1')?.wh).toBe(500)
    expect(box.state().docs.running.account?.unattributedWh).toBe(5000)
    expect(box.errorWh()).toBe(0)
  })

  test('over a power cut, what may have flowed in that time belongs to the session that goes on', () => {
    const box = resumedAfter(3_600_000, 5000)
    expect(box.ended('s1')).toBeNull()
    box.unplug()
    expect(box.ended('s1')?.wh).toBe(5500)
  })

  test('is one when it is above 66,240 W for the time that passed, 2 s and 1 kWh, and not before', () => {
    const ended = (wh: number) => {
      const box = world()
      box.plug('p1')
      box.charge(0)
      box.pass(3_600_000)
      box.flow(wh)
      box.status()
      return box.state().session?.uuid !== 's1'
    }
    const highestWh = Math.floor((66_240 * 3_602) / 3600) + 1000
    expect(ended(highestWh)).toBe(false)
    expect(ended(highestWh + 1)).toBe(true)
  })
})
