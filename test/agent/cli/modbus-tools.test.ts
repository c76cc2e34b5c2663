// voltkeep modbus scan, read, write and monitor on hw-sim's built-in site, over a real pseudo terminal; and their words.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { driverFacts, wearOf } from '../../../agent/cli/driver-facts.ts'
import { DRIVERS } from '../../../agent/cli/drivers.ts'
import { readOnce, writeOnce } from '../../../agent/cli/modbus-exchange.ts'
import { createTeller, framesIn, monitor } from '../../../agent/cli/modbus-monitor.ts'
import { busAt, openAt } from '../../../agent/cli/modbus-place.ts'
import { scan } from '../../../agent/cli/modbus-scan.ts'
import { signs } from '../../../agent/cli/modbus-signs.ts'
import { openTerminal } from '../../../hw-sim/bus/terminal.ts'
import { type RunningSite, startSite } from '../../../hw-sim/running-site.ts'
import { defaultSite } from '../../../hw-sim/site.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { withCrc } from '../../../shared/modbus/crc.ts'
import { asciiText } from '../control/drivers/virtual-line.ts'

const clock = systemClock()

describe('a serial line with devices', () => {
  let folder: string
  let site: RunningSite
  let port: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modbus-'))
    site = startSite({
      site: defaultSite(),
      clock,
      wallOffsetMs: 0,
      linkDir: folder,
      onTrouble: () => undefined,
    })
    port = join(folder, 'main')
  })
  afterAll(async () => {
    await site.close()
    await rm(folder, { recursive: true })
  })

  it('is scanned: each device by the driver that knows it, the others not at all', async () => {
    const said: string[] = []
    const done = await scan(port, { from: 1, to: 4, timeoutMs: 60 }, clock, (line) => said.push(line))
    expect(done).toEqual({ exitCode: 0, out: '3 found' })
    expect(said.slice(1).map((line) => /^unit +(\d+) .*driver: ([^)]+)\)/.exec(line)?.slice(1))).toEqual([
      ['1', 'phoenix-ev-cc-ac1-m3-rtu'],
      ['2', 'eastron-sdm630-v2'],
      ['3', 'waveshare-modbus-rtu-relay-8ch'],
    ])
  }, 30_000)

  it('is read: raw bytes, check sum, round trip and values', async () => {
    const options = { unit: 1, fc: 3, address: 24_000, count: 2, timeoutMs: 200 }
    const { exitCode, out = '' } = await readOnce(port, options, clock)
    expect(exitCode).toBe(0)
    expect(out).toMatch(
      /^request +0\.0 ms {2}01 03 5d c0 00 02 .. .. {2}CRC right\nreply +\d+\.\d ms {2}01 03 04 /,
    )
    expect(out).toMatch(/\n {2}24000 {2}\d+ {2}0x4[0-9a-f]{3} /)
  })

  it('tells an exception as one, and silence as silence', async () => {
    const refused = await readOnce(port, { unit: 1, fc: 3, address: 60_000, count: 1, timeoutMs: 200 }, clock)
    expect(refused).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('exception 2, illegal address'),
    })
    const silent = await readOnce(port, { unit: 9, fc: 3, address: 0, count: 1, timeoutMs: 50 }, clock)
    expect(silent).toMatchObject({ exitCode: 1, error: expect.stringMatching(/no answer$/) })
  })

  it('is written only after a yes, with a warning where the register wears', async () => {
    const options = { unit: 1, fc: 6, address: 4001, value: [1], timeoutMs: 200 }
    let asked = ''
    const refused = await writeOnce(port, options, clock, async (question) => {
      asked = question
      return false
    })
    expect(refused).toMatchObject({ exitCode: 2, error: expect.stringContaining('nothing was written') })
    expect(asked).toContain('WARNING: if this is a Phoenix Contact (phoenix-ev-cc-ac1-m3-rtu), register 4001')
    const value = { ...options, address: 22_000, value: [13] }
    expect(await writeOnce(port, { ...value, yes: true }, clock)).toMatchObject({ exitCode: 0 })
    const { out } = await readOnce(port, { ...value, fc: 3, count: 1 }, clock)
    expect(out).toContain('22000  13  0x000d')
  })

  it('says clearly when the port is in use', async () => {
    const config = busAt(port, {})
    if (!config.ok) throw new Error(config.error)
    const other = await openAt(config.value, clock, () => undefined)
    const { exitCode, error } = await readOnce(
      port,
      { unit: 1, fc: 3, address: 0, count: 1, timeoutMs: 50 },
      clock,
    )
    expect(exitCode).toBe(1)
    expect(error).toMatch(/expected {2}a port that no other program has open\n {2}got {7}it is in use: /)
    const listening = await monitor(port, { seconds: 1 }, clock, () => undefined)
    expect(listening).toMatchObject({ exitCode: 1, error: expect.stringContaining('it is in use') })
    if (other.ok) await other.value.close()
  })
})

it('a line is listened to without a byte sent, and what others say on it is told', async () => {
  const sent: Uint8Array[] = []
  const terminal = openTerminal({ onBytes: (bytes) => sent.push(bytes), onError: () => undefined })
  const said: string[] = []
  const listening = monitor(terminal.path, { seconds: 1 }, clock, (line) => said.push(line))
  const heard = async (lines: number) => {
    for (let tries = 0; tries < 80 && said.length < lines; tries++) await clock.sleep('listen', 10)
  }
  await heard(1)
  terminal.write(withCrc(Uint8Array.of(1, 3, 0x5d, 0xc0, 0, 1)))
  await heard(2)
  terminal.write(withCrc(Uint8Array.of(1, 3, 2, 0x41, 0x31)))
  expect(await listening).toEqual({ exitCode: 0 })
  expect(said).toEqual([
    `listening at ${terminal.path}; nothing is sent`,
    expect.stringMatching(/request .*unit 1: read holding registers 24000, count 1$/),
    expect.stringMatching(/reply .*unit 1: 16689 "A1"$/),
  ])
  expect(sent).toEqual([])
  terminal.close()
})

it('what is not there is told with what to do', async () => {
  const read = (place: string) =>
    readOnce(place, { unit: 1, fc: 3, address: 0, count: 1, timeoutMs: 50 }, clock)
  expect((await read('/dev/no-such-port')).error).toMatch(/No such file.*\n {2}do {8}check the path/)
  expect((await read('127.0.0.1:1')).error).toMatch(/ECONNREFUSED.*\n {2}do {8}check the address/)
  expect((await read('')).exitCode).toBe(2)
})

describe('frames on a line', () => {
  const request = withCrc(Uint8Array.of(1, 3, 0x5d, 0xc0, 0, 2))
  const reply = withCrc(Uint8Array.of(1, 3, 4, 0x41, 0x31, 0, 20))
  const write = withCrc(Uint8Array.of(1, 5, 0x4e, 0x20, 0, 0))

  it('are found one behind the other, with noise between told as such', () => {
    const noise = fc.uint8Array({ maxLength: 3 })
    fc.assert(
      fc.property(noise, noise, (before, behind) => {
        const heard = framesIn('rtu', Buffer.concat([before, request, reply, write, behind]))
        expect(heard.filter(({ frame }) => frame !== null).map(({ frame }) => frame)).toEqual([
          request,
          reply,
          write,
        ])
        expect(heard.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(
          before.length + behind.length + 25,
        )
      }),
    )
    const text = Buffer.concat([Buffer.from('x'), asciiText(request), asciiText(reply, '>')])
    expect(framesIn('ascii', text).map(({ frame }) => frame)).toEqual([null, request, reply])
  })

  it('are told as requests and replies, writes too though both look alike', () => {
    const tell = createTeller('rtu')
    const words = framesIn('rtu', Buffer.concat([request, reply, write, write, Buffer.of(1, 2)])).map(tell)
    expect(words.map((line) => line.slice(0, 7).trim())).toEqual(['request', 'reply', 'request', 'reply', ''])
    expect(words[0]).toMatch(/unit 1: read holding registers 24000, count 2$/)
    expect(words[2]).toMatch(/unit 1: write coil 20000: 0$/)
    expect(words[4]).toContain('no frame')
  })
})

describe('what is told of drivers', () => {
  it('is there for each of them', () => {
    expect(
      driverFacts()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(DRIVERS.map(({ id }) => id).sort())
    for (const { sources, gaps, confidence } of driverFacts()) {
      expect([sources, gaps, confidence].every((text) => text.length > 0)).toBe(true)
    }
  })

  it('has a sign for each that a bus can be scanned for', () => {
    expect(
      signs()
        .map(({ driver }) => driver)
        .sort(),
    ).toEqual(DRIVERS.map(({ id }) => id).sort())
  })

  it('warns of wearing registers only, and of each that a long write touches', () => {
    expect(wearOf({ fc: 6, address: 22_000, count: 1 })).toEqual([])
    expect(wearOf({ fc: 5, address: 4001, count: 1 })).toEqual([])
    expect(wearOf({ fc: 16, address: 4000, count: 3 }).join('\n')).toMatch(/4000 .*\n.*4001 .*\n.*4002 /)
  })
})
