import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { GENERATED_201, generate201 } from '../../scripts/generate-ocpp.ts'

describe('the OCPP 2.0.1 types', () => {
  it('are what the shipped schemas give', async () => {
    const [kept, made] = await Promise.all([readFile(GENERATED_201, 'utf8'), generate201()])
    expect(kept === made, 'run `npm run generate` and commit the result').toBe(true)
  })

  it('hold request and response of all 64 actions', async () => {
    const kept = await readFile(GENERATED_201, 'utf8')
    expect(kept.match(/^export interface \w+Request\b/gm)).toHaveLength(64)
    expect(kept.match(/^export interface \w+Response\b/gm)).toHaveLength(64)
    const table = kept.slice(kept.indexOf('export interface Actions201'))
    expect(table).toContain('  BootNotification: {\n    request: BootNotificationRequest\n')
  })
})
