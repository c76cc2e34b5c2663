// What control holds between two turns, in one place: changed by the loop and its parts (keepers-words, telling,
// mirroring) and by nobody else. It begins with what the last control of this boot left in the mirror.
import type { FaultCode } from '../../shared/faults.ts'
import type { BindingLimit, PlanSet } from '../../shared/limits/plan.ts'
import type { MonotonicMs } from '../../shared/units.ts'
import type { Permission } from '../control-link/messages.ts'
import type { ControlConfig } from './config.ts'
import { type DecisionState, initialDecision } from './decide.ts'
import { type FactBook, newFactBook } from './fact-book.ts'
import type { InstallationCopy } from './installation-copy.ts'
import { ofThisBoot, withoutLeases } from './limits/own-plans.ts'
import type { Found } from './mirror.ts'
import { initialMeter, type MeterState, type MeterView, stepMeter, viewMeter } from './safety/meter-judge.ts'
import { initialSafety } from './safety/state.ts'

/** After a longer standstill of control (or of the whole box) leases count as over. */
export const GAP_MS = 2000
/** A permission outlives a longer absence of control only by keeper's word. */
const ADOPT_MS = 10_000

export interface Held {
  readonly bootId: string
  set: PlanSet | null
  /** The set that the mirror holds: until it holds the newest, the lower of both counts. */
  mirroredSet: PlanSet | null
  permission: Permission | null
  /** Is being mirrored: in each mirror, but nothing is offered for it yet. */
  pending: Permission | null
  decision: DecisionState
  /** null before the first turn. */
  binding: BindingLimit | null
  meter: MeterState
  resolutionWh: number
  book: FactBook
  /** Facts up to this number are in the mirror: keeper may know them. */
  mirroredNumber: number
  keeperHeardAt: MonotonicMs
  /** Latched faults that a technician cleared since the last turn. */
  cleared: FaultCode[]
}

export type HowFound = 'adopted' | 'tooOld' | 'missing' | 'otherBoot'

export function heldFrom(
  found: Found,
  parts: {
    readonly bootId: string
    readonly config: ControlConfig
    readonly installation: InstallationCopy | null
  },
  now: MonotonicMs,
): { readonly held: Held; readonly how: HowFound } {
  const { bootId, config, installation } = parts
  const kept = found.kind === 'found' ? found.mirror : null
  const adopted = found.kind === 'found' && found.ageMs <= ADOPT_MS ? found.mirror : null
  const tooOldForLeases = found.kind === 'found' && found.ageMs > GAP_MS
  const ours = ofThisBoot(kept?.planSet ?? null, bootId)
  const set = ours !== null && tooOldForLeases ? withoutLeases(ours) : ours
  const decision = initialDecision(
    initialSafety(now, {
      plugId: adopted?.plugId ?? null,
      chargingState: adopted?.chargingState ?? 'idle',
      faults: kept?.faults ?? [],
    }),
  )
  const deliverableWatts =
    (config.wireRatingMilliamps * (installation?.phasesWired ?? config.phasesWired) * 250) / 1000
  const meter = initialMeter(now, kept?.meter ?? null, deliverableWatts)
  const book =
    kept === null
      ? newFactBook(bootId, now)
      : { bootId, lastNumber: kept.lastFactNumber, kept: kept.facts, waiting: [] }
  const held: Held = {
    bootId,
    set,
    mirroredSet: set,
    permission: adopted?.permission ?? null,
    pending: null,
    decision,
    binding: null,
    meter: decision.safety.plugId === null ? meter : stepMeter(meter, { kind: 'plugIn' }, now).state,
    resolutionWh: 1,
    book,
    mirroredNumber: book.lastNumber,
    keeperHeardAt: now,
    cleared: [],
  }
  return { held, how: found.kind === 'found' ? (adopted === null ? 'tooOld' : 'adopted') : found.kind }
}

export const meterView = (held: Held, now: MonotonicMs): MeterView =>
  viewMeter(held.meter, held.resolutionWh, now)
