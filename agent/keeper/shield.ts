// Between the core and its adapters: what throws in an adapter's own timer or listener is an error of that adapter. It is
// logged and the adapter goes on with its next turn, so that no broker, server or visitor can end the core.
import type { LinkLog } from '../../shared/io/ocpp-link-types.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type { MonotonicMs } from '../../shared/units.ts'
import type { Box, Outbox } from './ports.ts'

/** The same error of one adapter is said once in this time. */
const SAID_EACH_MS = 60_000

export interface Shielded {
  readonly box: Box
  readonly outbox: Outbox
  readonly clock: Clock
  /** The start of the adapter; null where it could not start. */
  start<T>(work: () => Promise<T> | T): Promise<T | null>
}

/** The core's ports as the adapter of this name gets them. */
export function shielded(
  adapter: string,
  { box, outbox, clock, log }: Pick<Shielded, 'box' | 'outbox' | 'clock'> & { readonly log: LinkLog },
): Shielded {
  let said: { readonly why: string; readonly at: MonotonicMs } | null = null
  const failed = (error: unknown) => {
    const why = String(error)
    const now = clock.monotonic()
    if (said?.why === why && now - said.at < SAID_EACH_MS) return
    said = { why, at: now }
    const stack = error instanceof Error ? error.stack : undefined
    log.error({ adapter, why, stack }, 'an adapter failed; the box goes on')
  }
  const safe =
    <A extends readonly unknown[]>(work: (...args: A) => void) =>
    (...args: A) => {
      try {
        work(...args)
      } catch (error) {
        failed(error)
      }
    }
  return {
    box: { ...box, onChange: (listener) => box.onChange(safe(listener)) },
    outbox: { ...outbox, onWork: (listener) => outbox.onWork(safe(listener)) },
    clock: {
      ...clock,
      after: (name, afterMs, action) => clock.after(name, afterMs, safe(action)),
      every: (name, everyMs, action) => clock.every(name, everyMs, safe(action)),
    },
    start: async (work) => {
      try {
        return await work()
      } catch (error) {
        failed(error)
        return null
      }
    },
  }
}
