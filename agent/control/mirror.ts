// What control holds, mirrored to a folder in memory so that the next control goes on where this one was killed. Two
// files: `mirror` is written whole on each change (another file, then renamed), `mirror.stamp` each second in place, so
// that a folder that lies on a disk is hardly worn. Each carries its checksum: a torn file is a missing one. Nothing is
// synced: a power cut ends the boot, and a mirror of another boot is worth nothing.
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FAULTS } from '../../shared/faults.ts'
import type { PlanSet } from '../../shared/limits/plan.ts'
import { err, ok, type Result } from '../../shared/result.ts'
import type { MonotonicMs } from '../../shared/units.ts'
import {
  CHARGING_STATES,
  type Check,
  listOf,
  natural,
  nullOr,
  oneOf,
  parseMeterReading,
  parseNumberedFact,
  parsePermission,
  parsePlanSet,
  shape,
  text,
} from '../control-link/guards.ts'
import type { ChargingState, MeterReading, NumberedFact, Permission } from '../control-link/messages.ts'
import type { StandingFault } from './safety/state.ts'

export interface Mirror {
  readonly bootId: string
  readonly writtenAtMonotonicMs: MonotonicMs
  readonly planSet: PlanSet | null
  readonly permission: Permission | null
  readonly plugId: string | null
  readonly chargingState: ChargingState
  readonly faults: readonly StandingFault[]
  /** Facts that keeper has not committed yet, oldest first. */
  readonly facts: readonly NumberedFact[]
  readonly lastFactNumber: number
  /** The last good reading, so that a swap or a step back over the restart is seen. */
  readonly meter: MeterReading | null
}

const FORMAT = 1
const STAMP_BYTES = 128

const by =
  (parse: (value: unknown) => Result<unknown, string>): Check =>
  (value) => {
    const parsed = parse(value)
    return parsed.ok ? null : parsed.error
  }
const mirrorShape = shape<Mirror & { readonly format: number }>({
  format: oneOf([FORMAT]),
  bootId: text,
  writtenAtMonotonicMs: natural,
  planSet: nullOr(by(parsePlanSet)),
  permission: nullOr(by(parsePermission)),
  plugId: nullOr(text),
  chargingState: oneOf(CHARGING_STATES),
  faults: listOf(
    shape<StandingFault>({ code: oneOf(FAULTS.map((row) => row.code)), detail: text }),
    FAULTS.length,
  ),
  facts: listOf(by(parseNumberedFact), 4096),
  lastFactNumber: natural,
  meter: nullOr(by(parseMeterReading)),
})

const sum = (content: string) => createHash('sha256').update(content).digest('hex')

export function encodeMirror(mirror: Mirror): string {
  const content = JSON.stringify({ ...mirror, format: FORMAT })
  return `${sum(content)}\n${content}\n`
}

/** The mirror of a text; the error says why there is none. */
export function decodeMirror(fileText: string): Result<Mirror, string> {
  const [checksum = '', content = '', rest = 'torn'] = fileText.split('\n')
  if (rest !== '' || checksum !== sum(content)) return err('torn: its checksum does not hold')
  const value: unknown = JSON.parse(content)
  const trouble = mirrorShape(value)
  if (trouble !== null) return err(`not as this version writes it: ${trouble}`)
  const { format: _format, ...mirror } = value as Mirror & { format: number } // each field was checked above
  return ok(mirror)
}

const encodeStamp = (bootId: string, at: MonotonicMs) => {
  const content = `${bootId} ${at}`
  return `${sum(content).slice(0, 16)} ${content}\n`.padEnd(STAMP_BYTES, ' ')
}

function decodeStamp(fileText: string, bootId: string): number | null {
  const [checksum = '', stampedBoot = '', at = ''] = fileText.split('\n')[0]?.split(' ') ?? []
  const holds = checksum === sum(`${stampedBoot} ${at}`).slice(0, 16)
  return holds && stampedBoot === bootId ? Number(at) : null
}

export type Found =
  | { readonly kind: 'found'; readonly mirror: Mirror; readonly ageMs: number }
  | { readonly kind: 'missing'; readonly why: string }
  | { readonly kind: 'otherBoot' }

/** Reads what the last control left, once, at the start. */
export function readMirror(runDir: string, bootId: string, now: MonotonicMs): Found {
  const file = readText(join(runDir, 'mirror'))
  if (!file.ok) return { kind: 'missing', why: file.error }
  const decoded = decodeMirror(file.value)
  if (!decoded.ok) return { kind: 'missing', why: decoded.error }
  const mirror = decoded.value
  if (mirror.bootId !== bootId) return { kind: 'otherBoot' }
  const stamp = readText(join(runDir, 'mirror.stamp'))
  const stampedAt = stamp.ok ? (decodeStamp(stamp.value, bootId) ?? 0) : 0
  const ageMs = now - Math.max(mirror.writtenAtMonotonicMs, stampedAt)
  return ageMs < 0 ? { kind: 'missing', why: 'it is from the future' } : { kind: 'found', mirror, ageMs }
}

function readText(path: string): Result<string, string> {
  try {
    return ok(readFileSync(path, 'utf8'))
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
}

export interface MirrorFile {
  /** Resolves when this content, or newer one, is in the file; an error tells why it is not. */
  write(mirror: Mirror): Promise<Result<null, string>>
  /** Says that control lives; failures are left to `write` to tell. */
  stamp(bootId: string, at: MonotonicMs): void
  /** For the last moment of the process. */
  writeNow(mirror: Mirror): Result<null, string>
}

type Waiting = (result: Result<null, string>) => void

/** Makes the folder if need be (its parent must be there). One write at a time; contents that were overtaken while waiting are never written. */
export function openMirror(runDir: string): Result<MirrorFile, string> {
  const path = join(runDir, 'mirror')
  const next = join(runDir, 'mirror.next')
  const stampFile = openStamp(runDir)
  if (!stampFile.ok) return stampFile
  let newest: Mirror | null = null
  let waiting: Waiting[] = []
  let writing = false

  async function run() {
    writing = true
    while (newest !== null) {
      const content = encodeMirror(newest)
      const served = waiting
      newest = null
      waiting = []
      const result = await replace(content)
      for (const done of served) done(result)
    }
    writing = false
  }

  async function replace(content: string): Promise<Result<null, string>> {
    try {
      await writeFile(next, content, { mode: 0o600 })
      await rename(next, path)
      return ok(null)
    } catch (error) {
      return err(error instanceof Error ? error.message : String(error))
    }
  }

  return ok({
    write: (mirror) =>
      new Promise((resolve) => {
        newest = mirror
        waiting.push(resolve)
        if (!writing) void run()
      }),
    stamp: (bootId, at) => {
      try {
        writeSync(stampFile.value, encodeStamp(bootId, at), 0)
      } catch (error) {
        // A stamp that is missing makes the mirror older than it is: the careful side.
        if (!(error instanceof Error)) throw error
      }
    },
    writeNow(mirror) {
      try {
        const last = join(runDir, 'mirror.last')
        writeFileSync(last, encodeMirror(mirror), { mode: 0o600 })
        renameSync(last, path)
        closeSync(stampFile.value)
        return ok(null)
      } catch (error) {
        return err(error instanceof Error ? error.message : String(error))
      }
    },
  })
}

function openStamp(runDir: string): Result<number, string> {
  try {
    makeFolder(runDir)
    return ok(openSync(join(runDir, 'mirror.stamp'), constants.O_RDWR | constants.O_CREAT, 0o600))
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
}

/** Not recursive: on some file systems (/proc) Node's recursive mkdir never returns. */
function makeFolder(path: string) {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
