// Tariffs as the API shows them: effective-dated versions of prices per kWh by band of civil time.
//   GET /api/tariffs -> TariffList
import { z } from 'zod'
import { currencySchema } from './common.ts'

const weekday = z.union([
  z.literal(1),
  z.literal(2),
  z.literal(3),
  z.literal(4),
  z.literal(5),
  z.literal(6),
  z.literal(7),
])

const windowSchema = z.strictObject({
  days: z.array(weekday).min(1).describe('ISO: 1 is Monday'),
  from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/),
  to: z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/),
})

const bandSchema = z.strictObject({
  name: z.string().min(1),
  priceNanosPerKwh: z.int().min(0).describe('10^-9 of the currency per kWh'),
  windows: z.array(windowSchema).min(1),
})

export const tariffSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  name: z.string(),
  note: z.string(),
  currency: currencySchema,
  timeZone: z.string().describe('IANA name; windows and dates are told in it'),
  versions: z
    .array(
      z.strictObject({
        validFrom: z
          .string()
          .regex(/^\d{4}-\d{2}-\d{2}$/)
          .describe('civil date, from its 00:00 on'),
        bands: z.array(bandSchema).min(1),
      }),
    )
    .min(1)
    .describe('each holds until the next one; dates rise'),
})
export type ApiTariff = z.infer<typeof tariffSchema>

export const tariffListSchema = z.object({
  billing: z.string().nullable().describe('id of the tariff that transactions are billed with'),
  tariffs: z.array(tariffSchema),
})
