// From the registers of one transaction and a tariff to bill lines. Pure, and the same for the same input: a bill can
// be made again from the stored messages at any time.
//
// What must hold: the quantities of the lines add up to end register − start register, to the Wh. Each line is rounded
// to money once. No tariff is an error on the bill, never a price of zero.
import { invariant } from '../../shared/invariant.ts'
import { type Message, message } from '../../shared/message.ts'
import { lineAmount, type MinorUnits, minorUnits, type NanosPerKwh } from '../../shared/money.ts'
import { type BandSpan, bandSpans, type MissingPrice, type Tariff } from '../../shared/tariff/price.ts'
import { isoOf } from '../../shared/time/iso.ts'
import { type EpochMs, type WattHours, wattHours } from '../../shared/units.ts'
import type { RegisterReading, TransactionReadings } from './readings.ts'

/** Energy of one band over one span of time. */
export interface BillLine {
  readonly band: string
  readonly from: EpochMs
  readonly to: EpochMs
  readonly fromRegisterWh: WattHours
  readonly toRegisterWh: WattHours
  readonly quantityWh: WattHours
  readonly price: NanosPerKwh
  readonly amountMinor: MinorUnits
  /** `measured`: both registers were read within 2 s of their time. */
  readonly basis: 'measured' | 'interpolated'
  readonly reason: Message
}

export type Bill =
  | { readonly kind: 'running' }
  | {
      readonly kind: 'billed'
      readonly tariffId: string
      readonly currency: string
      readonly quantityWh: WattHours
      /** Sum of the lines' amounts; it is not rounded again. */
      readonly amountMinor: MinorUnits
      /** In the order of time; bands in which nothing flowed have no line. */
      readonly lines: readonly BillLine[]
    }
  | { readonly kind: 'notBilled'; readonly reason: Message }

/** A register read this close to a band's boundary counts as read at it. */
const BOUNDARY_TOLERANCE_MS = 2000

/** The bill of a transaction; `tariff` is null where none is set. */
export function billTransaction(transaction: TransactionReadings, tariff: Tariff | null): Bill {
  switch (transaction.kind) {
    case 'running':
      return { kind: 'running' }
    case 'complete':
      return tariff ? billReadings(transaction.readings, tariff) : notBilled('bill.noTariff')
    case 'noStartRegister':
    case 'noEndRegister':
    case 'registerWentBack':
    case 'timeWentBack':
    case 'meterReplaced':
    case 'timeImplausible':
      return notBilled(`bill.${transaction.kind}`)
  }
}

function billReadings(readings: readonly RegisterReading[], tariff: Tariff): Bill {
  const start = readings[0]
  const end = readings.at(-1)
  invariant(start && end, 'a complete transaction has a first and a last reading')
  const spans = bandSpans(tariff, start.at, end.at)
  if (!spans.ok) return missingPrice(spans.error)
  const lines: BillLine[] = []
  let from: Boundary = { registerWh: start.registerWh, measured: start.timeExact }
  for (const [index, span] of spans.value.entries()) {
    const last = index === spans.value.length - 1
    const to = last ? { registerWh: end.registerWh, measured: end.timeExact } : registerAt(readings, span.to)
    if (to.registerWh > from.registerWh) lines.push(lineOf(span, from, to, tariff.currency))
    from = to
  }
  return {
    kind: 'billed',
    tariffId: tariff.id,
    currency: tariff.currency,
    quantityWh: wattHours(lines.reduce((sum, line) => sum + line.quantityWh, 0)),
    amountMinor: minorUnits(lines.reduce((sum, line) => sum + line.amountMinor, 0)),
    lines,
  }
}

interface Boundary {
  readonly registerWh: WattHours
  readonly measured: boolean
}

function lineOf(span: BandSpan, from: Boundary, to: Boundary, currency: string): BillLine {
  const quantityWh = wattHours(to.registerWh - from.registerWh)
  const measured = from.measured && to.measured
  return {
    band: span.band.name,
    from: span.from,
    to: span.to,
    fromRegisterWh: from.registerWh,
    toRegisterWh: to.registerWh,
    quantityWh,
    price: span.band.price,
    amountMinor: lineAmount(quantityWh, span.band.price, currency),
    basis: measured ? 'measured' : 'interpolated',
    reason: message(measured ? 'bill.energy' : 'bill.energyInterpolated', { band: span.band.name }),
  }
}

/** The register at a boundary between the first and the last reading: read there, or on the line between neighbours. */
function registerAt(readings: readonly RegisterReading[], at: EpochMs): Boundary {
  let nearest: RegisterReading | null = null
  for (const reading of readings) {
    if (!reading.timeExact || Math.abs(reading.at - at) > BOUNDARY_TOLERANCE_MS) continue
    if (nearest === null || Math.abs(reading.at - at) < Math.abs(nearest.at - at)) nearest = reading
  }
  if (nearest) return { registerWh: nearest.registerWh, measured: true }
  const nextIndex = readings.findIndex((reading) => reading.at > at)
  const next = readings[nextIndex]
  const before = readings[nextIndex - 1]
  invariant(next && before, 'a boundary lies between the first and the last reading')
  // Whole numbers throughout: registers are below 2^43 Wh, but their product with a time is not safe as a double.
  const rise = BigInt(next.registerWh - before.registerWh)
  const share = (rise * BigInt(at - before.at)) / BigInt(next.at - before.at)
  return { registerWh: wattHours(before.registerWh + Number(share)), measured: false }
}

const notBilled = (key: Message['key'], values: Message['values'] = {}): Bill => ({
  kind: 'notBilled',
  reason: message(key, values),
})

const missingPrice = (missing: MissingPrice): Bill =>
  notBilled(`bill.${missing.kind}`, { at: isoOf(missing.at) })
