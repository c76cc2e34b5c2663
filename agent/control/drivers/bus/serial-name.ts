// A USB adapter's lasting name. The kernel gives /dev/ttyUSB numbers in the order of plugging; udev links each adapter under
// a name of its own. An adapter that comes back under another number is found again by that name, and another one in its
// place is not taken for it.
import { readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { err, ok, type Result } from '../../../../shared/result.ts'

const BY_ID = '/dev/serial/by-id'

export interface SerialName {
  /** Where the port is now; an error where something else is in its place. */
  find(port: string): Result<string, string>
  /** The port was opened there: from now on its adapter's name counts, where it has one. */
  opened(path: string): void
}

/** @param folder where udev links adapters by their names */
export function serialName(folder = BY_ID): SerialName {
  let mine: string | null = null
  const nameAt = (path: string): string | null => {
    const device = deviceAt(path)
    if (device === null) return null
    return namesIn(folder).find((name) => deviceAt(join(folder, name)) === device) ?? null
  }
  return {
    find(port) {
      if (mine === null) return ok(port)
      const there = deviceAt(join(folder, mine))
      if (there !== null) return ok(there)
      const other = nameAt(port)
      if (other === null || other === mine) return ok(port)
      return err(
        `${port} is another adapter now (${other}), expected ${mine}; plug that one in, or restart the agent if it was replaced`,
      )
    },
    opened(path) {
      mine ??= nameAt(path)
    },
  }
}

/** What a path leads to; null where there is nothing. */
function deviceAt(path: string): string | null {
  try {
    return realpathSync(path)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return null
  }
}

/** Containers and machines without udev have no such folder. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return []
  }
}
