// What keeper is told at its start: plain JSON that `voltkeep agent` has validated.
import type { MilliAmps, PhasesWired } from '../../shared/units.ts'

export interface KeeperConfig {
  readonly station: {
    readonly id: string
    readonly vendor: string
    readonly model: string
    readonly serial: string
    readonly firmwareVersion: string
  }
  /** Folder of the database, the ledger and the installation record's second copy. */
  readonly stateDir: string
  readonly runDir: string
  readonly socketPath: string
  readonly installationCopyPath: string
  /** IANA name; civil times of the schedule are told in it. */
  readonly timeZone: string
  readonly access: 'private' | 'public'
  readonly phasesWired: PhasesWired
  readonly wireRatingMilliamps: MilliAmps
  readonly cableKind: 'tethered' | 'socket'
  /** Longest power cut after which a charge goes on by itself. */
  readonly resumeWithinMs: number
  /** The box has a real-time clock that keeps its time through a power cut. */
  readonly hasRtc: boolean
  /** Anyone may charge; sessions carry this token. null: a known token must be shown, or a server starts. */
  readonly freeVend: { readonly idToken: string } | null
  /** Tokens that may charge here, as the reader tells them. */
  readonly tokens: readonly string[]
  readonly csms: { readonly url: string; readonly password: string } | null
  readonly mqtt: {
    readonly url: string
    readonly username: string | null
    readonly password: string | null
  } | null
  readonly local: { readonly host: string; readonly port: number; readonly pin: string | null }
  readonly bootId: string | null
  readonly wallOffsetMs: number
}
