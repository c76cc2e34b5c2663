// The outbox as the adapters see it: facts owed to the server, in order, each until it is acknowledged or parked.
import type { Engine } from '../engine.ts'
import type { Outbox } from '../ports.ts'
import type { Store } from '../store/client.ts'

/** A payload that could not be made durable was not sent either: the caller tries again later. */
export class NotFrozenError extends Error {
  override readonly name = 'NotFrozenError'
}

export function outboxOf(store: Store, engine: Engine): Outbox {
  return {
    next: () => store.nextRow(),
    async freeze(id, payload) {
      const frozen = engine.noted(await store.freeze(id, payload, engine.wallNow()))
      if (!frozen.ok)
        throw new NotFrozenError(`row ${id} was not frozen, and must not be sent: ${frozen.error.message}`)
      return frozen.value
    },
    async acknowledge(id) {
      engine.noted(await store.acknowledge(id, engine.wallNow()))
      await engine.refreshCounts()
    },
    async park(id, reason) {
      engine.noted(await store.park(id, reason, engine.wallNow()))
      await engine.refreshCounts()
    },
    countAttempt(id) {
      store.countAttempt(id).catch(engine.fail)
    },
    onWork: engine.onWork,
  }
}
