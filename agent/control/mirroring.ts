// When the mirror is written, and what follows from it: a plan that raises counts only once it is mirrored.
import type { Logger } from 'pino'
import type { Clock } from '../../shared/time/clock.ts'
import type { MonotonicMs } from '../../shared/units.ts'
import { plugWaiting } from './fact-book.ts'
import { type Held, meterView } from './held.ts'
import type { Mirror, MirrorFile } from './mirror.ts'

const AT_LEAST_EACH_MS = 60_000

export interface Mirroring {
  /** True when what is held now is in the mirror. */
  write(): Promise<boolean>
  everySecond(now: MonotonicMs): void
  /** For the last moment of the process. */
  writeNow(): void
}

export function openMirroring(options: {
  readonly held: Held
  readonly clock: Clock
  readonly log: Logger
  readonly mirror: MirrorFile
  readonly runDir: string
  /** The newest plan set is mirrored: it counts alone now. */
  readonly onSetMirrored: () => void
}): Mirroring {
  const { held, clock, log, mirror, runDir } = options
  let writtenAt = clock.monotonic()
  let told: string | null = null

  const snapshot = (now: MonotonicMs): Mirror => ({
    bootId: held.bootId,
    writtenAtMonotonicMs: now,
    planSet: held.set,
    permission: held.permission ?? held.pending,
    plugId: held.decision.safety.plugId ?? plugWaiting(held.book),
    chargingState: held.decision.safety.chargingState,
    faults: held.decision.safety.faults,
    facts: held.book.kept,
    lastFactNumber: held.book.lastNumber,
    meter: meterView(held, now).newest?.reading ?? null,
  })

  async function write(): Promise<boolean> {
    const now = clock.monotonic()
    const content = snapshot(now)
    const result = await mirror.write(content)
    if (result.ok) {
      held.mirroredNumber = Math.max(held.mirroredNumber, content.lastFactNumber)
      writtenAt = now
      if (held.mirroredSet !== held.set && content.planSet === held.set) {
        held.mirroredSet = held.set
        options.onSetMirrored()
      }
    }
    const why = result.ok ? null : result.error
    if (why !== null && why !== told) log.warn({ runDir, why }, 'the mirror cannot be written')
    told = why
    return result.ok
  }

  return {
    write,
    everySecond(now) {
      mirror.stamp(held.bootId, now)
      if (now - writtenAt >= AT_LEAST_EACH_MS) void write()
    },
    writeNow() {
      const written = mirror.writeNow(snapshot(clock.monotonic()))
      if (!written.ok) log.warn({ why: written.error }, 'the mirror could not be written')
    },
  }
}
