import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { oneAfterTheOther, parseExactly } from '../../../shared/io/ocpp-link-calls.ts'

describe('a frozen payload', () => {
  it('that was written as JSON comes back with the same bytes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        expect(JSON.stringify(parseExactly(text))).toBe(text)
      }),
    )
  })

  it('of any other bytes is either given back exactly or not at all', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('{', '}', '"', 'a', ':', '1', '0', '.', 'e', ' ', ',', '[', ']') }),
        (text) => {
          const value = parseExactly(text)
          if (value !== undefined) expect(JSON.stringify(value)).toBe(text)
        },
      ),
    )
  })
})

describe('jobs one after the other', () => {
  it('run in their order, go on after one that failed, and are bounded', async () => {
    const run = oneAfterTheOther(3)
    const done: string[] = []
    const job =
      (name: string, fails = false) =>
      async () => {
        done.push(`${name} begins`)
        await Promise.resolve()
        done.push(`${name} ends`)
        if (fails) throw new Error(name)
      }
    const first = run(job('a', true))
    const others = [run(job('b')), run(job('c'))]
    expect(run(job('d'))).toBeNull()
    await expect(first).rejects.toThrow('a')
    await Promise.all(others)
    expect(done).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
    expect(run(job('e'))).not.toBeNull()
  })
})
