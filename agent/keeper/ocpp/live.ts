// What the server is told as it is now, not as it was: the connector's state, the binding limit, and what flows. Only the
// newest is sent; after each reconnect all are told anew (OCPP 2.0.1 B04). Nothing here is kept for later.
import type { CallOutcome, LinkLog } from '../../../shared/io/ocpp-link-types.ts'
import type { ConnectorStatusEnumType } from '../../../shared/ocpp/generated/actions-201.ts'
import type { Clock, Timer } from '../../../shared/time/clock.ts'
import { type EpochMs, epochMs, type MonotonicMs, type WattHours, wattHours } from '../../../shared/units.ts'
import type { ControlStatus, MeterReading } from '../../control-link/messages.ts'
import type { Box, BoxSnapshot } from '../ports.ts'
import { limitReport } from './v201/builders/notify-event.ts'
import { connectorStatus } from './v201/builders/status-notification.ts'

/** A control that restarts is back within this time; only a longer silence is Unavailable. */
const CONTROL_SILENCE_MS = 10_000
/** After a send that failed while the socket is open. */
const RETRY_MS = 10_000
/** The limit is told at most this often. */
const LIMIT_SPACING_MS = 1000
/** While current flows, what flows is told once in each of these spans. */
const FLOW_TELL_MS = 10_000
/** Changes of it are told at most this often. */
const FLOW_SPACING_MS = 1000
/** Current per phase from which on current flows; less is the meter's noise. */
const FLOW_MILLIAMPS = 500
/** An older reading says nothing of now. */
const READING_AGE_MAX_MS = 5000

export interface LiveOptions {
  readonly box: Pick<Box, 'snapshot' | 'onChange'>
  readonly clock: Clock
  readonly log: LinkLog
  readonly ready: () => boolean
  readonly sendStatus: (
    status: ConnectorStatusEnumType,
    snapshot: BoxSnapshot,
  ) => Promise<CallOutcome<'StatusNotification'>>
  readonly sendLimit: (snapshot: BoxSnapshot) => Promise<CallOutcome<'NotifyEvent'>>
  readonly sendFlow: (flow: Flow) => Promise<CallOutcome<'MeterValues'>>
}

/** A reading of the meter with its wall time, and what is offered. */
export interface Flow {
  readonly at: EpochMs
  readonly meter: MeterReading
  /** The open session's newest register as its account holds it, never the meter's own word; null between sessions. */
  readonly register: { readonly registerWh: WattHours; readonly meterSerial: string } | null
  readonly offeredMilliamps: ControlStatus['offeredMilliamps']
}

export interface Live {
  /** The server is ready: state, limit and flow are told where they were not. */
  look(): void
  /** The socket is gone: what was told over it does not count. */
  forget(): void
  statusNow(): void
  stop(): void
}

export function liveReports(options: LiveOptions): Live {
  const { box, clock } = options
  let controlLostAt: MonotonicMs | null = null
  const status = newest({
    ...options,
    name: 'ocpp status',
    spacingMs: 0,
    now: () => {
      const snapshot = box.snapshot()
      if (snapshot.control) controlLostAt = null
      else controlLostAt ??= clock.monotonic()
      const lostMs = controlLostAt === null ? 0 : clock.monotonic() - controlLostAt
      const value = connectorStatus(snapshot)
      // Not yet: it is looked at again when the time is up.
      if (value === 'Unavailable' && lostMs < CONTROL_SILENCE_MS)
        return { again: CONTROL_SILENCE_MS - lostMs }
      return { text: value, send: () => options.sendStatus(value, snapshot) }
    },
  })
  const limit = newest({
    ...options,
    name: 'ocpp limit',
    spacingMs: LIMIT_SPACING_MS,
    now: () => {
      const snapshot = box.snapshot()
      return { text: JSON.stringify(limitReport(snapshot.limit)), send: () => options.sendLimit(snapshot) }
    },
  })
  let situation: { readonly text: string; readonly sinceMonotonicMs: MonotonicMs } | null = null
  const flow = newest({
    ...options,
    name: 'ocpp meter values',
    spacingMs: FLOW_SPACING_MS,
    now: () => {
      const snapshot = box.snapshot()
      const { control } = snapshot
      if (!control?.meter) return null
      const { meter, offeredMilliamps } = control
      const now = clock.monotonic()
      const text = `${control.chargingState} ${offeredMilliamps}`
      if (situation?.text !== text) situation = { text, sinceMonotonicMs: now }
      // The first reading after a change says what it led to; the one before it would be told as if it did.
      if (meter.takenAtMonotonicMs < situation.sinceMonotonicMs) return null
      const ageMs = Math.max(0, now - meter.takenAtMonotonicMs)
      if (ageMs > READING_AGE_MAX_MS) return null
      const flows = meter.currentsMilliamps.some((current) => current >= FLOW_MILLIAMPS)
      const span = flows ? ` flows ${Math.floor(meter.takenAtMonotonicMs / FLOW_TELL_MS)}` : ''
      const at = epochMs(snapshot.at - ageMs)
      const register = sessionRegister(snapshot)
      return {
        text: `${text}${span}`,
        send: () => options.sendFlow({ at, meter, register, offeredMilliamps }),
      }
    },
  })
  const reports = [status, limit, flow]
  const look = () => {
    for (const report of reports) report.look()
  }
  const end = box.onChange(look)
  return {
    look,
    forget: () => {
      for (const report of reports) report.forget()
    },
    statusNow: () => {
      status.forget()
      status.look()
    },
    stop: () => {
      end()
      for (const report of reports) report.stop()
    },
  }
}

/** Start register and energy so far add up to the account's last register: a register that jumped is not in it. */
function sessionRegister({ session, energyAccount: { meterSerial } }: BoxSnapshot): Flow['register'] {
  if (!session || meterSerial === null) return null
  return { registerWh: wattHours(session.startRegisterWh + session.energyWh), meterSerial }
}

/** null: nothing to tell before the box changes. */
type Look =
  | {
      readonly text: string
      readonly send: () => Promise<CallOutcome<'StatusNotification' | 'NotifyEvent' | 'MeterValues'>>
    }
  | { readonly again: number }
  | null

/** Sends a value when it differs from the last one that was answered; one send at a time, only ever the newest. */
function newest(options: {
  readonly box: Pick<Box, 'snapshot'>
  readonly clock: Clock
  readonly log: LinkLog
  readonly ready: () => boolean
  readonly name: string
  readonly spacingMs: number
  readonly now: () => Look
}) {
  const { clock, log, name } = options
  let told: string | null = null
  let busy = false
  let stopped = false
  // Nothing is sent while it runs.
  let hold: Timer | null = null
  let recheck: Timer | null = null
  // Rises with each forgetting: an answer from before it tells nothing.
  let round = 0

  const stopTimers = () => {
    hold?.cancel()
    recheck?.cancel()
    hold = null
    recheck = null
  }
  const holdFor = (ms: number) => {
    hold?.cancel()
    hold = clock.after(name, ms, () => {
      hold = null
      look()
    })
  }

  function look() {
    if (busy || stopped || hold || !options.ready()) return
    recheck?.cancel()
    recheck = null
    // Without a date nothing is said; the box changes when it has one.
    if (options.box.snapshot().timeQuality === 'unknown') return
    const seen = options.now()
    if (seen === null) return
    if ('again' in seen) {
      recheck = clock.after(name, seen.again, look)
      return
    }
    if (seen.text === told) return
    busy = true
    const mine = round
    seen.send().then(
      (outcome) => {
        busy = false
        if (mine !== round) return look()
        if (outcome.ok) told = seen.text
        else if (outcome.error.kind === 'notOpen' || outcome.error.kind === 'closed') return
        else log.warn({ failure: outcome.error }, `${name} was not taken`)
        holdFor(outcome.ok ? options.spacingMs : RETRY_MS)
      },
      (error: unknown) => {
        busy = false
        log.error({ why: String(error) }, `${name} failed`)
        holdFor(RETRY_MS)
      },
    )
  }

  return {
    look,
    forget: () => {
      round++
      told = null
      stopTimers()
    },
    stop: () => {
      stopped = true
      stopTimers()
    },
  }
}
