// The model of the disk, by itself: what a cut may and may not take.
import { expect, it } from 'vitest'
import { prng } from '../../../shared/prng.ts'
import { type CutChoice, newDisk } from './disk.ts'
import { type DiskEvent, readLog } from './recording.ts'

const LOST: CutChoice = { keepsName: () => false, treat: () => 'drop', keepsSector: () => false }
const KEPT: CutChoice = { keepsName: () => true, treat: () => 'keep', keepsSector: () => true }
const write = (fd: number, text: string, offset = 0): DiskEvent => ({
  kind: 'write',
  fd,
  offset,
  data: Buffer.from(text),
})
const open = (fd: number, path: string, rest = {}): DiskEvent => ({
  kind: 'open',
  fd,
  path,
  truncates: false,
  isFolder: false,
  ...rest,
})
const FOLDER = open(9, '/d', { isFolder: true })
const sync = (fd: number): DiskEvent => ({ kind: 'sync', fd })

const after = (events: readonly DiskEvent[], choose: CutChoice) => {
  const disk = newDisk()
  for (const event of events) disk.play(event)
  return Object.fromEntries(
    [...disk.cut(choose)].map(([path, content]) => [path, content.toString('latin1')]),
  )
}

it('a synced content whose name was not synced is lost with it', () => {
  const events = [open(3, '/d/a'), write(3, 'hello'), sync(3)]
  expect(after(events, LOST)).toEqual({})
  expect(after(events, KEPT)).toEqual({ '/d/a': 'hello' })
})

it('a synced name may have no content yet', () => {
  const events = [open(3, '/d/a'), write(3, 'hello'), FOLDER, sync(9)]
  expect(after(events, LOST)).toEqual({ '/d/a': '' })
})

it('what was synced stays, also under a later write that is lost', () => {
  const events = [open(3, '/d/a'), FOLDER, sync(9), write(3, 'hello'), sync(3), write(3, 'J')]
  expect(after(events, LOST)).toEqual({ '/d/a': 'hello' })
  expect(after(events, KEPT)).toEqual({ '/d/a': 'Jello' })
})

it('a rename is done or not, never half', () => {
  const made = [
    open(3, '/d/a'),
    write(3, 'old'),
    sync(3),
    open(4, '/d/a.tmp'),
    write(4, 'new'),
    sync(4),
    FOLDER,
    sync(9),
  ]
  const renamed: DiskEvent[] = [...made, { kind: 'rename', from: '/d/a.tmp', to: '/d/a' }]
  expect(after(renamed, LOST)).toEqual({ '/d/a': 'old', '/d/a.tmp': 'new' })
  expect(after(renamed, KEPT)).toEqual({ '/d/a': 'new' })
  expect(after([...renamed, sync(9)], LOST)).toEqual({ '/d/a': 'new' })
})

it('a file in a folder whose own name is lost is lost', () => {
  const inner = open(8, '/d/f', { isFolder: true })
  const events: DiskEvent[] = [
    { kind: 'mkdir', path: '/d/f' },
    open(3, '/d/f/a'),
    write(3, 'x'),
    sync(3),
    inner,
    sync(8),
  ]
  expect(after(events, LOST)).toEqual({})
  expect(after([...events, FOLDER, sync(9)], LOST)).toEqual({ '/d/f/a': 'x' })
})

it('a torn write leaves whole sectors of 512 bytes, counted from the start of the file', () => {
  const events = [
    open(3, '/d/a'),
    write(3, '.'.repeat(2048)),
    sync(3),
    FOLDER,
    sync(9),
    write(3, 'x'.repeat(1000), 100),
  ]
  const random = prng(1)
  const seen = new Set<string>()
  for (let round = 0; round < 100; round++) {
    const content =
      after(events, { ...LOST, treat: () => 'tear', keepsSector: () => random.chance(0.5) })['/d/a'] ?? ''
    const sectors = [content.slice(100, 512), content.slice(512, 1024), content.slice(1024, 1100)]
    for (const sector of sectors) expect(new Set(sector).size).toBe(1)
    expect(content.slice(0, 100) + content.slice(1100)).toBe('.'.repeat(1048))
    seen.add(sectors.map((sector) => sector[0]).join(''))
  }
  expect(seen.size).toBe(8)
})

it('a length may be there without its content', () => {
  const events = [open(3, '/d/a'), FOLDER, sync(9), write(3, 'hello')]
  expect(after(events, { ...LOST, treat: () => 'zeros' })).toEqual({ '/d/a': '\0\0\0\0\0' })
})

it('a process that ended has no descriptors left; its writes wait on', () => {
  const events: DiskEvent[] = [open(3, '/d/a'), FOLDER, sync(9), write(3, 'x'), { kind: 'begin' }]
  expect(after(events, KEPT)).toEqual({ '/d/a': 'x' })
  expect(() => after([...events, sync(3)], KEPT)).toThrow(/not open/)
})

it('a log that ends in the middle of a record is read up to it', () => {
  const record = Buffer.alloc(32 + 2)
  record.writeUInt32LE(8, 0) // unlink
  record.writeUInt32LE(2, 20)
  record.write('/a', 32)
  expect(readLog(Buffer.concat([record, record.subarray(0, 33)]))).toEqual([{ kind: 'unlink', path: '/a' }])
})
