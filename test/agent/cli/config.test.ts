import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AgentConfig, parseConfig, type Surroundings } from '../../../agent/cli/config.ts'
import { readCurrent, readDuration } from '../../../agent/cli/config-leaves.ts'
import { problemsInWords } from '../../../agent/cli/config-text.ts'
import { DRIVERS } from '../../../agent/cli/drivers.ts'
import { NO_IO } from '../../../agent/control/config.ts'

const GOOD = `station:
  id: BOX-1
  vendor: Example
  model: One
  serial: "000123"
timeZone: Europe/Copenhagen
installation:
  wireRating: 16 A
  phases: 3
cable:
  kind: tethered
  rating: 32 A
buses:
  - name: main
    port: /dev/ttyAMA0
board:
  driver: phoenix-ev-cc-ac1-m3-rtu
  bus: main
  unit: 1
  deadman:
    driver: waveshare-modbus-rtu-relay-8ch
    bus: main
    unit: 3
    channel: 1
meter:
  driver: eastron-sdm630-v2
  bus: main
  unit: 2
freeVend:
  idToken: FREE
`

const boardIds = DRIVERS.filter(({ role }) => role === 'board')
  .map(({ id }) => id)
  .join(', ')

/** A board with a watchdog of its own, and no relay. */
const OWN_WATCHDOG = GOOD.replace(/ {2}deadman:\n( {4}.*\n)+/, '').replace(
  'phoenix-ev-cc-ac1-m3-rtu',
  'heidelberg-energy-control',
)

const SURROUNDINGS: Surroundings = {
  firmwareVersion: '0.1.0',
  runDir: null,
  defaultRunDir: (id) => `/run/of/${id}`,
  bootId: null,
  wallOffsetMs: 0,
}

function good(text: string, surroundings: Partial<Surroundings> = {}): AgentConfig {
  const result = parseConfig('agent.yaml', text, { ...SURROUNDINGS, ...surroundings })
  if (!result.ok) throw new Error(problemsInWords(result.error))
  return result.value
}

function words(text: string): string {
  const result = parseConfig('agent.yaml', text, SURROUNDINGS)
  return result.ok ? 'no problem' : problemsInWords(result.error)
}

/** The good file with one piece replaced; the piece must be there. */
function but(piece: string, replacement: string, text = GOOD): string {
  expect(text).toContain(piece)
  return text.replace(piece, replacement)
}

describe('a right configuration', () => {
  it.each(['127.0.0.1', '127.3.2.1', 'localhost', '"::1"'])('needs no PIN for a page at %s', (host) => {
    expect(good(`${GOOD}local:\n  host: ${host}\n`).keeper.local.pin).toBeNull()
  })

  it.each(['0 A', '6 A', '16 A'])('takes a fallback current of %s', (current) => {
    expect(good(but('  unit: 1\n', `  unit: 1\n  fallbackCurrent: ${current}\n`)).control.board.unitId).toBe(
      1,
    )
  })

  it('names no dead-man for a board that has a watchdog of its own', () => {
    expect(good(OWN_WATCHDOG).control.deadman).toBeNull()
  })

  it('becomes what control is told', () => {
    expect(good(GOOD).control).toEqual({
      stationId: 'BOX-1',
      buses: [
        {
          kind: 'rtu',
          name: 'main',
          port: '/dev/ttyAMA0',
          baud: 19_200,
          dataBits: 8,
          parity: 'none',
          stopBits: 1,
        },
      ],
      board: { name: 'board', driver: 'phoenix-ev-cc-ac1-m3-rtu', bus: 'main', unitId: 1 },
      deadman: {
        name: 'deadman',
        driver: 'waveshare-modbus-rtu-relay-8ch',
        bus: 'main',
        unitId: 3,
        channel: 1,
      },
      meter: { name: 'meter', driver: 'eastron-sdm630-v2', bus: 'main', unitId: 2 },
      metersOutlet: false,
      io: NO_IO,
      rfid: null,
      cable: { kind: 'tethered', ratingMilliamps: 32_000 },
      billedOrRestricted: false,
      silenceProvedMs: null,
      phasesWired: 3,
      wireRatingMilliamps: 16_000,
      socketPath: '/run/of/BOX-1/control.sock',
      runDir: '/run/of/BOX-1',
      installationCopyPath: '/var/lib/voltkeep/installation.json',
      bootId: null,
      wallOffsetMs: 0,
    })
  })

  it.each([
    [
      'kind: ascii\n    port: /dev/ttyUSB0',
      {
        kind: 'ascii',
        name: 'main',
        port: '/dev/ttyUSB0',
        baud: 19_200,
        dataBits: 7,
        parity: 'even',
        stopBits: 1,
      },
    ],
    [
      'kind: ascii\n    port: /dev/ttyUSB0\n    baud: 38400\n    dataBits: 8\n    parity: none\n    stopBits: 2',
      {
        kind: 'ascii',
        name: 'main',
        port: '/dev/ttyUSB0',
        baud: 38_400,
        dataBits: 8,
        parity: 'none',
        stopBits: 2,
      },
    ],
    ['kind: tcp\n    host: 192.168.1.30', { kind: 'tcp', name: 'main', host: '192.168.1.30', port: 502 }],
    [
      'kind: tcp\n    host: keba.lan\n    port: 1502',
      { kind: 'tcp', name: 'main', host: 'keba.lan', port: 1502 },
    ],
  ])('has a bus of each kind: %s', (written, bus) => {
    expect(good(but('port: /dev/ttyAMA0', written)).control.buses).toEqual([bus])
  })

  it('lets unit ids on TCP go to 255', () => {
    const text = but('  unit: 2', '  unit: 255', but('port: /dev/ttyAMA0', 'kind: tcp\n    host: gateway'))
    expect(good(text).control.meter.unitId).toBe(255)
  })

  it('becomes what keeper is told, with the defaults', () => {
    expect(good(GOOD).keeper).toEqual({
      station: {
        id: 'BOX-1',
        vendor: 'Example',
        model: 'One',
        serial: '000123',
        firmwareVersion: '0.1.0',
      },
      stateDir: '/var/lib/voltkeep',
      runDir: '/run/of/BOX-1',
      socketPath: '/run/of/BOX-1/control.sock',
      installationCopyPath: '/var/lib/voltkeep/installation.json',
      timeZone: 'Europe/Copenhagen',
      access: 'private',
      phasesWired: 3,
      wireRatingMilliamps: 16_000,
      cableKind: 'tethered',
      resumeWithinMs: 24 * 3_600_000,
      hasRtc: false,
      freeVend: { idToken: 'FREE' },
      tokens: [],
      csms: null,
      mqtt: null,
      local: { host: '127.0.0.1', port: 8081, pin: null },
      bootId: null,
      wallOffsetMs: 0,
    })
  })

  it('may say everything', () => {
    const { control, keeper } = good(
      `${GOOD}access: public
stateDir: /data/vk
runDir: /run/vk
csms: { url: "wss://csms.example.com/ocpp", password: secret }
mqtt: { url: "mqtt://broker", username: box, password: pass }
local: { host: 0.0.0.0, port: 80, pin: "471100" }
resumeWithin: 90 s
hasRtc: true
`,
      { bootId: 'boot', wallOffsetMs: -5 },
    )
    expect(control).toMatchObject({ runDir: '/run/vk', bootId: 'boot', wallOffsetMs: -5 })
    expect(keeper).toMatchObject({
      access: 'public',
      stateDir: '/data/vk',
      csms: { url: 'wss://csms.example.com/ocpp', password: 'secret' },
      mqtt: { url: 'mqtt://broker', username: 'box', password: 'pass' },
      local: { host: '0.0.0.0', port: 80, pin: '471100' },
      resumeWithinMs: 90_000,
      hasRtc: true,
    })
  })

  it('resumes a public box only within 10 minutes unless told otherwise', () => {
    expect(good(`${GOOD}access: public\nlocal: { pin: "471100" }\n`).keeper.resumeWithinMs).toBe(600_000)
  })

  it('takes the run directory of the command line before its own', () => {
    expect(good(`${GOOD}runDir: /run/vk\n`, { runDir: '/tmp/r' }).control.socketPath).toBe(
      '/tmp/r/control.sock',
    )
  })

  it('is what the example in the documentation is', async () => {
    const text = await readFile(new URL('../../../docs/operate/agent.example.yaml', import.meta.url), 'utf8')
    good(text)
    const everything = text.replace(/^(\s*)# (\s*(?:[a-zA-Z]+:(?: .*)?))$/gm, '$1$2')
    const { keeper } = good(everything)
    expect(keeper).toMatchObject({ csms: { password: "the station's key" }, local: { pin: '4711' } })
  })
})

describe('a wrong configuration says file, line, path, expected, got and what to do', () => {
  const rules: readonly (readonly [rule: string, text: string, message: string])[] = [
    [
      'a fallback current above the installation limit',
      but('  unit: 1\n', '  unit: 1\n  fallbackCurrent: 32 A\n'),
      `agent.yaml:20  board.fallbackCurrent
  expected  at most 16 A, the installation limit (installation.wireRating)
  got       32 A
  do        set the board's own fallback to 16 A or less and write that, or raise installation.wireRating if the wire allows it`,
    ],
    [
      'an unknown key, with the one that is meant',
      but('  unit: 1\n', '  unti: 1\n  unit: 1\n'),
      `agent.yaml:19  board.unti
  expected  one of driver, bus, unit, fallbackCurrent, silenceProved, deadman
  got       the unknown key unti
  do        write unit, if that is what you mean, or remove the line`,
    ],
    [
      'an unknown key that is like none',
      `${GOOD}colour: red\n`,
      `agent.yaml:31  colour
  expected  one of station, timeZone, access, stateDir, runDir, installation, cable, buses, board, meter, io, rfid, csms, mqtt, local, freeVend, resumeWithin, hasRtc
  got       the unknown key colour
  do        remove it`,
    ],
    [
      'a current without a unit',
      but('wireRating: 16 A', 'wireRating: 16'),
      `agent.yaml:8  installation.wireRating
  expected  a current with its unit, such as 16 A
  got       the number 16
  do        write a number and A or mA`,
    ],
    [
      'a wrong unit',
      but('rating: 32 A', 'rating: 7 kW'),
      `agent.yaml:12  cable.rating
  expected  a current with its unit, such as 16 A
  got       7 kW
  do        write a number and A or mA`,
    ],
    [
      'a duration with a wrong unit',
      `${GOOD}resumeWithin: 1 day\n`,
      `agent.yaml:31  resumeWithin
  expected  a duration with its unit, such as 24 h
  got       1 day
  do        write a whole number and ms, s, min or h`,
    ],
    [
      'a missing meter',
      but('meter:\n  driver: eastron-sdm630-v2\n  bus: main\n  unit: 2\n', ''),
      `agent.yaml:1  meter
  expected  the energy meter: driver, bus and unit
  got       nothing
  do        add it; docs/operate/agent.example.yaml shows one`,
    ],
    [
      'a board without a dead-man',
      GOOD.replace(/ {2}deadman:\n( {4}.*\n)+/, ''),
      `agent.yaml:16  board.deadman
  expected  a relay that holds the board's release input: phoenix-ev-cc-ac1-m3-rtu does not notice by itself when nobody talks to it
  got       nothing
  do        add deadman with driver, bus, unit and channel; docs/operate/agent.example.yaml shows one`,
    ],
    [
      'a dead-man for a board that has a watchdog of its own',
      but('phoenix-ev-cc-ac1-m3-rtu', 'heidelberg-energy-control'),
      `agent.yaml:20  board.deadman
  expected  no dead-man relay: the watchdog of heidelberg-energy-control itself ends the current when nobody talks to it
  got       a map of keys
  do        remove deadman and its lines; the relay has nothing to hold`,
    ],
    [
      'a driver that is not known',
      but('driver: eastron-sdm630-v2', 'driver: eastron-sdm999'),
      `agent.yaml:26  meter.driver
  expected  a driver of a meter: eastron-sdm630-v2
  got       eastron-sdm999, which is not known
  do        take one of them (voltkeep drivers lists all)`,
    ],
    [
      'a driver of another kind of device',
      but('driver: phoenix-ev-cc-ac1-m3-rtu', 'driver: eastron-sdm630-v2'),
      `agent.yaml:17  board.driver
  expected  a driver of an EVSE board: ${boardIds}
  got       eastron-sdm630-v2, the driver of a meter
  do        take one of them (voltkeep drivers lists all)`,
    ],
    [
      'two devices with one unit id on a bus',
      but('  unit: 2', '  unit: 3'),
      `agent.yaml:28  meter.unit
  expected  a unit id that no other device on bus main has
  got       3, as board.deadman.unit
  do        set another unit id on one of the two devices, and write it here`,
    ],
    [
      'a unit id outside Modbus',
      but('  unit: 2', '  unit: 248'),
      `agent.yaml:28  meter.unit
  expected  a whole number from 1 to 247
  got       the number 248
  do        write a number from 1 to 247, without quotes; only a bus of kind tcp has more`,
    ],
    [
      'a unit id outside Modbus TCP',
      but('  unit: 2', '  unit: 256', but('port: /dev/ttyAMA0', 'kind: tcp\n    host: 192.168.1.30')),
      `agent.yaml:29  meter.unit
  expected  a whole number from 1 to 255
  got       the number 256
  do        write a number from 1 to 255, without quotes`,
    ],
    [
      'a baud on a TCP bus',
      but('port: /dev/ttyAMA0', 'kind: tcp\n    host: 192.168.1.30\n    baud: 9600'),
      `agent.yaml:17  buses[0].baud
  expected  no baud: a bus of kind tcp has host and port
  got       the number 9600
  do        remove the line, or write kind: rtu or kind: ascii if this is a serial port`,
    ],
    [
      'a TCP bus without a host and with the path of a serial port',
      but('port: /dev/ttyAMA0', 'kind: tcp\n    port: /dev/ttyAMA0'),
      `agent.yaml:14  buses[0].host
  expected  the name or address of the device or gateway, such as 192.168.1.30
  got       nothing
  do        add it: a bus of kind tcp has host and port
agent.yaml:16  buses[0].port
  expected  a TCP port, a whole number from 1 to 65535, because the kind is tcp
  got       /dev/ttyAMA0
  do        write its number without quotes (502 where it is not written), or kind: rtu for a serial port`,
    ],
    [
      'a host on a serial bus',
      but('port: /dev/ttyAMA0', 'port: /dev/ttyAMA0\n    host: 192.168.1.30'),
      `agent.yaml:16  buses[0].host
  expected  no host: a bus of kind rtu is a serial port
  got       192.168.1.30
  do        remove the line, or write kind: tcp`,
    ],
    [
      'a serial bus without a port',
      but('    port: /dev/ttyAMA0\n', ''),
      `agent.yaml:14  buses[0].port
  expected  an absolute path, such as /dev/ttyAMA0
  got       nothing
  do        add it: write the path from the root`,
    ],
    [
      'seven data bits where frames are binary',
      but('port: /dev/ttyAMA0', 'port: /dev/ttyAMA0\n    dataBits: 7'),
      `agent.yaml:16  buses[0].dataBits
  expected  8, because the frames of kind rtu are bytes of 8 bits
  got       the number 7
  do        remove the line, or write kind: ascii if the devices speak Modbus ASCII`,
    ],
    [
      'a kind of bus that nobody knows',
      but('port: /dev/ttyAMA0', 'port: /dev/ttyAMA0\n    kind: canbus'),
      `agent.yaml:16  buses[0].kind
  expected  one of rtu, ascii, tcp
  got       canbus
  do        take one of them`,
    ],
    [
      'two TCP buses to one device',
      but(
        'port: /dev/ttyAMA0',
        'kind: tcp\n    host: 192.168.1.30\n  - name: other\n    kind: tcp\n    host: 192.168.1.30\n    port: 502',
      ),
      `agent.yaml:19  buses[1].host
  expected  a host and port of its own
  got       192.168.1.30:502, as buses[0]
  do        name the other device, or put the devices of both on one bus`,
    ],
    [
      'a device on a bus that is not there',
      but(
        'meter:\n  driver: eastron-sdm630-v2\n  bus: main',
        'meter:\n  driver: eastron-sdm630-v2\n  bus: second',
      ),
      `agent.yaml:27  meter.bus
  expected  a bus that is listed under buses: main
  got       second
  do        write the name of the bus that the device is wired to, or add the bus`,
    ],
    [
      'two buses of one name',
      but('    port: /dev/ttyAMA0\n', '    port: /dev/ttyAMA0\n  - name: main\n    port: /dev/ttyUSB0\n'),
      `agent.yaml:16  buses[1].name
  expected  a name that no other bus has
  got       main, as buses[0]
  do        give this bus another name`,
    ],
    [
      'two buses on one port',
      but('    port: /dev/ttyAMA0\n', '    port: /dev/ttyAMA0\n  - name: other\n    port: /dev/ttyAMA0\n'),
      `agent.yaml:17  buses[1].port
  expected  a serial port of its own
  got       /dev/ttyAMA0, as buses[0]
  do        name the other port, or put the devices of both on one bus`,
    ],
    [
      'no bus',
      but('buses:\n  - name: main\n    port: /dev/ttyAMA0\n', 'buses: []\n'),
      `agent.yaml:13  buses
  expected  a list of one bus or more, each with name and port
  got       an empty list
  do        write it as such; docs/operate/agent.example.yaml shows one`,
    ],
    [
      'a wire rating below what a car can be offered',
      but('wireRating: 16 A', 'wireRating: 5 A'),
      `agent.yaml:8  installation.wireRating
  expected  6 A or more, the least that a car can be offered (IEC 61851-1)
  got       5 A
  do        write what is printed on the breaker or the cable; below 6 A no car can charge`,
    ],
    [
      'a cable rating below what a car can be offered',
      but('rating: 32 A', 'rating: 5900 mA'),
      `agent.yaml:12  cable.rating
  expected  6 A or more, the least that a car can be offered (IEC 61851-1)
  got       5.9 A
  do        write what is printed on the breaker or the cable; below 6 A no car can charge`,
    ],
    [
      'a wire rating above what the board can',
      but('wireRating: 16 A', 'wireRating: 80 A'),
      `agent.yaml:8  installation.wireRating
  expected  at most 63 A, the most that the board can offer (board.driver)
  got       80 A
  do        write 63 A or less; a thicker wire may be entered as less`,
    ],
    [
      'public access without a PIN',
      `${GOOD}access: public\nlocal:\n  port: 80\n`,
      `agent.yaml:32  local.pin
  expected  a PIN of 6 to 12 digits in quotes, because access is public
  got       nothing
  do        add it, or write access: private if only people you know can reach the box`,
    ],
    [
      'a PIN of four digits on a public box, without showing it',
      `${GOOD}access: public\nlocal:\n  pin: "4711"\n`,
      `agent.yaml:33  local.pin
  expected  a PIN of 6 to 12 digits in quotes, because access is public
  got       4 digits (not shown)
  do        write a longer one, or access: private if only people you know can reach the box`,
    ],
    [
      'a PIN that is no text, without showing it',
      `${GOOD}access: public\nlocal:\n  pin: 4711\n`,
      `agent.yaml:33  local.pin
  expected  a PIN of 4 to 12 digits in quotes
  got       something else (not shown)
  do        write it in quotes`,
    ],
    [
      'a relay channel that the relay does not have',
      but('channel: 1', 'channel: 9'),
      `agent.yaml:24  board.deadman.channel
  expected  a channel from 1 to 8
  got       the number 9
  do        write the channel that the board's release input or supply is wired to`,
    ],
    [
      'a number where a text belongs',
      but('serial: "000123"', 'serial: 123'),
      `agent.yaml:5  station.serial
  expected  a text of 1 to 25 characters, such as "000123"
  got       the number 123
  do        write it as text, in quotes if it has digits only`,
    ],
    [
      'a text where a number belongs',
      but('    port: /dev/ttyAMA0\n', '    port: /dev/ttyAMA0\n    baud: "9600"\n'),
      `agent.yaml:16  buses[0].baud
  expected  one of 2400, 4800, 9600, 19200, 38400, 57600, 115200
  got       the text "9600"
  do        take one of them`,
    ],
    [
      'a time zone that nobody knows',
      but('Europe/Copenhagen', 'Europe/Atlantis'),
      `agent.yaml:6  timeZone
  expected  an IANA time zone, such as Europe/Copenhagen
  got       Europe/Atlantis
  do        write the area and the city`,
    ],
    [
      'a server address that is no WebSocket',
      `${GOOD}csms:\n  url: https://csms.example.com\n  password: secret\n`,
      `agent.yaml:32  csms.url
  expected  a URL that begins with ws:// or wss://, such as wss://csms.example.com/ocpp
  got       https://csms.example.com
  do        write the whole address`,
    ],
    [
      'a folder for the socket whose path is too long for one',
      `${GOOD}runDir: /${'x'.repeat(100)}\n`,
      `agent.yaml:31  runDir
  expected  a path so short that /${'x'.repeat(100)}/control.sock has at most 107 bytes
  got       114 bytes
  do        name a shorter folder in memory (tmpfs)`,
    ],
    [
      'a key that is written twice',
      `${GOOD}hasRtc: true\nhasRtc: false\n`,
      `agent.yaml:32  (the whole file)
  expected  each key once
  got       the key hasRtc a second time
  do        remove one of the two lines of hasRtc`,
    ],
    [
      'a fallback current that no car can be offered',
      but('  unit: 1\n', '  unit: 1\n  fallbackCurrent: 3 A\n'),
      `agent.yaml:20  board.fallbackCurrent
  expected  0 A, or 6 A and more: no car can be offered less (IEC 61851-1)
  got       3 A
  do        set the board's own fallback to 0 A or to 6 A and more, and write that`,
    ],
    [
      'a page for the network without a PIN',
      `${GOOD}local:\n  host: 0.0.0.0\n`,
      `agent.yaml:31  local.pin
  expected  a PIN of 4 to 12 digits in quotes, because everybody on the network reaches the page at 0.0.0.0
  got       nothing
  do        add it, or remove local.host: the page is then on this machine only`,
    ],
    [
      'an empty file',
      '',
      `agent.yaml:1  (the whole file)
  expected  a map of keys: station, timeZone, installation, cable, buses, board, meter, freeVend and more
  got       nothing
  do        add it; docs/operate/agent.example.yaml shows one`,
    ],
  ]
  it.each(rules)('%s', (_rule, text, message) => {
    expect(words(text)).toBe(`${message}\nnothing was started`)
  })

  it('tells all problems at once, in the order of the file', () => {
    const text = `${GOOD.replace('16 A', '5 A').replace('phases: 3', 'phases: 2').replace('unit: 2', 'unit: 1')}oops: 1\n`
    const result = parseConfig('agent.yaml', text, SURROUNDINGS)
    const lines = result.ok ? [] : result.error.map(({ line, path }) => `${line} ${path.join('.')}`)
    expect(lines).toEqual(['8 installation.wireRating', '9 installation.phases', '28 meter.unit', '31 oops'])
  })

  it('never shows a password', () => {
    expect(words(`${GOOD}csms:\n  url: ws://x/\n  password: 12345678\n`)).not.toContain('12345678')
  })
})

describe('quantities', () => {
  it.each([
    ['16 A', 16_000],
    ['16A', 16_000],
    ['7.5 A', 7500],
    ['6000 mA', 6000],
    ['0 A', 0],
    ['6.0005 A', undefined],
    ['0.5 mA', undefined],
    ['-6 A', undefined],
    ['6,5 A', undefined],
    ['16 a', undefined],
    [' 16 A', undefined],
    [16, undefined],
  ])('the current %s is %s mA', (text, milliamps) => {
    expect(readCurrent(text)).toBe(milliamps)
  })

  it('any current in mA is read back as it was written in A', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999 }), (milliamps) => {
        expect(readCurrent(`${milliamps / 1000} A`)).toBe(milliamps)
      }),
    )
  })

  it.each([
    ['24 h', 86_400_000],
    ['10 min', 600_000],
    ['30s', 30_000],
    ['1.5 h', undefined],
    ['10 m', undefined],
    ['10', undefined],
  ])('the duration %s is %s ms', (text, milliseconds) => {
    expect(readDuration(text)).toBe(milliseconds)
  })
})
