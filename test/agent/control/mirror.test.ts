import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  decodeMirror,
  encodeMirror,
  type Mirror,
  openMirror,
  readMirror,
} from '../../../agent/control/mirror.ts'
import { message } from '../../../shared/message.ts'
import { amps, milliVolts, monotonicMs, wattHours, watts } from '../../../shared/units.ts'

const meter = {
  takenAtMonotonicMs: monotonicMs(900),
  serial: 'M1',
  registerWh: wattHours(12_345),
  powerWatts: watts(11_000),
  currentsMilliamps: [amps(16), amps(16), amps(16)] as const,
  voltagesMillivolts: [milliVolts(230_000), milliVolts(230_000), milliVolts(230_000)] as const,
}
const full: Mirror = {
  bootId: 'b1',
  writtenAtMonotonicMs: monotonicMs(1000),
  planSet: {
    version: 7,
    bootId: 'b1',
    phasesWired: 3,
    mandatory: ['installation'],
    plans: [
      {
        source: 'schedule',
        reason: message('limit.schedule', { until: 'søndag' }),
        steps: [{ untilMonotonicMs: monotonicMs(2000), limit: { kind: 'total', powerWatts: watts(4200) } }],
        afterwards: { kind: 'unlimited' },
      },
    ],
  },
  permission: {
    uuid: 'u',
    evseId: 1,
    idToken: 't',
    plugId: 'b1:5',
    meterSerial: 'M1',
    startRegisterWh: wattHours(12_000),
    bootId: 'b1',
    startedAtMonotonicMs: monotonicMs(500),
  },
  plugId: 'b1:5',
  chargingState: 'charging',
  faults: [{ code: 'METER_REPLACED', detail: 'now M1' }],
  facts: [
    {
      number: 41,
      bootId: 'b1',
      atMonotonicMs: monotonicMs(600),
      meter,
      fact: { kind: 'plugged', plugId: 'b1:5' },
    },
  ],
  lastFactNumber: 41,
  meter,
}
const at = monotonicMs

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vk-mirror-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function open() {
  const file = openMirror(dir)
  if (!file.ok) throw new Error(file.error)
  return file.value
}

describe('the mirror', () => {
  test('gives back what was written', async () => {
    expect(await open().write(full)).toEqual({ ok: true, value: null })
    expect(readMirror(dir, 'b1', at(1500))).toEqual({ kind: 'found', mirror: full, ageMs: 500 })
  })

  test('torn at every byte it is missing, and with any one byte changed too', () => {
    const whole = Buffer.from(encodeMirror(full), 'utf8')
    for (let length = 0; length < whole.length; length++)
      expect(decodeMirror(whole.subarray(0, length).toString('utf8')).ok, `cut at ${length}`).toBe(false)
    for (let index = 0; index < whole.length; index++) {
      const bent = Buffer.from(whole)
      bent[index] = (bent[index] ?? 0) ^ 0x01
      expect(decodeMirror(bent.toString('utf8')).ok, `byte ${index}`).toBe(false)
    }
    expect(decodeMirror(`${whole.toString('utf8')}x`).ok).toBe(false)
    expect(decodeMirror(whole.toString('utf8')).ok).toBe(true)
  })

  test('of another shape it is missing, though its checksum holds', () => {
    const other = { ...full, permission: { ...full.permission, plugId: 5 } } as unknown as Mirror
    expect(decodeMirror(encodeMirror(other))).toMatchObject({
      ok: false,
      error: expect.stringContaining('.plugId'),
    })
  })

  test('of another boot, absent, or from the future it gives nothing', async () => {
    expect(readMirror(dir, 'b1', at(1))).toMatchObject({ kind: 'missing' })
    await open().write(full)
    expect(readMirror(dir, 'b2', at(1500))).toEqual({ kind: 'otherBoot' })
    expect(readMirror(dir, 'b1', at(10))).toMatchObject({ kind: 'missing' })
  })

  test('its age counts from the last stamp; a torn stamp or one of another boot does not count', async () => {
    const file = open()
    await file.write(full)
    file.stamp('b1', at(5000))
    expect(readMirror(dir, 'b1', at(5200))).toMatchObject({ ageMs: 200 })
    const stamp = readFileSync(join(dir, 'mirror.stamp'), 'utf8')
    for (let index = 0; index < stamp.trimEnd().length; index++) {
      const bent = `${stamp.slice(0, index)}${stamp[index] === '1' ? '2' : '1'}${stamp.slice(index + 1)}`
      writeFileSync(join(dir, 'mirror.stamp'), bent)
      expect(readMirror(dir, 'b1', at(5200)), bent).toMatchObject({ ageMs: 4200 })
    }
    file.stamp('b2', at(5100))
    expect(readMirror(dir, 'b1', at(5200))).toMatchObject({ ageMs: 4200 })
  })

  test('many writes at once end with the newest; each caller is answered when its content or a newer one is there', async () => {
    const file = open()
    const writes = Array.from({ length: 50 }, (_, index) => file.write({ ...full, lastFactNumber: index }))
    expect((await Promise.all(writes)).every((one) => one.ok)).toBe(true)
    expect(readMirror(dir, 'b1', at(1500))).toMatchObject({ mirror: { lastFactNumber: 49 } })
  })

  test('a folder that is gone is told, and nothing throws', async () => {
    const file = open()
    rmSync(dir, { recursive: true })
    expect(await file.write(full)).toMatchObject({ ok: false })
    file.stamp('b1', at(1))
    expect(file.writeNow(full)).toMatchObject({ ok: false })
  })

  test('a folder that cannot be made is told', () => {
    expect(openMirror('/proc/no/such/place')).toMatchObject({ ok: false })
  })
})
