import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { defaultSite, parseSite, problemText } from '../../hw-sim/site.ts'
import { DEFAULT_SITE } from '../../hw-sim/site-shape.ts'
import { WIRED_SOCKET } from './site-files.ts'

const good = `
buses:
  - name: main
devices:
  - name: board
    device: phoenix-ev-cc-ac1-m3-rtu
    bus: main
    unitId: 1
    xr: { relay: relay, channel: 2 }
  - name: meter
    device: eastron-sdm630-v2
    bus: main
    unitId: 2
  - name: relay
    device: waveshare-modbus-rtu-relay-8ch
    bus: main
    unitId: 3
car:
  phases: 1
`

/** The problems of the good file with one text put for another. */
function problems(from: string, to: string): string {
  expect(good).toContain(from)
  const parsed = parseSite(good.replace(from, to), 'site.yaml')
  if (parsed.ok) throw new Error('the site was accepted')
  return parsed.error.map(problemText).join('\n')
}

/** The problems of the wired socket box with one text put for another. */
function wiredProblems(from: string, to: string): string {
  expect(WIRED_SOCKET).toContain(from)
  const parsed = parseSite(WIRED_SOCKET.replace(from, to), 'site.yaml')
  if (parsed.ok) throw new Error('the site was accepted')
  return parsed.error.map(problemText).join('\n')
}

test('the example site of docs/operate is a good one', () => {
  const file = 'docs/operate/sim-site.example.yaml'
  const parsed = parseSite(readFileSync(file, 'utf8'), file)
  expect(parsed.ok ? [] : parsed.error.map(problemText)).toEqual([])
})

test.each([
  [
    'a channel that two things use',
    'relay, channel: 2',
    'relay, channel: 1',
    'lock.drive.lock.channel',
    'devices.0.xr has it',
  ],
  [
    'an input module that is not there',
    'inputs: inputs, channel: 1',
    'inputs: other, channel: 1',
    'lock.feedback.input.inputs',
    'inputs',
  ],
  ['a lock at a tethered cable', 'kind: socket', 'kind: tethered', 'lock', 'tethered cable has no lock'],
  [
    'two ports of one name',
    'name: reader, device',
    'name: main, device',
    'readers[0].name',
    'a name of its own',
  ],
])('a wired site with %s says where', (_what, from, to, where, expected) => {
  const text = wiredProblems(from, to)
  expect(text).toContain(where)
  expect(text).toContain(expected)
})

describe('a site file', () => {
  test('takes from the built-in site what it leaves out', () => {
    const parsed = parseSite(good, 'site.yaml')
    if (!parsed.ok) throw new Error(parsed.error.map(problemText).join('\n'))
    expect(parsed.value.car).toMatchObject({ phases: 1, maxMilliamps: 16_000, followMs: 1000 })
    expect(parsed.value.buses[0]).toMatchObject({ baud: 19_200, pacing: 'line' })
    expect(parsed.value.devices[0]).toMatchObject({ xr: { relay: 'relay', channel: 2 } })
  })

  test('of the built-in site gives the built-in site', () => {
    const parsed = parseSite(stringify(DEFAULT_SITE), 'site.yaml')
    expect(parsed).toEqual({ ok: true, value: defaultSite() })
  })

  test('with a duplicate unit id says which device has it', () => {
    expect(problems('unitId: 2', 'unitId: 1')).toBe(
      [
        'site.yaml:13  devices[1].unitId',
        '  expected  a unit id of its own on bus main; board has it',
        '  got       1',
      ].join('\n'),
    )
  })

  test('with an unknown device lists those that are known', () => {
    const text = problems('eastron-sdm630-v2', 'eastron-sdm72')
    expect(text).toContain('site.yaml:11  devices[1].device')
    expect(text).toContain('phoenix-ev-cc-ac1-m3-rtu')
    expect(text).toContain('got       "eastron-sdm72"')
  })

  test.each([
    ['an impossible car', 'phases: 1', 'phases: 2', 'site.yaml:19  car.phases', 'got       2'],
    ['a car that follows too late', 'phases: 1', 'followMs: 5001', 'car.followMs', 'got       5001'],
    [
      'a battery with more in it than it holds',
      'phases: 1',
      'battery: { capacityWattHours: 5, storedWattHours: 6 }',
      'car.battery.storedWattHours',
      'got       6',
    ],
    ['an unknown key', 'phases: 1', 'fases: 1', 'car.fases', 'expected  no such key'],
    [
      'a bus that is not there',
      'bus: main\n    unitId: 3',
      'bus: other\n    unitId: 3',
      'devices[2].bus',
      'main',
    ],
    [
      'a relay that is not there',
      'relay: relay, channel',
      'relay: rely, channel',
      'devices[0].xr.relay',
      'relay',
    ],
    ['a ninth channel', 'channel: 2', 'channel: 9', 'devices[0].xr', 'got'],
    [
      'a baud rate that a device lacks',
      '- name: main',
      '- name: main\n    baud: 38400',
      'buses[0].baud',
      '9600, 19200',
    ],
    [
      'a bus that the board does not speak',
      '- name: main',
      '- name: main\n    kind: tcp',
      'buses[0].kind',
      'rtu',
    ],
    [
      'a bus of an unknown kind',
      '- name: main',
      '- name: main\n    kind: can',
      'buses[0].kind',
      'got       "can"',
    ],
    ['a unit id of TCP on a line', 'unitId: 2', 'unitId: 255', 'devices[1].unitId', '1-247 on a serial bus'],
    ['two devices of one name', 'name: meter', 'name: board', 'devices[1].name', 'devices[0] has it'],
    [
      'a device too many',
      'eastron-sdm630-v2',
      'waveshare-modbus-rtu-relay-8ch',
      'devices',
      'one eastron-sdm630-v2, not 0',
    ],
    ['a text that is no YAML', 'buses:', 'buses: [', 'site.yaml', 'YAML'],
  ])('with %s says where, what was expected and what it got', (_what, from, to, where, expected) => {
    const text = problems(from, to)
    expect(text).toContain(where)
    expect(text).toContain(expected)
  })
})
