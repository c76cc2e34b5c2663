// One look at the whole box, made from what its parts know. Pure.
import { type FaultCode, faultRow } from '../../shared/faults.ts'
import { type Message, message } from '../../shared/message.ts'
import type { Schedule } from '../../shared/tariff/schedule.ts'
import { type EpochMs, epochMs, type MonotonicMs, milliAmps, wattHours } from '../../shared/units.ts'
import type { ControlStatus } from '../control-link/messages.ts'
import type { KeeperConfig } from './config.ts'
import type { Session } from './memory.ts'
import type { BoxSnapshot, InstallationRecord, LimitView, SessionView } from './ports.ts'
import { openEnergyWh } from './sessions/account.ts'
import { isStopped } from './sessions/intents.ts'
import type { SessionsState } from './sessions/state.ts'
import type { OutboxCounts } from './store/core.ts'
import { BUILD_DATE, type TimeState } from './time/quality.ts'

export interface SnapshotParts {
  readonly config: Pick<KeeperConfig, 'station' | 'timeZone' | 'freeVend'>
  readonly sessions: SessionsState
  readonly time: TimeState
  /** Wall time of now; null while it is unknown. */
  readonly wall: EpochMs | null
  readonly now: MonotonicMs
  readonly installation: InstallationRecord | null
  readonly schedule: Schedule | null
  readonly ownFaults: readonly FaultCode[]
  readonly csms: BoxSnapshot['csms']
  readonly outbox: OutboxCounts
}

/** Control tells its status once a second; one that is older is of a control that hangs. */
const HEARD_MS = 3000

export function snapshotOf(parts: SnapshotParts): BoxSnapshot {
  const { sessions, time, wall, now, outbox } = parts
  const { status } = sessions
  const control = status && now - status.atMonotonicMs <= HEARD_MS ? status : null
  const faults = [...new Set([...(control?.faults ?? []), ...parts.ownFaults])]
  const { running, override } = sessions.docs
  const account = running.account
  const openWh = openEnergyWh(account, sessions.session)
  return {
    stationId: parts.config.station.id,
    // While the time is unknown: the last moment that is known, never 1970.
    at: wall ?? epochMs(Math.max(time.notBefore ?? 0, BUILD_DATE)),
    timeQuality: time.quality,
    timeZone: parts.config.timeZone,
    control,
    meterAgeMs: control?.meter ? Math.max(0, now - control.meter.takenAtMonotonicMs) : null,
    installation: parts.installation,
    schedule: parts.schedule,
    session: sessions.session && sessionView(sessions.session, openWh),
    override: override && { id: override.id, by: override.by, since: override.since, until: override.until },
    userLimitMilliamps: sessions.docs.userLimitMilliamps,
    limit: touched(limitView(sessions, control, faults, time, parts), sessions, now),
    faults,
    csms: parts.csms,
    outbox: {
      pending: outbox.pending,
      parked: outbox.parked,
      oldestAgeMs:
        outbox.pending === 0 || outbox.oldestAt === null || wall === null
          ? null
          : Math.max(0, wall - outbox.oldestAt),
    },
    energyAccount: {
      meterSerial: account?.meterSerial ?? null,
      unattributedWh: account?.unattributedWh ?? wattHours(0),
      sessionsWh: wattHours((account?.closedSessionsWh ?? 0) + openWh),
      registerAtEpochStartWh: account?.startRegisterWh ?? null,
    },
  }
}

const sessionView = (session: Session, energyWh: SessionView['energyWh']): SessionView => ({
  uuid: session.uuid,
  idToken: session.idToken,
  startedAt: session.at,
  startRegisterWh: session.startRegisterWh,
  energyWh,
  chargingState: session.chargingState,
})

/** What keeps the box from charging at all comes before the lowest limit: that one is of no use then. */
function limitView(
  sessions: SessionsState,
  control: ControlStatus | null,
  faults: readonly FaultCode[],
  time: TimeState,
  { config }: Pick<SnapshotParts, 'config'>,
): LimitView {
  if (!control) {
    const wasHeard = sessions.isControlLost || sessions.status !== null
    return nothing(message(wasHeard ? 'wait.controlLost' : 'wait.starting'))
  }
  const withdrawing = faults.filter((code) => faultRow(code).withdraws)
  if (withdrawing.length > 0) return nothing(message('limit.fault', { fault: withdrawing.join(', ') }))
  const waitsForToken = config.freeVend === null && sessions.docs.plugIn !== null && sessions.session === null
  if (waitsForToken && sessions.touch.order === null) return nothing(message('wait.token'))
  if (isStopped(sessions)) return nothing(message('wait.stopped'))
  const { currentMilliamps, reason, untilMonotonicMs } = control.binding
  const until =
    untilMonotonicMs === null || time.offsetMs === null ? null : epochMs(untilMonotonicMs + time.offsetMs)
  return { currentMilliamps, reason, until }
}

/** Why the newest touch did nothing comes first, for as long as somebody stands there and wonders. */
function touched(view: LimitView, { touch }: SessionsState, now: MonotonicMs): LimitView {
  const { refused } = touch
  return refused !== null && now < refused.untilMonotonicMs ? { ...view, reason: refused.reason } : view
}

const nothing = (reason: Message): LimitView => ({ currentMilliamps: milliAmps(0), reason, until: null })
