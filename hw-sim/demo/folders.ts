// Temporary folders of a site: one on disk, one in memory.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where Linux keeps files in memory; a container may lack it. */
const MEMORY = '/dev/shm'

export interface SiteFolders {
  readonly dir: string
  readonly runDir: string
  remove(): Promise<void>
}

export async function siteFolders(): Promise<SiteFolders> {
  const dir = await mkdtemp(join(tmpdir(), 'voltkeep-'))
  const runDir = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'voltkeep-run-'))
  return {
    dir,
    runDir,
    remove: async () => {
      await rm(dir, { recursive: true, force: true })
      await rm(runDir, { recursive: true, force: true })
    },
  }
}
