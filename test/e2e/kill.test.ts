// A short kill trial; the long one is `npm run trial:kill -- --rounds 200`.
import { expect, test } from 'vitest'
import { siteFolders } from '../../hw-sim/demo/folders.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { killTrial } from '../faults/kill/trial.ts'

const SEED = 20261122

test(`six rounds of kills lose nothing and double nothing (seed ${SEED})`, async () => {
  const folders = await siteFolders()
  const verdict = await killTrial({ rounds: 6, seed: SEED, ...folders, say: () => undefined }, systemClock())
  expect(verdict).toMatchObject({ lost: 0, duplicated: 0, differenceWh: 0, troubles: [] })
  expect(verdict.kills).toBeGreaterThanOrEqual(6)
  expect(verdict.sessions).toBeGreaterThanOrEqual(1)
  await folders.remove()
}, 180_000)
