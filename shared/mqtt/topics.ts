// The MQTT contract of a box, for home automation on the same network. Units are in the keys of the payloads, energy is
// whole Wh, times are RFC 3339 in UTC. Payloads are JSON objects except `status`.

/** Boxes that name no site are below this one. */
export const SITE_DEFAULT = 'site'

export const COMMANDS = ['override'] as const
export type CommandName = (typeof COMMANDS)[number]

/** A command older than this by its own `ts`, or as far in the future, is refused. */
export const COMMAND_AGE_MAX_MS = 30_000

export interface Topics {
  /** `online` or `offline`; retained, and the broker's last will. */
  readonly status: string
  /** StatePayload; retained; on change and every 10 s. */
  readonly state: string
  /** MeterPayload; retained; at most once a second. */
  readonly meter: string
  /** ReasonPayload: the amps that the box may give now, and why; retained. */
  readonly reason: string
  /** OverrideCommand; never retained. */
  readonly command: (name: CommandName) => string
  /** CommandAck; never retained. */
  readonly ack: (name: CommandName) => string
}

/** Topics of one box. Characters that MQTT reads as wildcards or levels are replaced by `_`. */
export function topicsOf(stationId: string, siteId: string = SITE_DEFAULT): Topics {
  const base = `voltkeep/${level(siteId)}/${level(stationId)}`
  return {
    status: `${base}/status`,
    state: `${base}/state`,
    meter: `${base}/meter`,
    reason: `${base}/reason`,
    command: (name) => `${base}/cmd/${name}`,
    ack: (name) => `${base}/cmd/${name}/ack`,
  }
}

const level = (text: string): string => text.replace(/[+#/\0]/g, '_')

export interface StatePayload {
  readonly state: string
  readonly plugged: boolean | null
  readonly current_offered_a: number | null
  readonly session_id: string | null
  readonly session_e_wh: number | null
  readonly override: boolean
  readonly override_until: string | null
  readonly faults: readonly string[]
  readonly csms: string
  readonly time_quality: string
  readonly ts: string
}

export interface MeterPayload {
  readonly p_w: number
  readonly i_l1_a: number
  readonly i_l2_a: number
  readonly i_l3_a: number
  readonly u_l1_v: number
  readonly u_l2_v: number
  readonly u_l3_v: number
  /** The meter's own import register. */
  readonly e_wh: number
  readonly serial: string
  readonly ts: string
}

export interface ReasonPayload {
  /** Per phase; 0 is pause. */
  readonly current_a: number
  readonly key: string
  readonly values: Readonly<Record<string, string | number>>
  /** The reason in English words. */
  readonly text: string
  readonly until: string | null
  readonly ts: string
}

/** `on: false` ends the override. `pin` is needed on public boxes. */
export interface OverrideCommand {
  readonly id: string
  readonly ts: string
  readonly on: boolean
  readonly until?: string | null
  readonly pin?: string
}

export type CommandAck =
  | { readonly id: string; readonly ok: true }
  | {
      readonly id: string | null
      readonly ok: false
      readonly error: { readonly code: string; readonly message: string; readonly do: string }
    }
