// Pieces that all shapes of the HTTP API share. Times are integer milliseconds since 1970 (UTC); energy is whole Wh;
// prices are whole 10^-9 of the currency per kWh; amounts are whole minor units (øre, cent).
import { z } from 'zod'

/** Wall time in milliseconds since 1970-01-01T00:00:00Z. */
export const timeSchema = z.int().describe('milliseconds since 1970-01-01T00:00:00Z')

/** What goes into the path of a socket's address and into a Basic user name. */
export const stationIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$/)
  .describe('1 to 48 letters, digits, dots, underscores and hyphens; no dot, underscore or hyphen in front')

/** A sentence by its key, made in the language of the reader. The key may be one that the reader does not know. */
export const messageSchema = z.object({
  key: z.string(),
  values: z.record(z.string(), z.union([z.string(), z.number()])),
})

/** The body of every answer that is not a success. */
export const errorSchema = z.object({
  code: z.string().describe('stable word in CONSTANT_CASE'),
  message: z.string().describe('what was wrong, and where'),
  expected: z.string(),
  got: z.string(),
  do: z.string().describe('what to do about it'),
})
export type ApiError = z.infer<typeof errorSchema>

export const currencySchema = z.string().regex(/^[A-Z]{3}$/)
