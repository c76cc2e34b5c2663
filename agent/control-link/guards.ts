// What came over the link (or out of the mirror) is a peer's word until it was looked at: these guards check every field
// of a message, without a library, because control must stay small. A guard tells where it failed, never throws.
import { FAULTS } from '../../shared/faults.ts'
import {
  type BindingLimit,
  LIMIT_SOURCES,
  type LimitPlan,
  type PlanSet,
  type PlanStep,
} from '../../shared/limits/plan.ts'
import { MESSAGE_KEYS, type Message } from '../../shared/message.ts'
import { err, ok, type Result } from '../../shared/result.ts'
import {
  type ChargingState,
  type ControlStatus,
  type ControlToKeeper,
  type DeviceStatus,
  KEEPER_SOURCES,
  type KeeperToControl,
  type MeterReading,
  type NumberedFact,
  type Permission,
  type RememberedFault,
} from './messages.ts'

/** Null when the value fits, else where and why not, in words for a log line. */
export type Check = (value: unknown) => string | null

const MAX_TEXT = 4096
const MAX_PLANS = 64
const MAX_STEPS = 4096
const MAX_FACTS = 4096
const MAX_DEVICES = 64

const got = (value: unknown) => {
  const text = JSON.stringify(value) ?? typeof value
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

export const text: Check = (value) =>
  typeof value === 'string' && value.length <= MAX_TEXT ? null : `expected a text, got ${got(value)}`
export const integer: Check = (value) =>
  Number.isSafeInteger(value) ? null : `expected a whole number, got ${got(value)}`
export const natural: Check = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? null : `expected 0 or more, got ${got(value)}`
const finite: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) ? null : `expected a number, got ${got(value)}`
const truth: Check = (value) =>
  typeof value === 'boolean' ? null : `expected true or false, got ${got(value)}`
export const oneOf =
  (allowed: readonly (string | number)[]): Check =>
  (value) =>
    allowed.some((one) => one === value) ? null : `expected one of ${allowed.join(', ')}, got ${got(value)}`
export const nullOr =
  (check: Check): Check =>
  (value) =>
    value === null ? null : check(value)
const record = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const listOf =
  (check: Check, longest: number): Check =>
  (value) => {
    if (!Array.isArray(value)) return `expected a list, got ${got(value)}`
    if (value.length > longest) return `expected at most ${longest} items, got ${value.length}`
    for (const [index, item] of value.entries()) {
      const trouble = check(item)
      if (trouble !== null) return `[${index}] ${trouble}`
    }
    return null
  }

/** All fields present and fitting, and no others. Told the type, the compiler holds the list of its fields complete. */
export const shape =
  <T extends object = Record<string, unknown>>(fields: Readonly<Record<keyof T & string, Check>>): Check =>
  (value) => {
    if (!record(value)) return `expected an object, got ${got(value)}`
    for (const [name, check] of Object.entries<Check>(fields)) {
      const trouble = check(value[name])
      if (trouble !== null) return `.${name} ${trouble}`
    }
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name))
    return unknown === undefined ? null : `.${unknown.slice(0, 40)} is not known`
  }

/** A union told apart by the field `kind`. */
export const kinds =
  (variants: Readonly<Record<string, Readonly<Record<string, Check>>>>): Check =>
  (value) => {
    if (!record(value)) return `expected an object, got ${got(value)}`
    const kind = value['kind']
    if (typeof kind !== 'string' || !Object.hasOwn(variants, kind)) return `.kind is not known: ${got(kind)}`
    return shape({ kind: text, ...variants[kind] })(value)
  }

const perPhase =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length === 3
      ? listOf(check, 3)(value)
      : `expected three values, got ${got(value)}`

const words = shape<Message>({
  key: oneOf(MESSAGE_KEYS),
  values: (value) => {
    if (!record(value)) return `expected an object, got ${got(value)}`
    const wrong = Object.values(value).find((one) => text(one) !== null && finite(one) !== null)
    return wrong === undefined ? null : `expected a text or a number, got ${got(wrong)}`
  },
})
const faultCode = oneOf(FAULTS.map((row) => row.code))
const limit = kinds({
  perPhase: { currentMilliamps: natural },
  total: { powerWatts: natural },
  unlimited: {},
})

const risingSteps: Check = (value) => {
  const trouble = listOf(shape<PlanStep>({ untilMonotonicMs: natural, limit }), MAX_STEPS)(value)
  if (trouble !== null) return trouble
  const untils = (value as readonly { untilMonotonicMs: number }[]).map((step) => step.untilMonotonicMs) // checked above
  const falls = untils.findIndex((until, index) => index > 0 && until <= (untils[index - 1] ?? until))
  return falls < 0 ? null : `[${falls}] does not end after the step before it`
}

const planSet = shape<PlanSet>({
  version: natural,
  bootId: text,
  phasesWired: oneOf([1, 3]),
  mandatory: listOf(oneOf(LIMIT_SOURCES), LIMIT_SOURCES.length),
  plans: listOf(
    shape<LimitPlan>({ source: oneOf(KEEPER_SOURCES), reason: words, steps: risingSteps, afterwards: limit }),
    MAX_PLANS,
  ),
})

const permission = shape<Permission>({
  uuid: text,
  evseId: natural,
  idToken: text,
  plugId: text,
  meterSerial: text,
  startRegisterWh: integer,
  bootId: text,
  startedAtMonotonicMs: natural,
})

const meterReading = shape<MeterReading>({
  takenAtMonotonicMs: natural,
  serial: text,
  registerWh: integer,
  powerWatts: integer,
  currentsMilliamps: perPhase(natural),
  voltagesMillivolts: perPhase(natural),
})

export const CHARGING_STATES = [
  'idle',
  'occupied',
  'suspendedEvse',
  'suspendedEv',
  'charging',
  'faulted',
] as const satisfies readonly ChargingState[]

const fact = kinds({
  plugged: { plugId: text },
  unplugged: { plugId: text },
  chargingState: { state: oneOf(CHARGING_STATES) },
  released: { uuid: text, why: oneOf(['keeperSilent', 'stopButton']) },
  restarted: { mirror: oneOf(['adopted', 'tooOld', 'missing', 'otherBoot']) },
  faultRaised: { code: faultCode, detail: text },
  faultCleared: { code: faultCode },
  meterReplaced: { fromSerial: text, toSerial: text, fromRegisterWh: integer },
})

const numberedFact = shape<NumberedFact>({
  number: natural,
  bootId: text,
  atMonotonicMs: natural,
  meter: nullOr(meterReading),
  fact,
})

const binding = shape<BindingLimit>({
  currentMilliamps: natural,
  source: oneOf(LIMIT_SOURCES),
  reason: words,
  untilMonotonicMs: nullOr(natural),
})

const device = shape<DeviceStatus>({
  name: text,
  driver: text,
  bus: text,
  unitId: natural,
  reachable: truth,
  lastReplyAgeMs: nullOr(natural),
  requests: natural,
  errors: natural,
  roundTripMs: nullOr(finite),
})

const status = shape<ControlStatus>({
  atMonotonicMs: natural,
  pilot: nullOr(oneOf(['A', 'B', 'C', 'D', 'E', 'F'])),
  plugId: nullOr(text),
  chargingState: oneOf(CHARGING_STATES),
  relay: oneOf(['open', 'closed', 'unknown']),
  offeredMilliamps: natural,
  binding,
  permissionUuid: nullOr(text),
  planVersion: nullOr(natural),
  meter: nullOr(meterReading),
  faults: listOf(faultCode, FAULTS.length),
  devices: listOf(device, MAX_DEVICES),
})

const keeperToControl = kinds({
  hello: { version: natural, bootId: text },
  plans: { set: planSet },
  permission: { permission },
  revoke: {
    uuid: text,
    reason: oneOf([
      'remoteStop',
      'localStop',
      'deauthorised',
      'sessionEnded',
      'meterReplaced',
      'unknownPermission',
    ]),
  },
  factsStored: { number: natural },
  standingFaults: {
    faults: listOf(shape<RememberedFault>({ code: faultCode, detail: text }), FAULTS.length),
  },
  clearFault: { code: faultCode },
  alive: {},
})

const acknowledgement: Check = (value) =>
  record(value) && value['of'] === 'plans'
    ? shape({ kind: text, of: text, version: natural })(value)
    : shape({ kind: text, of: oneOf(['permission', 'revoke']), uuid: text })(value)

const controlKinds = kinds({
  hello: {
    version: natural,
    bootId: text,
    permission: nullOr(permission),
    planVersion: nullOr(natural),
    facts: listOf(numberedFact, MAX_FACTS),
    status,
    mirrorAgeMs: nullOr(natural),
  },
  status: { status },
  fact: { fact: numberedFact },
  touch: { token: text, atMonotonicMs: natural },
  refused: { uuid: text, why: text },
})

const controlToKeeper: Check = (value) =>
  record(value) && value['kind'] === 'ack' ? acknowledgement(value) : controlKinds(value)

/** A hello is looked at for its version alone: another version may have another shape. */
export const helloVersion = (value: unknown): number | null =>
  record(value) && value['kind'] === 'hello' && Number.isSafeInteger(value['version'])
    ? Number(value['version'])
    : null

// The one place where a checked value gets its type: the checks above name each field of the type and no other.
const parser =
  <T>(check: Check) =>
  (value: unknown): Result<T, string> => {
    const trouble = check(value)
    return trouble === null ? ok(value as T) : err(trouble)
  }

export const parseKeeperToControl = parser<KeeperToControl>(keeperToControl)
export const parseControlToKeeper = parser<ControlToKeeper>(controlToKeeper)
export const parsePlanSet = parser<PlanSet>(planSet)
export const parsePermission = parser<Permission>(permission)
export const parseNumberedFact = parser<NumberedFact>(numberedFact)
export const parseMeterReading = parser<MeterReading>(meterReading)
