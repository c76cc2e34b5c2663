// A small model of a disk under a power cut, harsher than ext4: what was not synced may be there or not, in any
// combination, and a written piece may be torn at any 512 bytes.
// - A file's content is durable up to its last fsync or fdatasync. Each later write or truncation is kept, dropped, torn,
//   or leaves its length with zeros.
// - A name (create, rename, unlink, mkdir) is durable after an fsync of its folder, and only then: ext4 also makes a new
//   file's own name durable with the file, others do not. Each later name is kept or dropped; a rename is never half.
// - What was durable stays as it was: a cut never hurts sectors that were not being written, and a flush is obeyed. Cards
//   that lie about flushes are outside of this.
import { dirname } from 'node:path'
import type { DiskEvent } from './recording.ts'

const SECTOR = 512

interface ContentChange {
  readonly offset: number
  /** null cuts the file (or extends it with zeros) to `offset`. */
  readonly data: Buffer | null
}

interface FileContent {
  durable: Buffer
  pending: ContentChange[]
}

interface NameChange {
  readonly folders: readonly string[]
  readonly removes: readonly string[]
  readonly sets: readonly (readonly [path: string, entry: FileContent | 'folder'])[]
}

/** The disk while a recording is played. */
export interface Disk {
  play(event: DiskEvent): void
  /** True when anything may be lost now. */
  hasPending(): boolean
  /** What is found after a cut, by path; the choices of the cut come from `choose`. */
  cut(choose: CutChoice): Files
}

export type Files = ReadonlyMap<string, Buffer>

/** How a cut treats what was not synced. */
export interface CutChoice {
  keepsName(): boolean
  treat(): 'keep' | 'drop' | 'zeros' | 'tear'
  /** For a torn piece: is this sector of it on the disk? */
  keepsSector(): boolean
}

const copyOf = (content: Buffer) => Buffer.from(content)

function changed(content: Buffer, { offset, data }: ContentChange): Buffer {
  const length = data === null ? offset : Math.max(content.length, offset + data.length)
  const next = length === content.length ? content : Buffer.concat([content.subarray(0, length)], length)
  if (data) data.copy(next, offset)
  return next
}

/** The sectors of a write that reached the disk, each at its own place. */
function* torn({ offset, data }: ContentChange, choose: CutChoice): Generator<ContentChange> {
  if (data === null) return
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + SECTOR - ((offset + at) % SECTOR))
    if (choose.keepsSector()) yield { offset: offset + at, data: data.subarray(at, end) }
    at = end
  }
}

function contentAfterCut(file: FileContent, choose: CutChoice): Buffer {
  if (file.pending.length === 0) return file.durable
  let content: Buffer = copyOf(file.durable)
  for (const change of file.pending) {
    const treatment = choose.treat()
    if (treatment === 'keep') content = changed(content, change)
    else if (treatment === 'tear') for (const piece of torn(change, choose)) content = changed(content, piece)
    else if (treatment === 'zeros' && change.data && change.offset + change.data.length > content.length)
      content = changed(content, { offset: change.offset + change.data.length, data: null })
  }
  return content
}

/** A disk that holds these files, all of it durable; folders that nobody made in the recording were always there. */
export function newDisk(files: Files = new Map()): Disk {
  /** Names as a running program sees them, and as they are on the disk. */
  const live = new Map<string, FileContent | 'folder'>()
  for (const [path, content] of files) live.set(path, { durable: content, pending: [] })
  const durable = new Map(live)
  let pendingNames: NameChange[] = []
  const open = new Map<number, FileContent | { readonly folder: string }>()

  const apply = (names: Map<string, FileContent | 'folder'>, change: NameChange) => {
    for (const path of change.removes) names.delete(path)
    for (const [path, entry] of change.sets) names.set(path, entry)
  }
  const rename = (change: Omit<NameChange, 'folders'>) => {
    const paths = [...change.removes, ...change.sets.map(([path]) => path)]
    const whole = { ...change, folders: [...new Set(paths.map((path) => dirname(path)))] }
    apply(live, whole)
    pendingNames.push(whole)
  }
  const fileAt = (path: string): FileContent => {
    const entry = live.get(path)
    if (!entry || entry === 'folder') throw new Error(`the recording uses ${path} before it was made`)
    return entry
  }
  const syncFolder = (folder: string) => {
    const isDone = (change: NameChange) => change.folders.includes(folder)
    for (const change of pendingNames.filter(isDone)) apply(durable, change)
    pendingNames = pendingNames.filter((change) => !isDone(change))
  }
  const openFile = ({ fd, path, truncates }: Extract<DiskEvent, { kind: 'open' }>) => {
    if (!live.has(path)) rename({ removes: [], sets: [[path, { durable: Buffer.alloc(0), pending: [] }]] })
    const file = fileAt(path)
    if (truncates) file.pending.push({ offset: 0, data: null })
    open.set(fd, file)
  }

  return {
    play(event) {
      switch (event.kind) {
        case 'begin':
          return open.clear()
        case 'open':
          return void (event.isFolder ? open.set(event.fd, { folder: event.path }) : openFile(event))
        case 'close':
          return void open.delete(event.fd)
        case 'write':
        case 'truncate': {
          const file = open.get(event.fd)
          if (!file || 'folder' in file)
            throw new Error(`a ${event.kind} to descriptor ${event.fd}, which is no file`)
          const data = event.kind === 'write' ? event.data : null
          return void file.pending.push({
            offset: event.kind === 'write' ? event.offset : event.length,
            data,
          })
        }
        case 'sync': {
          const synced = open.get(event.fd)
          if (!synced) throw new Error(`a sync of descriptor ${event.fd}, which is not open`)
          if ('folder' in synced) return syncFolder(synced.folder)
          synced.durable = synced.pending.reduce(changed, copyOf(synced.durable))
          synced.pending = []
          return
        }
        case 'rename':
          return rename({
            removes: [event.from],
            sets: [[event.to, live.get(event.from) ?? fileAt(event.from)]],
          })
        case 'link':
          return rename({ removes: [], sets: [[event.to, fileAt(event.from)]] })
        case 'unlink':
          return rename({ removes: [event.path], sets: [] })
        case 'mkdir':
          return rename({ removes: [], sets: [[event.path, 'folder']] })
        case 'told':
          return
      }
    },
    hasPending: () =>
      pendingNames.length > 0 ||
      [...live.values()].some((entry) => entry !== 'folder' && entry.pending.length > 0),
    cut(choose) {
      const names = new Map(durable)
      for (const change of pendingNames) if (choose.keepsName()) apply(names, change)
      const folders = new Set(
        [...live, ...durable].filter(([, entry]) => entry === 'folder').map(([path]) => path),
      )
      const isReachable = (path: string): boolean =>
        !folders.has(path) || (names.get(path) === 'folder' && isReachable(dirname(path)))
      const found = new Map<string, Buffer>()
      for (const [path, entry] of names)
        if (entry !== 'folder' && isReachable(dirname(path))) found.set(path, contentAfterCut(entry, choose))
      return found
    },
  }
}
