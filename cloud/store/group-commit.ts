// Group commit: what has arrived while the last commit ran is committed together. No timer, one batch in flight, so a
// quiet cloud answers at once and a busy one shares its syncs. Nobody is answered before the commit that holds his.
import { err, ok, type Result } from '../../shared/result.ts'

export interface GroupCommit<Item, Outcome> {
  /** Resolves after the commit. An error: not stored, the sender may send again. */
  submit(item: Item): Promise<Result<Outcome, Error>>
  /** Resolves when nothing waits any more. */
  drain(): Promise<void>
  readonly waiting: () => number
}

interface Entry<Item, Outcome> {
  readonly item: Item
  readonly answer: (result: Result<Outcome, Error>) => void
}

/** A batch holds at most so many items. */
const BATCH_MAX = 1000
/** More than this many waiting are refused: memory stays bounded, and the sender keeps what it has. */
export const WAITING_MAX = 50_000

/**
 * @param write commits all items or none, and gives one outcome an item in their order
 * @param batchMax items of one commit, at most
 */
export function groupCommit<Item, Outcome>(
  write: (items: readonly Item[]) => Promise<readonly Outcome[]>,
  batchMax = BATCH_MAX,
): GroupCommit<Item, Outcome> {
  const queue: Entry<Item, Outcome>[] = []
  let running: Promise<void> | null = null

  /** All of them in one commit; when that fails, in halves, so that one bad item harms nobody else. */
  const commit = async (entries: readonly Entry<Item, Outcome>[]): Promise<void> => {
    const written = await attempt(() => write(entries.map((entry) => entry.item)))
    if (written.ok && written.value.length === entries.length) {
      for (const [index, entry] of entries.entries()) {
        // The lengths are the same: each index has its outcome.
        entry.answer(ok(written.value[index] as Outcome))
      }
      return
    }
    const error = written.ok ? new Error('a batch gave too few outcomes') : written.error
    if (entries.length === 1) {
      for (const entry of entries) entry.answer(err(error))
      return
    }
    const middle = Math.ceil(entries.length / 2)
    await commit(entries.slice(0, middle))
    await commit(entries.slice(middle))
  }
  const run = async () => {
    while (queue.length > 0) await commit(queue.splice(0, batchMax))
    running = null
  }
  return {
    submit: (item) => {
      if (queue.length >= WAITING_MAX) {
        return Promise.resolve(err(new Error(`${queue.length} messages wait for the database already`)))
      }
      return new Promise((answer) => {
        queue.push({ item, answer })
        // What arrives in the same turn of the event loop goes into the same commit.
        running ??= Promise.resolve().then(run)
      })
    },
    drain: async () => {
      while (running !== null) await running
    },
    waiting: () => queue.length,
  }
}

async function attempt<T>(action: () => Promise<T>): Promise<Result<T, Error>> {
  try {
    return ok(await action())
  } catch (error) {
    return err(error instanceof Error ? error : new Error(String(error)))
  }
}
