import { afterEach, describe, expect, test } from 'vitest'
import { ASCII } from '../../../hw-sim/bus/framing.ts'
import { type Bus, type BusOptions, frameLog, startBus } from '../../../hw-sim/bus/start-bus.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { type Master, NO_REPLY, openMaster } from './master.ts'

// A real pseudo terminal, serialport as the master, Modbus ASCII at 38400 8E1 as an ABL board has it.

const clock = systemClock()
const open: { buses: Bus[]; masters: Master[] } = { buses: [], masters: [] }
afterEach(async () => {
  for (const master of open.masters.splice(0)) await master.close()
  for (const bus of open.buses.splice(0)) bus.close()
})

async function line(change: Partial<BusOptions> = {}) {
  const frames = frameLog()
  const asked: string[] = []
  const unit = (unitId: number) => ({
    unitId,
    silenceMs: 0,
    hearsBroadcast: false,
    answer: (pdu: Uint8Array) => {
      asked.push(`${unitId} ${Buffer.from(pdu).toString('hex')}`)
      return Uint8Array.of(3, 2, 0x2e, unitId)
    },
  })
  const bus = startBus({
    name: 'wallbox',
    kind: 'ascii',
    clock,
    baud: 38_400,
    dataBits: 8,
    parity: 'even',
    stopBits: 1,
    pacing: 'line',
    turnaroundMs: { min: 4, max: 13 },
    seed: 7,
    linkPath: null,
    frames,
    onTrouble: (detail) => {
      throw new Error(detail)
    },
    units: [unit(1), { ...unit(2), replyStart: '>' as const, sleepsAfterMs: 500 }],
    ...change,
  })
  open.buses.push(bus)
  const path = bus.path()
  if (path === null) throw new Error('no terminal')
  const master = await openMaster(path, clock, 38_400)
  open.masters.push(master)
  const whole = { sound: (heard: Buffer) => heard.includes('\r\n') }
  const ask = async (text: string, wait: object = whole) =>
    (await master.exchange(Buffer.from(text, 'latin1'), wait)).bytes.toString('latin1')
  return { bus, ask, asked, log: () => frames.after(0).entries }
}

const request = (unitId: number) =>
  Buffer.from(ASCII.frame({ unitId, pdu: Uint8Array.of(3, 0, 0x2e, 0, 5) })).toString('latin1')

describe('a Modbus ASCII bus', () => {
  test('answers in its own framing, in real line time, and notes characters, PDU and LRC', async () => {
    const { ask, log } = await line()
    expect(await ask(request(1))).toBe(':0103022E01CB\r\n')
    const [asked, reply] = log()
    expect(asked).toMatchObject({ direction: 'request', unitId: 1, crcHolds: true, pdu: '03002e0005' })
    expect(reply).toMatchObject({ direction: 'reply', unitId: 1, crcHolds: true, pdu: '03022e01' })
    expect(reply?.hex).toBe(Buffer.from(':0103022E01CB\r\n').toString('hex'))
    // 4 ms of turn-around at least, and 15 characters of 11 bits at 38400.
    expect((reply?.endMicros ?? 0) - (asked?.endMicros ?? 0)).toBeGreaterThanOrEqual(4000 + 4297)
  })

  test('a unit that sleeps does not hear the request that wakes it, and begins its replies with >', async () => {
    const { ask, asked, log } = await line()
    expect(await ask(request(2), NO_REPLY)).toBe('')
    expect(await ask(request(2))).toBe('>0203022E02C9\r\n')
    expect(await ask(request(2))).toMatch(/^>02/)
    expect(asked.length).toBe(2)
    expect(log()[0]?.unanswered).toContain('woke it')
  })

  test.each([
    ['a wrong LRC', ':0103002E0005C8\r\n', 'LRC'],
    ['small letters', ':0103002e0005c9\r\n', '0-9 A-F'],
    ['RTU', '\u0001\u0003\u0000', null],
  ])('does not hear %s', async (_what, text, why) => {
    const { ask, asked, log } = await line()
    expect(await ask(text, NO_REPLY)).toBe('')
    expect(asked).toEqual([])
    if (why !== null) expect(log()[0]?.unanswered).toContain(why)
    // The next sound request is heard: a colon begins anew.
    expect(await ask(request(1))).toBe(':0103022E01CB\r\n')
  })

  test('a colon in the middle begins anew: what was before it is no frame', async () => {
    const { ask, asked } = await line()
    expect(await ask(`:0103${request(1)}`)).toBe(':0103022E01CB\r\n')
    expect(asked.length).toBe(1)
  })

  test('of two requests without a pause the last is answered', async () => {
    const { ask, asked, log } = await line()
    expect(await ask(`${request(1)}${request(1)}`)).toBe(':0103022E01CB\r\n')
    expect(asked.length).toBe(2)
    expect(log()[0]?.unanswered).toBe('another request followed at once')
  })

  test.each(['dead', 'truncated', 'badCrc', 'noise', 'twice'] as const)(
    'plays the fault %s',
    async (kind) => {
      const { bus, ask, log } = await line()
      bus.setFaults([kind === 'dead' ? { kind, unitId: 1 } : { kind, unitId: 1, probability: 1 }])
      const heard = await ask(request(1), NO_REPLY)
      const sound = ':0103022E01CB\r\n'
      const expected = {
        dead: () => expect(heard).toBe(''),
        truncated: () => expect(sound.startsWith(heard) && heard.length < sound.length).toBe(true),
        badCrc: () => expect(log().at(-1)?.crcHolds).toBe(false),
        noise: () => expect(heard).not.toBe(sound),
        twice: () => expect(heard).toBe(sound + sound),
      }
      expected[kind]()
    },
  )

  test('without pacing a hundred requests are answered one after the other', async () => {
    const { ask, asked } = await line({ pacing: 'none' })
    for (let round = 0; round < 100; round++) {
      expect(await ask(request(1), { sound: (heard: Buffer) => heard.includes('\n'), silentMs: 1 })).toMatch(
        /^:01/,
      )
    }
    expect(asked.length).toBe(100)
  })
})
