// Where the trial's store keeps its files, and how it writes them: as keeper does, or as one of the mutants that the
// trial must catch.
import { join } from 'node:path'
import { DURABLE, type Durability } from '../../../agent/keeper/store/database.ts'

/** Name of the marks' file inside the watched folder; the judge reads its writes and leaves it off the disk. */
export const MARKS = 'marks'

export const DURABILITIES = {
  full: DURABLE,
  mutantSyncOff: { ...DURABLE, synchronous: 'OFF' },
  mutantNoDirectorySync: { ...DURABLE, syncsDirectory: false },
} as const satisfies Record<string, Durability>
export type DurabilityName = keyof typeof DURABILITIES

export const COPY_FOLDER = 'etc'

/** keeper makes its state folder itself; the installation record's copy stands in a folder that the system made. */
export const placesIn = (folder: string) => ({
  dir: join(folder, 'state'),
  database: join(folder, 'state/keeper.db'),
  installationCopyPath: join(folder, COPY_FOLDER, 'installation.json'),
})
