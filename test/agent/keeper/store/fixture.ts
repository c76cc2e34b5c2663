// A folder of its own for each test of the store.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { StoreOptions } from '../../../../agent/keeper/store/core.ts'
import { optionsIn } from './shapes.ts'

/** A folder that is removed after the test, as a store's options. */
export function folder(): StoreOptions {
  const root = mkdtempSync(join(tmpdir(), 'voltkeep-store-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  return optionsIn(root)
}
