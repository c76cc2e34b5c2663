// What a site file may say of the things that hang on relay and input modules: the plug's lock, a release contactor, a
// residual current monitor, the grid operator's contact, a stop button; and readers of RFID tokens.
import { z } from 'zod'
import { deviceName } from './devices/board-kind.ts'

const relayPoint = z.strictObject({ relay: deviceName, channel: z.int().min(1).max(8) })
const inputPoint = z.strictObject({ inputs: deviceName, channel: z.int().min(1).max(8) })
export type RelayPoint = z.infer<typeof relayPoint>
export type InputPoint = z.infer<typeof inputPoint>

const contact = <A extends string, B extends string>(usual: A, other: B) =>
  z.strictObject({ input: inputPoint, closedWhen: z.enum([usual, other]).default(usual as never) })

const lockFile = z.strictObject({
  /** Who drives the motor: the board, or one relay channel for each direction. */
  drive: z.union([z.literal('board'), z.strictObject({ lock: relayPoint, unlock: relayPoint })]),
  /** From the motor's start to the feedback. */
  travelMs: z.int().min(20).max(10_000).default(200),
  /** Who sees the feedback contact. */
  feedback: z.union([z.literal('board'), z.literal('none'), contact('locked', 'unlocked')]),
  atPowerLoss: z.enum(['stays', 'unlocks']).default('stays'),
})

const releaseFile = z.strictObject({
  coil: relayPoint,
  /** Forced-guided: closed while the contactor is open. */
  mirror: contact('open', 'closed').optional(),
  openingMs: z.int().min(0).max(100).default(30),
  closingMs: z.int().min(0).max(100).default(25),
})

const residualFile = z.strictObject({
  trip: contact('tripped', 'sound'),
  /** Its test input. */
  test: relayPoint.optional(),
})

export const wiringFile = {
  lock: lockFile.optional(),
  release: releaseFile.optional(),
  residualMonitor: residualFile.optional(),
  gridLimit: contact('limited', 'free').optional(),
  stopButton: contact('pressed', 'released').optional(),
  readers: z.array(z.strictObject({ name: deviceName, device: z.literal('rdm6300') })).default([]),
}

const whole = z.strictObject(wiringFile)
export type SiteWiring = z.infer<typeof whole>

/** Each relay channel that the wiring uses, with its place in the file. */
export function relayPoints(wiring: SiteWiring): readonly (readonly [string, RelayPoint])[] {
  const { lock, release, residualMonitor } = wiring
  const list: [string, RelayPoint][] = []
  if (lock && lock.drive !== 'board') {
    list.push(['lock.drive.lock', lock.drive.lock], ['lock.drive.unlock', lock.drive.unlock])
  }
  if (release) list.push(['release.coil', release.coil])
  if (residualMonitor?.test) list.push(['residualMonitor.test', residualMonitor.test])
  return list
}

/** Each input channel that the wiring uses, with its place in the file. */
export function inputPoints(wiring: SiteWiring): readonly (readonly [string, InputPoint])[] {
  const { lock, release, residualMonitor, gridLimit, stopButton } = wiring
  const list: [string, InputPoint][] = []
  if (lock && typeof lock.feedback === 'object') list.push(['lock.feedback.input', lock.feedback.input])
  if (release?.mirror) list.push(['release.mirror.input', release.mirror.input])
  if (residualMonitor) list.push(['residualMonitor.trip.input', residualMonitor.trip.input])
  if (gridLimit) list.push(['gridLimit.input', gridLimit.input])
  if (stopButton) list.push(['stopButton.input', stopButton.input])
  return list
}
