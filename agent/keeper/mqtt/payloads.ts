// What the broker is told of one look at the box. Pure.
import type { MeterPayload, ReasonPayload, StatePayload } from '../../../shared/mqtt/topics.ts'
import { isoOf } from '../../../shared/time/iso.ts'
import { epochMs } from '../../../shared/units.ts'
import { sentence } from '../../../shared/words.ts'
import type { BoxSnapshot } from '../ports.ts'

export function statePayload(snapshot: BoxSnapshot): StatePayload {
  const { control, session, override } = snapshot
  return {
    // Without control the state is not known, and an old one is not repeated.
    state: control?.chargingState ?? 'unknown',
    plugged: control ? control.plugId !== null : null,
    current_offered_a: control ? control.offeredMilliamps / 1000 : null,
    session_id: session?.uuid ?? null,
    session_e_wh: session?.energyWh ?? null,
    override: override !== null,
    override_until: override?.until ? isoOf(override.until) : null,
    faults: snapshot.faults,
    csms: snapshot.csms,
    time_quality: snapshot.timeQuality,
    ts: isoOf(snapshot.at),
  }
}

/** null without a meter reading. Its time is that of the reading, not of the telling. */
export function meterPayload(snapshot: BoxSnapshot): MeterPayload | null {
  const { control } = snapshot
  const meter = control?.meter
  if (!control || !meter) return null
  const [i1, i2, i3] = meter.currentsMilliamps
  const [u1, u2, u3] = meter.voltagesMillivolts
  const ageMs = Math.max(0, control.atMonotonicMs - meter.takenAtMonotonicMs)
  return {
    p_w: meter.powerWatts,
    i_l1_a: i1 / 1000,
    i_l2_a: i2 / 1000,
    i_l3_a: i3 / 1000,
    u_l1_v: u1 / 1000,
    u_l2_v: u2 / 1000,
    u_l3_v: u3 / 1000,
    e_wh: meter.registerWh,
    serial: meter.serial,
    ts: isoOf(epochMs(snapshot.at - ageMs)),
  }
}

export function reasonPayload(snapshot: BoxSnapshot): ReasonPayload {
  const { currentMilliamps, reason, until } = snapshot.limit
  return {
    current_a: currentMilliamps / 1000,
    key: reason.key,
    values: reason.values,
    text: sentence(reason, 'en'),
    until: until === null ? null : isoOf(until),
    ts: isoOf(snapshot.at),
  }
}
