import { expect, test } from 'vitest'
import { groupCommit, WAITING_MAX } from '../../../cloud/store/group-commit.ts'

/** A writer that holds each batch until it is let go. */
function heldWriter() {
  const batches: { items: readonly number[]; finish: (error?: Error) => void }[] = []
  const write = (items: readonly number[]) =>
    new Promise<number[]>((resolve, reject) => {
      batches.push({
        items,
        finish: (error) => (error ? reject(error) : resolve(items.map((item) => item * 10))),
      })
    })
  return { batches, write }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('what arrives while a commit runs is the next commit, and there is one at a time', async () => {
  const { batches, write } = heldWriter()
  const commits = groupCommit(write)
  const first = commits.submit(1)
  await turn()
  const later = [commits.submit(2), commits.submit(3)]
  await turn()
  expect(batches.map((batch) => batch.items)).toEqual([[1]])
  batches[0]?.finish()
  expect(await first).toEqual({ ok: true, value: 10 })
  await turn()
  expect(batches.map((batch) => batch.items)).toEqual([[1], [2, 3]])
  batches[1]?.finish()
  expect(await Promise.all(later)).toEqual([
    { ok: true, value: 20 },
    { ok: true, value: 30 },
  ])
})

test('nobody is answered before the commit that holds his has ended', async () => {
  const { batches, write } = heldWriter()
  const commits = groupCommit(write)
  let answered = false
  const waiting = commits.submit(1).then(() => {
    answered = true
  })
  await turn()
  await turn()
  expect(answered).toBe(false)
  batches[0]?.finish()
  await waiting
  expect(answered).toBe(true)
})

test('a batch holds no more than its bound', async () => {
  const sizes: number[] = []
  const commits = groupCommit(async (items: readonly number[]) => {
    sizes.push(items.length)
    return items
  }, 100)
  await Promise.all(Array.from({ length: 250 }, (_, index) => commits.submit(index)))
  expect(sizes).toEqual([100, 100, 50])
})

test('one bad item harms nobody else, whatever its place', async () => {
  for (const bad of [0, 3, 6]) {
    const commits = groupCommit(async (items: readonly number[]) => {
      if (items.includes(bad)) throw new Error(`item ${bad} cannot be stored`)
      return items
    })
    const results = await Promise.all(Array.from({ length: 7 }, (_, index) => commits.submit(index)))
    expect(results.flatMap((result, index) => (result.ok ? [] : [index]))).toEqual([bad])
  }
})

test('when the database is away everyone is told so, and the next try works', async () => {
  let away = true
  const commits = groupCommit(async (items: readonly number[]) => {
    if (away) throw new Error('away')
    return items
  })
  expect((await Promise.all([commits.submit(1), commits.submit(2)])).map((result) => result.ok)).toEqual([
    false,
    false,
  ])
  away = false
  expect(await commits.submit(3)).toEqual({ ok: true, value: 3 })
})

test('more than the bound is refused at once, and drain waits for the rest', async () => {
  const { batches, write } = heldWriter()
  const commits = groupCommit(write, WAITING_MAX)
  const first = commits.submit(0)
  await turn()
  const rest = Array.from({ length: WAITING_MAX }, (_, index) => commits.submit(index))
  expect(await commits.submit(1)).toMatchObject({ ok: false })
  let drained = false
  const drain = commits.drain().then(() => {
    drained = true
  })
  batches[0]?.finish()
  await first
  await turn()
  expect(drained).toBe(false)
  batches[1]?.finish()
  await Promise.all([...rest, drain])
  expect(commits.waiting()).toBe(0)
})
