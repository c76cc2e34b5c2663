import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { restartPauseMs, supervise } from '../../../agent/cli/supervisor.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import type { Clock } from '../../../shared/time/clock.ts'
import { monotonicMs } from '../../../shared/units.ts'

it('restarts at once, then with pauses that grow to 2 s and no further', () => {
  expect([1, 2, 3, 4, 5, 6, 50, 5000].map(restartPauseMs)).toEqual([
    0, 250, 500, 1000, 2000, 2000, 2000, 2000,
  ])
})

/** The machine's clock, whose timers fire when the test says so. */
function heldClock() {
  let now = 0
  let timers: { name: string; at: number; action: () => void }[] = []
  const clock: Clock = {
    ...systemClock(),
    monotonic: () => monotonicMs(now),
    after: (name, afterMs, action) => {
      const timer = { name, at: now + afterMs, action }
      timers.push(timer)
      return {
        cancel: () => {
          timers = timers.filter((other) => other !== timer)
        },
      }
    },
  }
  const advance = (ms: number) => {
    now += ms
    const due = timers.filter((timer) => timer.at <= now)
    timers = timers.filter((timer) => timer.at > now)
    for (const timer of due) timer.action()
  }
  return { clock, advance, waiting: () => timers.map(({ name }) => name) }
}

const silent = { info: () => {}, warn: () => {} }

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 8000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('waited too long')
    await sleep(10)
  }
}

it('kills what does not end within its grace', async () => {
  const { clock, advance, waiting } = heldClock()
  const dir = await mkdtemp(join(tmpdir(), 'voltkeep-supervisor-'))
  const deaf = join(dir, 'deaf')
  const stubborn = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); fs.writeFileSync('${deaf}', '')`
  const supervisor = supervise([{ name: 'stubborn', args: ['-e', stubborn] }], clock, silent)
  const pid = supervisor.pid('stubborn') ?? 0
  await until(() => existsSync(deaf))
  const ended = supervisor.end('SIGTERM')
  await sleep(50)
  expect(supervisor.pid('stubborn')).toBe(pid)
  expect(waiting()).toEqual(['kill what stays'])
  advance(9999)
  expect(waiting()).toEqual(['kill what stays'])
  advance(1)
  await ended
  expect(supervisor.pid('stubborn')).toBeNull()
  await rm(dir, { recursive: true })
})

it('counts a death after a steady run as the first one', async () => {
  const { clock, advance, waiting } = heldClock()
  const pauses: unknown[] = []
  const log = {
    info: () => {},
    warn: (fields: Readonly<Record<string, unknown>>) => pauses.push(fields['pauseMs']),
  }
  const supervisor = supervise([{ name: 'one', args: ['-e', 'setInterval(() => {}, 1000)'] }], clock, log)
  const die = async () => {
    process.kill(supervisor.pid('one') ?? 0, 'SIGKILL')
    await until(() => waiting().includes('restart one'))
    advance(2000)
    await until(() => supervisor.pid('one') !== null)
  }
  await die()
  await die()
  await die()
  advance(10_000)
  await die()
  expect(pauses).toEqual([0, 250, 500, 0])
  await supervisor.end('SIGTERM')
})

it('does not start again what dies while it ends', async () => {
  const { clock, waiting } = heldClock()
  const supervisor = supervise([{ name: 'one', args: ['-e', 'setInterval(() => {}, 1000)'] }], clock, silent)
  process.kill(supervisor.pid('one') ?? 0, 'SIGKILL')
  await until(() => waiting().includes('restart one'))
  await supervisor.end('SIGTERM')
  expect(waiting()).toEqual([])
  expect(supervisor.pid('one')).toBeNull()
})
