import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canonicalJson, readInstallationCopy } from '../../../agent/control/installation-copy.ts'

const record = {
  version: 3,
  limitMilliamps: 16_000,
  phasesWired: 3,
  mandatory: ['installation', 'board'],
  commissionedBy: 'Ødegård',
  commissionedAt: 1_700_000_000_000,
}
const text = (given: object, checksum = sum(given)) => JSON.stringify({ record: given, checksum })
const sum = (given: object) => createHash('sha256').update(canonicalJson(given)).digest('hex')

function read(content: string | null) {
  const dir = mkdtempSync(join(tmpdir(), 'vk-installation-'))
  try {
    if (content !== null) writeFileSync(join(dir, 'copy.json'), content)
    return readInstallationCopy(join(dir, 'copy.json'))
  } finally {
    rmSync(dir, { recursive: true })
  }
}

test('a whole copy gives its limit, in whatever order its fields were written', () => {
  const value = { limitMilliamps: 16_000, phasesWired: 3, version: 3 }
  expect(read(text(record))).toEqual({ ok: true, value })
  const turned = Object.fromEntries(Object.entries(record).toReversed())
  expect(read(text(turned, sum(record)))).toEqual({ ok: true, value })
})

test('torn at every byte, damaged or absent it gives none and says why', () => {
  const whole = text(record)
  for (let length = 0; length < whole.length; length++) expect(read(whole.slice(0, length)).ok).toBe(false)
  expect(read(null)).toMatchObject({ ok: false })
  expect(read(text({ ...record, limitMilliamps: 32_000 }, sum(record)))).toMatchObject({
    ok: false,
    error: expect.stringContaining('checksum'),
  })
  for (const bad of [{ limitMilliamps: -1 }, { limitMilliamps: 'x' }, { phasesWired: 2 }, { version: null }])
    expect(read(text({ ...record, ...bad }))).toMatchObject({ ok: false })
})
