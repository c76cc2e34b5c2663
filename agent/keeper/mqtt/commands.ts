// Commands that come over the broker: checked, carried out by the box, acknowledged. A command that was retained, is too
// old, or cannot be dated is never carried out, so that none acts hours after it was meant.
import { z } from 'zod'
import { COMMAND_AGE_MAX_MS, type CommandAck } from '../../../shared/mqtt/topics.ts'
import { mistakes } from '../../../shared/tariff/schedule-schema.ts'
import { epochOfIso } from '../../../shared/time/iso.ts'
import type { EpochMs } from '../../../shared/units.ts'
import type { KeeperConfig } from '../config.ts'
import type { PinCheck } from '../pin.ts'
import type { Box, Refusal } from '../ports.ts'

const instant = z.string().transform((text, context): EpochMs => {
  const at = epochOfIso(text)
  if (at !== null) return at
  context.addIssue({ code: 'custom', message: 'a time with its offset, such as 2026-11-22T17:00:00Z' })
  return z.NEVER
})

const overrideSchema = z.strictObject({
  id: z.string().min(1).max(64),
  ts: instant,
  on: z.boolean(),
  until: instant.nullable().optional(),
  pin: z.string().max(32).optional(),
})

/** Longest payload that is read. */
export const COMMAND_BYTES_MAX = 2048

export interface CommandContext {
  readonly box: Box
  readonly config: Pick<KeeperConfig, 'access'>
  readonly checkPin: PinCheck
}

/** Carries an override command out, or says why not. */
export async function takeOverride(
  payload: string,
  { box, config, checkPin }: CommandContext,
): Promise<CommandAck> {
  const read = readOverride(payload)
  if ('ok' in read) return read
  const { id, ts, on, until, pin } = read
  const refused = (error: Refusal): CommandAck => ({ id, ok: false, error })
  const { at, timeQuality } = box.snapshot()
  if (timeQuality === 'unknown') {
    return refused({
      code: 'TIME_UNKNOWN',
      message: 'The box does not know the time, so it cannot tell how old the command is.',
      do: 'Use the page of the box.',
    })
  }
  const ageMs = at - ts
  if (Math.abs(ageMs) > COMMAND_AGE_MAX_MS) {
    return refused({
      code: 'STALE',
      message: `The command is ${Math.round(ageMs / 1000)} s old by its ts; at most ${COMMAND_AGE_MAX_MS / 1000} s are taken.`,
      do: 'Send it again with the time of now, and check the clock of the sender.',
    })
  }
  // Who sends cannot be told apart behind a broker: all of it rests together, and the page does not.
  const verdict = await checkPin('mqtt', pin)
  if (verdict.kind === 'resting') {
    return refused({
      code: 'TOO_MANY_PINS',
      message: 'Too many wrong PINs came.',
      do: `Wait ${Math.ceil(verdict.leftMs / 1000)} s, or use the page of the box.`,
    })
  }
  if (verdict.kind !== 'right' && (verdict.kind !== 'notSet' || config.access === 'public')) {
    return refused({
      code: 'PIN_NEEDED',
      message: 'This box takes an override with its PIN only.',
      do: 'Send the PIN in `pin`.',
    })
  }
  const done = on ? await box.override({ by: 'mqtt', until: until ?? null }) : await box.endOverride()
  return done.ok ? { id, ok: true } : refused(done.error)
}

function readOverride(payload: string): z.infer<typeof overrideSchema> | CommandAck {
  const malformed = (id: string | null, message: string): CommandAck => ({
    id,
    ok: false,
    error: {
      code: 'MALFORMED',
      message,
      do: 'Send {"id","ts","on"}, and "until" where the override has an end.',
    },
  })
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch (error) {
    if (error instanceof SyntaxError) return malformed(null, 'The payload is no JSON.')
    throw error
  }
  const read = overrideSchema.safeParse(value)
  if (read.success) return read.data
  const id = z.object({ id: z.string().max(64) }).safeParse(value)
  return malformed(id.success ? id.data.id : null, mistakes(read.error))
}
