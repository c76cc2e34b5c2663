// A world in virtual time for unit tests: the built-in site, stepped every 5 ms, with what happened noted.
import { askDevice } from '../../hw-sim/ask-device.ts'
import { withCar } from '../../hw-sim/hands.ts'
import { type Happening, happened } from '../../hw-sim/happenings.ts'
import { newWorld, worldFacts } from '../../hw-sim/new-world.ts'
import { defaultSite } from '../../hw-sim/site.ts'
import type { Site } from '../../hw-sim/site-shape.ts'
import { stepWorld, type World } from '../../hw-sim/world.ts'

export interface Played {
  world(): World
  /** Everything that happened so far, with its time in ms. */
  readonly log: readonly (Happening & { readonly atMs: number })[]
  /** Steps for so long, every 5 ms or as told. */
  run(ms: number, stepMs?: number): void
  /** Steps until it holds; fails after `withinMs`. Returns how long it took, ms. */
  until(condition: (world: World) => boolean, withinMs: number): number
  change(to: (world: World) => World): void
  /** A request to a device by its name, PDU in hex; the reply in hex, or null for silence. */
  ask(name: string, pduHex: string): string | null
  /** To the devices of these names. */
  board(pduHex: string): string | null
  relay(pduHex: string): string | null
}

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hex = (pdu: Uint8Array) => Buffer.from(pdu).toString('hex')

const STEP_MS = 5

export function play(site: Site = defaultSite()): Played {
  const facts = worldFacts(site)
  let world = newWorld(site, 0)
  const log: (Happening & { atMs: number })[] = []
  const step = (stepMs = STEP_MS) => become(stepWorld(world, facts, world.atMicros + stepMs * 1000))
  const become = (next: World) => {
    for (const it of happened(world, next)) log.push({ ...it, atMs: next.atMicros / 1000 })
    world = next
  }
  const ask = (name: string, pduHex: string) => {
    const device = site.devices.find((candidate) => candidate.name === name)
    if (!device) throw new Error(`no device ${name}`)
    const asked = askDevice(world, facts, device, bytes(pduHex))
    if (asked) become(asked.world)
    return asked && hex(asked.pdu)
  }
  step()
  return {
    ask,
    world: () => world,
    log,
    run: (ms, stepMs = STEP_MS) => {
      for (let left = ms; left > 0; left -= stepMs) step(stepMs)
    },
    until: (condition, withinMs) => {
      const startMicros = world.atMicros
      while (!condition(world)) {
        if (world.atMicros - startMicros > withinMs * 1000) {
          throw new Error(`not within ${withinMs} ms; the log ends: ${JSON.stringify(log.slice(-6))}`)
        }
        step()
      }
      return (world.atMicros - startMicros) / 1000
    },
    change: (to) => become(to(world)),
    board: (pduHex) => ask('board', pduHex),
    relay: (pduHex) => ask('relay', pduHex),
  }
}

/** Relay channel 1 on for good, 4000 = 3, 16 A, enabled: the board offers. */
export function commissioned(played: Played, amps = 16): Played {
  played.relay('05 0000 ff00')
  played.board('06 0fa0 0003')
  played.board(`06 55f0 ${amps.toString(16).padStart(4, '0')}`)
  played.board('05 4e20 ff00')
  played.run(10)
  return played
}

export const plug = (played: Played, change: Partial<World['car']> = {}) =>
  played.change((world) => withCar(world, { plugged: true, ...change }))
