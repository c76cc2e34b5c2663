// The tariffs that this cloud knows, checked when it starts: a tariff with a hole or an overlap is refused whole.
import { tariffSchema } from '../../shared/api/tariffs.ts'
import { nanosPerKwh } from '../../shared/money.ts'
import { err, ok, type Result } from '../../shared/result.ts'
import { type Tariff, tariffProblems } from '../../shared/tariff/price.ts'
import exampleDk from './example-dk.json' with { type: 'json' }

/** The tariffs that are shipped, as data. */
export const SHIPPED_TARIFFS: readonly unknown[] = [exampleDk]

/** A tariff from catalogue data (shape: tariffSchema), or what is wrong with it, one problem a line. */
export function tariffFrom(data: unknown): Result<Tariff, string[]> {
  const parsed = tariffSchema.safeParse(data)
  if (!parsed.success) {
    return err(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
  }
  const tariff: Tariff = {
    ...parsed.data,
    versions: parsed.data.versions.map((version) => ({
      validFrom: version.validFrom,
      bands: version.bands.map(({ name, priceNanosPerKwh, windows }) => ({
        name,
        price: nanosPerKwh(BigInt(priceNanosPerKwh)),
        windows,
      })),
    })),
  }
  const problems = tariffProblems(tariff)
  return problems.length > 0 ? err(problems) : ok(tariff)
}
