// A schedule as people and servers send it, checked: the shape of shared/tariff/schedule.ts without its version, which
// the box gives.
import { z } from 'zod'
import type { MilliAmps } from '../units.ts'
import type { Schedule, Weekday } from './schedule.ts'

const weekdays = [1, 2, 3, 4, 5, 6, 7] as const satisfies readonly Weekday[]

const windowSchema = z.strictObject({
  days: z
    .array(z.literal([...weekdays]))
    .min(1)
    .max(7)
    .refine((days) => new Set(days).size === days.length, 'each day once')
    .describe('ISO weekdays, 1 is Monday'),
  from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a civil time from 00:00 to 23:59'),
  to: z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'a civil time from 00:00 to 24:00'),
})

/** 0 or 6 A and more, in whole mA: IEC 61851-1 offers nothing between. */
export const currentSchema = z
  .int()
  .min(0)
  .max(80_000)
  .refine((milliamps) => milliamps === 0 || milliamps >= 6000, '0, or 6000 and more: nothing lies between')
  .transform((milliamps) => milliamps as MilliAmps)

export const scheduleOrderSchema = z.strictObject({
  timeZone: z.string().refine(isTimeZone, 'an IANA time zone, such as Europe/Copenhagen'),
  windows: z.array(windowSchema).max(50),
  outsideMilliamps: currentSchema,
}) satisfies z.ZodType<Omit<Schedule, 'version'>>

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** What is wrong with a refused body, in one line: path and rule of each mistake. */
export const mistakes = (error: z.ZodError): string =>
  error.issues.map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`).join('; ')
