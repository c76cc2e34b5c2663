// OCPP 2.0.1 MeterValueType to readings of ours. The register is rounded to whole Wh, never a difference of registers.

import type { RequestOf } from '../../shared/io/ocpp-link-types.ts'
import { epochOfIso } from '../../shared/time/iso.ts'
import type { SampleFact } from '../fleet/facts.ts'

type MeterValue = RequestOf<'MeterValues'>['meterValue'][number]
type SampledValue = MeterValue['sampledValue'][number]

/** One reading a meter value, in the order told. A meter value without a date or without anything that we keep is left out. */
export function samplesFrom(
  values: readonly MeterValue[],
  { evseId, meterSerial }: { readonly evseId: number; readonly meterSerial: string | null },
): SampleFact[] {
  return values.flatMap((value) => {
    const at = epochOfIso(value.timestamp)
    if (at === null) return []
    const told = value.sampledValue.filter((one) => one.location !== 'EV')
    const sample = {
      at,
      powerWatts: total(told, 'Power.Active.Import', 'W'),
      currentsMilliamps: currents(told),
      offeredMilliamps: overall(told, 'Current.Offered', 'mA'),
      registerWh: notNegative(overall(told, 'Energy.Active.Import.Register', 'Wh')),
    }
    const { at: _, ...quantities } = sample
    if (Object.values(quantities).every((quantity) => quantity === null)) return []
    return [{ kind: 'sample', evseId, meterSerial, sample, context: contextOf(told) }]
  })
}

/** Part 2, 2.61: a sampled value without measurand is the import register. */
const measurandOf = (value: SampledValue) => value.measurand ?? 'Energy.Active.Import.Register'

function overall(values: readonly SampledValue[], measurand: string, unit: Unit): number | null {
  const found = values.find((value) => measurandOf(value) === measurand && value.phase === undefined)
  return found ? quantity(found, unit) : null
}

/** The overall value, or the sum of the phases where only they are told. */
function total(values: readonly SampledValue[], measurand: string, unit: Unit): number | null {
  const whole = overall(values, measurand, unit)
  if (whole !== null) return whole
  const phases = PHASES.map((phase) => ofPhase(values, measurand, phase, unit)).filter(
    (value) => value !== null,
  )
  return phases.length > 0 ? phases.reduce((sum, value) => sum + value, 0) : null
}

const PHASES = ['L1', 'L2', 'L3'] as const

function currents(values: readonly SampledValue[]): [number, number, number] | null {
  const [l1, l2, l3] = PHASES.map((phase) => ofPhase(values, 'Current.Import', phase, 'mA'))
  if (l1 == null && l2 == null && l3 == null) return null
  return [l1 ?? 0, l2 ?? 0, l3 ?? 0]
}

function ofPhase(
  values: readonly SampledValue[],
  measurand: string,
  phase: string,
  unit: Unit,
): number | null {
  const found = values.find(
    (value) => measurandOf(value) === measurand && (value.phase === phase || value.phase === `${phase}-N`),
  )
  return found ? quantity(found, unit) : null
}

type Unit = 'Wh' | 'W' | 'mA'
/** Factors of the units that part 2's appendix lists; another unit is not guessed at. */
const FACTORS: Readonly<Record<Unit, Readonly<Record<string, number>>>> = {
  Wh: { Wh: 1, kWh: 1000 },
  W: { W: 1, kW: 1000 },
  mA: { A: 1000 },
}
const DEFAULT_UNITS: Readonly<Record<Unit, string>> = { Wh: 'Wh', W: 'W', mA: 'A' }

function quantity(value: SampledValue, unit: Unit): number | null {
  const factor = FACTORS[unit][value.unitOfMeasure?.unit ?? DEFAULT_UNITS[unit]]
  if (factor === undefined) return null
  const scaled = Math.round(value.value * factor * 10 ** (value.unitOfMeasure?.multiplier ?? 0))
  return Number.isSafeInteger(scaled) ? scaled : null
}

const notNegative = (value: number | null) => (value !== null && value < 0 ? null : value)

function contextOf(values: readonly SampledValue[]): SampleFact['context'] {
  const context = values.find((value) => measurandOf(value) === 'Energy.Active.Import.Register')?.context
  if (context === 'Transaction.Begin') return 'begin'
  return context === 'Transaction.End' ? 'end' : 'other'
}
