// The keeper process in virtual time: the real box, engine and sessions. The store's worker is played by a disk that
// keeps whole commits, takes its time for each, and can refuse them.

import type { ConnectOptions, ControlLink } from '../../../agent/control-link/client.ts'
import { startBox } from '../../../agent/keeper/box.ts'
import type { KeeperConfig } from '../../../agent/keeper/config.ts'
import { type Docs, EMPTY_DOCS, type Session } from '../../../agent/keeper/memory.ts'
import type { Box, InstallationRecord } from '../../../agent/keeper/ports.ts'
import type { Store } from '../../../agent/keeper/store/client.ts'
import type { Stored } from '../../../agent/keeper/store/core.ts'
import type { Prng } from '../../../shared/prng.ts'
import { err, ok } from '../../../shared/result.ts'
import type { Program } from './virtual-time.ts'

/** What keeper has committed; it outlives everything. */
export interface Disk {
  docs: Docs
  readonly sessions: Map<string, Session>
  installation: InstallationRecord
  isFull: boolean
  /** A commit takes up to so long. */
  slowMs: number
  commits: number
}

export const newDisk = (installation: InstallationRecord): Disk => ({
  docs: EMPTY_DOCS,
  sessions: new Map(),
  installation,
  isFull: false,
  slowMs: 20,
  commits: 0,
})

export interface KeeperProgram {
  readonly program: Program
  /** null until it has started. */
  box(): Box | null
}

export interface KeeperParts {
  readonly config: KeeperConfig
  readonly program: Program
  readonly bootId: string
  readonly random: Prng
  readonly disk: Disk
  readonly connect: (options: ConnectOptions) => ControlLink
  readonly onCommit: (sessions: readonly Session[]) => void
  readonly onFailure: (cause: unknown) => void
  readonly say: (line: string) => void
}

export function startKeeper(parts: KeeperParts): KeeperProgram {
  const { config, program, bootId, random } = parts
  let box: Box | null = null
  let uuids = 0
  const log = {
    info: (fields: object, text: string) => parts.say(`${text} ${JSON.stringify(fields)}`),
    warn: (fields: object, text: string) => parts.say(`${text} ${JSON.stringify(fields)}`),
    error: (fields: object, text: string) => parts.say(`${text} ${JSON.stringify(fields)}`),
  }
  startBox({
    config,
    bootId,
    store: storeOn(parts),
    clock: program.clock,
    log,
    connect: parts.connect,
    startTicker: (onSecond) => {
      const timer = program.clock.every('second', 1000, onSecond)
      return async () => timer.cancel()
    },
    isNtpSynchronised: () => true,
    makeUuid: () => {
      uuids++
      return `s${random.integer(0, 0xffff_ffff).toString(16)}-${uuids}`
    },
    onFailure: parts.onFailure,
  }).then((running) => {
    box = running.box
  }, parts.onFailure)
  return { program, box: () => box }
}

function storeOn({ program, disk, random, onCommit }: KeeperParts): Store {
  const takes = () => program.clock.sleep('disk', random.integer(0, Math.max(0, disk.slowMs - 1)))
  const trouble = () =>
    err({ code: 'STORE_UNWRITABLE', cause: 'diskFull', message: 'no space left' } as const)
  const stored = async (write: () => void): Promise<Stored> => {
    await takes()
    if (disk.isFull) return trouble()
    write()
    disk.commits++
    await takes()
    return ok(null)
  }
  return {
    remembered: {
      docs: disk.docs,
      openSessions: [...disk.sessions.values()].filter((session) => session.end === null),
      installation: disk.installation,
      installationLost: false,
      opening: {
        database: 'found',
        damage: null,
        installationHealed: [],
        ledgerTornTail: false,
        ledgerDamagedLines: 0,
        ledgerLinesAdded: 0,
      },
    },
    commit: (change) =>
      stored(() => {
        disk.docs = { ...disk.docs, ...change.docs }
        for (const session of change.sessions ?? []) disk.sessions.set(session.uuid, session)
        onCommit(change.sessions ?? [])
      }),
    hasWaiting: async () => false,
    session: async (uuid) => disk.sessions.get(uuid) ?? null,
    setInstallation: (record) =>
      stored(() => {
        disk.installation = record
      }),
    nextRow: async () => null,
    freeze: async (_id, payload) => ok(payload),
    acknowledge: async () => ok(null),
    park: async () => ok(null),
    parked: async () => [],
    unpark: async () => ok(0),
    countAttempt: async () => undefined,
    counts: async () => ({ pending: 0, parked: 0, oldestAt: null }),
    undatedRows: async () => [],
    undatedSessions: async () => [],
    dateRows: async () => ok(null),
    thin: async () => ok(0),
    copyDaily: async () => ok(null),
    close: async () => undefined,
  }
}
