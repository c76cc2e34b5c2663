// The server's own key, under which station keys are hashed: 32 random bytes in a file that only its owner may read.
// It lies beside the database, not in it: a stolen database opens no socket.
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { err, ok, type Result } from '../shared/result.ts'
import { serverKeyCheck } from './csms/keys.ts'
import type { Store } from './store/database.ts'
import { setSetting, setting } from './store/stations.ts'

const KEY_BYTES = 32
const CHECK_SETTING = 'server-key-check'

/** Reads the key, or makes it at the first start. Synced before it is used: a station's hash must not outlive it. */
export async function serverKey(dataDir: string): Promise<Result<Buffer, string>> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const path = join(dataDir, 'server.key')
  const known = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (known === null) {
    const made = randomBytes(KEY_BYTES)
    await writeSynced(path, dataDir, `${made.toString('base64')}\n`)
    return ok(made)
  }
  const key = Buffer.from(known.trim(), 'base64')
  if (key.length !== KEY_BYTES) {
    return err(
      `${path} does not hold ${KEY_BYTES} bytes in base64. Restore it from a backup of the same day as the database.`,
    )
  }
  await chmod(path, 0o600)
  return ok(key)
}

async function writeSynced(path: string, dir: string, text: string) {
  const file = await open(path, 'wx', 0o600)
  await file.writeFile(text)
  await file.sync()
  await file.close()
  const folder = await open(dir, 'r')
  await folder.sync()
  await folder.close()
}

/** The key must be the one that this database's stations were hashed with; a new database takes the key as its own. */
export async function serverKeyFits(store: Store, key: Buffer): Promise<boolean> {
  const check = serverKeyCheck(key)
  const known = await setting(store, CHECK_SETTING)
  if (known === null) await setSetting(store, CHECK_SETTING, check)
  return known === null || known === check
}
