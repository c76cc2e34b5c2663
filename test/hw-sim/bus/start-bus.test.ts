import { existsSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { SimFrame } from '../../../hw-sim/api.ts'
import { type Bus, type BusOptions, frameLog, startBus } from '../../../hw-sim/bus/start-bus.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { crcHolds } from '../../../shared/modbus/crc.ts'
import { frame, type Master, NO_REPLY, openMaster } from './master.ts'

// Real pseudo terminals, serialport as the master. Times are judged by the frame log's own line times and, where the
// master's clock is used, never from above: a loaded machine is late, it is never early.

const clock = systemClock()
const open: { buses: Bus[]; masters: Master[]; folders: string[] } = { buses: [], masters: [], folders: [] }

afterEach(async () => {
  for (const master of open.masters.splice(0)) await master.close()
  for (const bus of open.buses.splice(0)) bus.close()
  for (const folder of open.folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A line with an echo at unit 1 (answers FC 0x41 with 36 bytes), one at 2, and one that wants silence at 3. */
async function line(change: Partial<BusOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'voltkeep-bus-'))
  open.folders.push(folder)
  const frames = frameLog()
  const asked: string[] = []
  const unit = (unitId: number, silenceMs: number) => ({
    unitId,
    silenceMs,
    hearsBroadcast: unitId === 2,
    answer: (pdu: Uint8Array) => {
      asked.push(`${unitId} ${Buffer.from(pdu).toString('hex')}`)
      return pdu[0] === 0x41 ? Uint8Array.from([0x41, ...Array(37).fill(7)]) : Uint8Array.from(pdu)
    },
  })
  const bus = startBus({
    name: 'main',
    clock,
    baud: 19_200,
    parity: 'none',
    stopBits: 1,
    pacing: 'line',
    turnaroundMs: { min: 2, max: 5 },
    seed: 7,
    linkPath: join(folder, 'main'),
    frames,
    onTrouble: (detail) => {
      throw new Error(detail)
    },
    units: [unit(1, 0), unit(2, 0), unit(3, 100)],
    ...change,
  })
  open.buses.push(bus)
  const master = await openMaster(join(folder, 'main'), clock)
  open.masters.push(master)
  const log = (): readonly SimFrame[] => frames.after(0).entries
  return { bus, master, asked, log, folder }
}

const READ = '03 0000 0001'

describe('a bus', () => {
  test('answers a good request, and notes both frames with their ends', async () => {
    const { master, log } = await line()
    const { bytes } = await master.exchange(frame(1, READ))
    expect(bytes).toEqual(frame(1, READ))
    const [request, reply] = log()
    expect(request).toMatchObject({ direction: 'request', unitId: 1, crcHolds: true, bus: 'main' })
    expect(reply).toMatchObject({ direction: 'reply', unitId: 1, crcHolds: true })
    expect(request?.hex).toBe(frame(1, READ).toString('hex'))
  })

  test('is silent to a request whose CRC does not hold, and no device sees it', async () => {
    const { master, asked, log } = await line()
    const wrong = frame(1, '06 55f0 0010')
    wrong[5] = 0x20
    const { bytes } = await master.exchange(wrong, NO_REPLY)
    expect(bytes.length).toBe(0)
    expect(asked).toEqual([])
    expect(log()).toMatchObject([{ crcHolds: false, unanswered: 'its CRC does not hold' }])
  })

  test('is silent to a unit id that nobody has', async () => {
    const { master, log } = await line()
    expect((await master.exchange(frame(9, READ), NO_REPLY)).bytes.length).toBe(0)
    expect(log()).toMatchObject([{ unanswered: 'no unit has this id' }])
  })

  test('gives a broadcast to the units that hear it, and answers nothing', async () => {
    const { master, asked } = await line()
    expect((await master.exchange(frame(0, '05 0000 ff00'), NO_REPLY)).bytes.length).toBe(0)
    expect(asked).toEqual(['2 050000ff00'])
  })

  test('answers the last of two requests that come in one piece, and carries out the first', async () => {
    const { master, asked, log } = await line()
    const { bytes } = await master.exchange(Buffer.concat([frame(1, READ), frame(2, READ)]))
    expect(bytes).toEqual(frame(2, READ))
    expect(asked).toEqual(['1 0300000001', '2 0300000001'])
    expect(log()[0]?.unanswered).toBe('another request followed at once')
  })

  test.each(['before', 'behind'])('takes a request with noise %s it for no frame', async (side) => {
    const { master, asked } = await line()
    const noise = Buffer.from([0x01, 0x07, 0x55])
    const parts = side === 'before' ? [noise, frame(1, READ)] : [frame(1, READ), noise]
    const { bytes } = await master.exchange(Buffer.concat(parts), NO_REPLY)
    expect(bytes.length).toBe(0)
    expect(asked).toEqual([])
  })

  test('joins the halves of a request that cross the line without a gap', async () => {
    const { master } = await line()
    const whole = frame(1, READ)
    const first = master.exchange(whole.subarray(0, 5))
    const second = master.exchange(whole.subarray(5))
    expect((await second).bytes).toEqual(whole)
    await first
  })

  test('does not hear a master that talks into a reply', async () => {
    const { master, asked, log } = await line()
    const early = () => log().filter((it) => it.unanswered?.startsWith('the line was not silent'))
    // A process that is kept from running may talk after the reply instead; then once more.
    let rounds = 0
    while (early().length === 0 && rounds < 20) {
      rounds += 1
      const long = master.exchange(frame(1, '41'))
      await clock.sleep('into the reply', 14)
      await Promise.all([long, master.exchange(frame(2, READ), NO_REPLY)])
    }
    expect(early()).toMatchObject([{ unitId: 2, crcHolds: true }])
    expect(asked.filter((it) => it.startsWith('2')).length).toBe(rounds - 1)
  })

  test('spends the line time of 41 bytes at 19200 8N1, never less', async () => {
    const { master, log } = await line()
    const lateMicros: number[] = []
    for (let round = 0; round < 12; round++) {
      const { bytes, tookMs } = await master.exchange(frame(1, '41'))
      expect(bytes.length).toBe(41)
      expect(crcHolds(bytes)).toBe(true)
      // 4 bytes out, 2 ms of turn-around at least, 41 bytes back: 2.1 + 2 + 21.4 ms.
      expect(tookMs).toBeGreaterThanOrEqual(25.4)
      const [request, reply] = log().slice(-2)
      if (!request || !reply) throw new Error('both frames are noted')
      lateMicros.push(reply.endMicros - request.endMicros - 5000 - 21_354)
    }
    lateMicros.sort((a, b) => a - b)
    // Half of the replies are on time; the tolerance is for a machine with other work.
    expect(lateMicros[6]).toBeLessThanOrEqual(8000)
  })

  test('wants the silence that a unit declares, counted from its own last reply', async () => {
    const { master, log } = await line()
    expect((await master.exchange(frame(3, READ))).bytes.length).toBe(8)
    expect((await master.exchange(frame(3, READ), NO_REPLY)).bytes.length).toBe(0)
    expect(log().at(-1)?.unanswered).toMatch(/^the unit wants 100 ms of silence/)
    expect((await master.exchange(frame(1, READ))).bytes.length).toBe(8)
    await clock.sleep('silence', 105)
    expect((await master.exchange(frame(3, READ))).bytes.length).toBe(8)
  })
})

describe('line faults', () => {
  test('a dead unit is not asked and does not answer; the others do', async () => {
    const { bus, master, asked } = await line()
    bus.setFaults([{ kind: 'dead', unitId: 1 }])
    expect((await master.exchange(frame(1, READ), NO_REPLY)).bytes.length).toBe(0)
    expect((await master.exchange(frame(2, READ))).bytes).toEqual(frame(2, READ))
    expect(asked).toEqual(['2 0300000001'])
    bus.setFaults([])
    expect((await master.exchange(frame(1, READ))).bytes).toEqual(frame(1, READ))
  })

  test('a late reply comes whole, after its time', async () => {
    const { bus, master, log } = await line({ seed: 3 })
    bus.setFaults([{ kind: 'late', unitId: 1, maxMs: 80, probability: 1 }])
    const { bytes } = await master.exchange(frame(1, READ))
    expect(bytes).toEqual(frame(1, READ))
    const [request, reply] = log()
    // Later than any turn-around of a sound unit: 5 ms, and 8 bytes of 521 us.
    expect((reply?.endMicros ?? 0) - (request?.endMicros ?? 0)).toBeGreaterThan(5000 + 4167)
  })

  test('a reply that comes twice is two sound frames', async () => {
    const { bus, master } = await line()
    bus.setFaults([{ kind: 'twice', unitId: 1, probability: 1 }])
    const { bytes } = await master.exchange(frame(1, READ), NO_REPLY)
    expect(bytes).toEqual(Buffer.concat([frame(1, READ), frame(1, READ)]))
  })

  test.each(['truncated', 'noise', 'badCrc'] as const)(
    '%s spoils the reply and is noted as it went out',
    async (kind) => {
      const { bus, master, log } = await line()
      bus.setFaults([{ kind, unitId: 1, probability: 1 }])
      const { bytes } = await master.exchange(frame(1, READ), NO_REPLY)
      expect(crcHolds(bytes)).toBe(false)
      expect(log().at(-1)).toMatchObject({ direction: 'reply', crcHolds: false, hex: bytes.toString('hex') })
    },
  )
})

describe('units that are not what they should be', () => {
  test('one that says another id', async () => {
    const { bus, master } = await line()
    bus.setFaults([{ kind: 'saysUnit', unitId: 1, saysUnitId: 2 }])
    expect((await master.exchange(frame(1, READ))).bytes).toEqual(frame(2, READ))
  })

  test('one that answers for an id that nobody has', async () => {
    const { bus, master, asked } = await line()
    bus.setFaults([{ kind: 'answersFor', unitId: 1, asUnitId: 9 }])
    expect((await master.exchange(frame(9, READ))).bytes).toEqual(frame(9, READ))
    expect((await master.exchange(frame(1, READ))).bytes).toEqual(frame(1, READ))
    expect(asked).toEqual(['1 0300000001', '1 0300000001'])
  })

  test('two of one id garble each other, and neither is understood; both have carried it out', async () => {
    const { bus, master, asked, log } = await line()
    bus.setFaults([{ kind: 'answersFor', unitId: 1, asUnitId: 2 }])
    for (let round = 0; round < 5; round++) {
      const { bytes } = await master.exchange(frame(2, READ), NO_REPLY)
      expect(bytes.length).toBeGreaterThan(8)
      expect(crcHolds(bytes)).toBe(false)
    }
    expect(asked.length).toBe(10)
    expect(log().filter((it) => it.direction === 'reply' && it.crcHolds)).toEqual([])
    // The other one of the two is dead: its namesake is understood.
    bus.setFaults([
      { kind: 'answersFor', unitId: 1, asUnitId: 2 },
      { kind: 'dead', unitId: 2 },
    ])
    expect((await master.exchange(frame(2, READ))).bytes).toEqual(frame(2, READ))
  })
})

test('a shorted line carries nothing, either way, and its port stays; then it is as before', async () => {
  const { bus, master, asked, log } = await line()
  bus.setFaults([{ kind: 'busShorted' }])
  expect((await master.exchange(frame(1, READ), NO_REPLY)).bytes.length).toBe(0)
  expect((await master.exchange(frame(0, '05 0000 ff00'), NO_REPLY)).bytes.length).toBe(0)
  expect(asked).toEqual([])
  expect(log().map((it) => it.unanswered)).toEqual(['the line is shorted', 'the line is shorted'])
  expect(bus.path()).not.toBeNull()
  bus.setFaults([])
  expect((await master.exchange(frame(1, READ))).bytes).toEqual(frame(1, READ))
})

describe('the port', () => {
  test('comes back under another name, as a USB adapter does, and under its own again', async () => {
    const { bus, master, folder } = await line()
    const path = join(folder, 'main')
    bus.renamePort(true)
    await master.close()
    expect(existsSync(path)).toBe(false)
    expect(bus.path()).toBe(`${path}-renamed`)
    const there = await openMaster(`${path}-renamed`, clock)
    open.masters.push(there)
    expect((await there.exchange(frame(1, READ))).bytes).toEqual(frame(1, READ))
    bus.renamePort(false)
    expect(bus.path()).toBe(path)
    expect(existsSync(`${path}-renamed`)).toBe(false)
  })

  test('vanishes with its link and comes back at the same path', async () => {
    const { bus, master, folder } = await line()
    const path = join(folder, 'main')
    const before = readlinkSync(path)
    bus.loosePort()
    expect(bus.path()).toBeNull()
    expect(existsSync(path)).toBe(false)
    await master.close()
    bus.restorePort()
    expect(bus.path()).toBe(path)
    expect(readlinkSync(path)).toMatch(/^\/dev\/pts\/\d+$/)
    expect(readlinkSync(path)).not.toBe(before)
    const again = await openMaster(path, clock)
    open.masters.push(again)
    expect((await again.exchange(frame(1, READ))).bytes).toEqual(frame(1, READ))
  })

  test('without pacing: a hundred requests one after the other, each answered, none spoilt by haste', async () => {
    const { master, log } = await line({ pacing: 'none' })
    for (let round = 0; round < 100; round++) {
      const request = frame(1 + (round % 3), `03 ${round.toString(16).padStart(4, '0')} 0001`)
      const { bytes } = await master.exchange(request, { silentMs: 1 })
      expect(bytes).toEqual(request)
    }
    expect(log().length).toBe(200)
  })
})
