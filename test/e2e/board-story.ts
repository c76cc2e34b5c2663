// What every board owes a driver of a car and an installer, with real processes: one story, told of each make.
import { expect } from 'vitest'
import type { BoardId } from '../../hw-sim/devices/boards.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { type BoardSite, type BoardSiteOptions, boardSite } from './board-site.ts'
import { until } from './test-keeper.ts'

const clock = systemClock()
/** From a relay that lets go to open contacts; a watchdog of the board's own gives the car its 6 s first. */
const OPENING_MS = { relay: 900, own: 7500 } as const
const STAYS_MS = 1500

const current = async ({ sim }: BoardSite) => Math.max(...(await sim.state()).currentsMilliamps)
const charging = (at: BoardSite) =>
  until('the car charges with 16 A', async () => {
    const now = await current(at)
    return now >= 15_200 && at.keeper.status()?.chargingState === 'charging'
  })

/** Plug, permission, charge, C to B and back, control killed and held down, adopted again, unplug. */
export async function boardStory(id: BoardId, options: BoardSiteOptions = {}): Promise<void> {
  const at = await boardSite(id, options)
  try {
    await told(at, id)
  } catch (error) {
    process.stderr.write(`${at.log()}\n${JSON.stringify(await at.sim.state())}\n`)
    throw error
  } finally {
    await at.close()
  }
}

async function told(at: BoardSite, id: BoardId): Promise<void> {
  const { sim, keeper } = at
  await sim.plug()
  await until('occupied', () => keeper.status()?.chargingState === 'occupied')
  await clock.sleep('nothing begins by itself', 1000)
  expect(await current(at)).toBe(0)
  await keeper.charge('s1')
  await charging(at)
  await sim.setCar({ wantsEnergy: false })
  await until('the car ended it', () => keeper.status()?.chargingState === 'suspendedEv')
  expect(await current(at)).toBe(0)
  await sim.setCar({ wantsEnergy: true })
  await charging(at)
  expect(keeper.status()).toMatchObject({ permissionUuid: 's1', faults: [] })
  expect(raised(at)).toEqual([])
  await heldDown(at, id)
  await sim.unplug()
  await until('idle', () => keeper.status()?.chargingState === 'idle')
  expect(keeper.status()?.faults).toEqual([])
  // A Heidelberg needs about 10 s to leave F after its watchdog: told while it lasts.
  expect(raised(at).filter((code) => code !== 'BOARD_UNAVAILABLE')).toEqual([])
}

const raised = ({ keeper }: BoardSite) =>
  keeper.facts().flatMap(({ fact }) => (fact.kind === 'faultRaised' ? [fact.code] : []))

/** Control is killed and nobody talks: within T_deadman and the opening time the current is at most I_deadman, and stays so. */
async function heldDown(at: BoardSite, id: BoardId): Promise<void> {
  const fallbackMilliamps = at.fallback()?.currentMilliamps ?? Number.NaN
  const hasRelay = (await at.sim.state()).board.watchdog === null
  // A relay ends it whatever the board would offer by itself.
  const atMost = hasRelay ? 0 : fallbackMilliamps
  const withinMs = at.deadmanMs() + OPENING_MS[hasRelay ? 'relay' : 'own']
  const killedAt = clock.monotonic()
  await at.control().kill()
  await until('the dead-man', async () => (await current(at)) <= atMost, withinMs)
  process.stderr.write(
    `${id}: ${clock.monotonic() - killedAt} ms after the kill at most ${atMost} mA (T ${at.deadmanMs()} ms)\n`,
  )
  for (const end = clock.monotonic() + STAYS_MS; clock.monotonic() < end; ) {
    expect(await current(at)).toBeLessThanOrEqual(atMost)
    await clock.sleep('look again', 50)
  }
  await at.startControl()
  await until('the next control is heard', () => at.keeper.status()?.pilot !== null)
  await until('a session again', async () => {
    const status = at.keeper.status()
    if (status?.chargingState === 'occupied' && status.plugId !== null) await at.keeper.charge('s1')
    return status?.chargingState === 'charging' && (await current(at)) >= 15_200
  })
}
