// The register facts that drivers and hw-sim are both held against.
import { readFileSync } from 'node:fs'

export interface FactRow {
  readonly address: number
  readonly fc: number
  readonly count: number
  readonly type: string
  readonly wordOrder?: string
  readonly unit: string
  readonly scale: number
  readonly access: string
  readonly name: string
  readonly meaning: string
  readonly confidence?: string
  /** Where it is kept, in the vendor's words: RAM, EEPROM, retentive ... */
  readonly memory?: string
}

export interface FactDevice {
  readonly id: string
  readonly vendor: string
  readonly model: string
  readonly serialDefaults: {
    readonly unitId: number
    readonly minGapMs?: number
    /** Not there with TCP. */
    readonly baud?: number
    readonly dataBits?: number
    readonly parity?: string
    readonly stopBits?: number
  }
  readonly confidence: string
  readonly sources: readonly string[]
  readonly registers: readonly FactRow[]
}

/** The devices of test/facts/registers.json; a missing or empty file is a failure. */
export function factDevices(): readonly FactDevice[] {
  const text = readFileSync(new URL('registers.json', import.meta.url), 'utf8')
  // A file of ours, in this folder; its shape is the one above.
  const { devices } = JSON.parse(text) as { devices: readonly FactDevice[] }
  if (devices.length === 0) throw new Error('test/facts/registers.json has no devices')
  return devices
}

export function factsOf(id: string): FactDevice {
  const device = factDevices().find((candidate) => candidate.id === id)
  if (device === undefined) throw new Error(`test/facts/registers.json has no ${id}`)
  return device
}

/** `voltage_l1` → `voltageL1`: how a driver's table names a fact. */
export const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
