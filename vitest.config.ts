import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Unattended runs get one line a file, the reason of each skip and the closing line `N passed, N failed`.
    reporters: process.env['CI'] === 'true' ? ['./test/reporter.ts'] : ['default'],
    // Real processes, terminals and databases: two files at a time, as many as the smallest machine has cores.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    env: { TZ: 'UTC' },
  },
})
