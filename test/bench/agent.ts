// What the built agent needs: memory after minutes of charging, time from start to offered current, bytes to disk.
import { readFile } from 'node:fs/promises'
import { siteFolders } from '../../hw-sim/demo/folders.ts'
import { freePort } from '../../hw-sim/demo/http.ts'
import { commission, waitUntil } from '../../hw-sim/demo/people.ts'
import { type AgentProcess, type Site, startSite } from '../../hw-sim/demo/site.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { atMost, type Figure, reported } from './figure.ts'

const QUARTER_MS = 15 * 60_000

/** @param options.minutes length of the charge that is measured; it holds the turn of a quarter hour. */
export async function benchAgent(options: { readonly minutes: number }): Promise<readonly Figure[]> {
  const clock = systemClock()
  const folders = await siteFolders()
  // The wall clock is set so that the quarter turns in the middle of the measured time.
  const toQuarter = QUARTER_MS - (clock.wall() % QUARTER_MS)
  const wallOffsetMs = toQuarter - (options.minutes * 60_000) / 2
  const ports = { cloud: await freePort(0), local: await freePort(0) }
  const site = await startSite({ ...folders, wallOffsetMs, ports }, clock)
  try {
    await commission(site, { limitAmps: 16, schedule: null })
    await site.sim.plug()
    await waitUntil(
      '16 A are offered',
      30_000,
      clock,
      async () => (await site.sim.state()).board.offeredMilliamps === 16_000,
    )
    const before = await readings(site)
    await clock.sleep('charge', options.minutes * 60_000)
    const after = await readings(site)
    const how = `${options.minutes} min of charging at 16 A, quarter hour inside, bundles, no broker`
    const perHour = (from: number, to: number) =>
      Math.round(((to - from) * 60) / options.minutes / 10_000) / 100
    return [
      atMost('agent.control.rss', after.control.rssMb, 60, 'MB', how),
      atMost('agent.keeper.rss', after.keeper.rssMb, 90, 'MB', how),
      atMost('agent.disk.process', perHour(before.written, after.written), 1, 'MB/h', how),
      reported(
        'agent.disk.device',
        perHour(before.device, after.device),
        'MB/h',
        `${how}; all of the disk's writers`,
      ),
      atMost(
        'agent.start',
        await startToOffer(site, clock),
        5,
        's',
        'both processes started with a waiting car, to 16 A at the pilot',
      ),
    ]
  } finally {
    await site.stop()
    await folders.remove()
  }
}

/** Both processes down, then started: seconds until the board offers current again to the waiting car. */
async function startToOffer(site: Site, clock: ReturnType<typeof systemClock>): Promise<number> {
  await Promise.all([site.kill('keeper'), site.kill('control')])
  await waitUntil('the dead-man has ended the offer', 10_000, clock, async () => {
    return (await site.sim.state()).board.offeredMilliamps === 0
  })
  const from = clock.monotonic()
  const started = Promise.all([site.start('control'), site.start('keeper')])
  await waitUntil('16 A are offered again', 30_000, clock, async () => {
    return (await site.sim.state()).board.offeredMilliamps === 16_000
  })
  const seconds = (clock.monotonic() - from) / 1000
  await started
  return seconds
}

async function readings(site: Site) {
  const control = await processFigures(site, 'control')
  const keeper = await processFigures(site, 'keeper')
  return { control, keeper, written: control.written + keeper.written, device: await deviceBytes() }
}

async function processFigures(site: Site, name: AgentProcess) {
  const pid = site.program(name)?.pid
  if (pid === undefined) throw new Error(`${name} does not run`)
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const io = await readFile(`/proc/${pid}/io`, 'utf8')
  return {
    rssMb: Math.round(field(status, 'VmRSS') / 102.4) / 10,
    /** Bytes that the process caused to be sent to the storage layer. */
    written: field(io, 'write_bytes'),
  }
}

function field(text: string, name: string): number {
  const value = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]
  if (value === undefined) throw new Error(`no ${name} in the kernel's figures`)
  return Number(value)
}

/** Sectors of 512 bytes written to all whole disks since boot, in bytes (Documentation/admin-guide/iostats). */
async function deviceBytes(): Promise<number> {
  const stats = await readFile('/proc/diskstats', 'utf8')
  let sectors = 0
  for (const line of stats.split('\n')) {
    const columns = line.trim().split(/\s+/)
    if (/^([shv]d[a-z]|nvme\d+n\d+|mmcblk\d+)$/.test(columns[2] ?? '')) sectors += Number(columns[9])
  }
  return sectors * 512
}
