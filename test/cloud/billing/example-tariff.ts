// The shipped example tariff, for billing's tests: night 1.495, day 2.245, peak 3.395 kr a kWh in Copenhagen.
import { SHIPPED_TARIFFS, tariffFrom } from '../../../cloud/catalogue/tariffs.ts'
import type { Tariff } from '../../../shared/tariff/price.ts'
import { type EpochMs, epochMs } from '../../../shared/units.ts'

export function exampleTariff(): Tariff {
  const parsed = tariffFrom(SHIPPED_TARIFFS[0])
  if (!parsed.ok) throw new Error(parsed.error.join('\n'))
  return parsed.value
}

export const at = (iso: string): EpochMs => epochMs(Date.parse(iso))
