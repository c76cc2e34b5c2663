// The real keeper on disks that a cut left: the bundle starts, meets control again, tells it what it may do, and ends.
// What it remembers then is held against what was promised before the cut.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type ControlToKeeper,
  type KeeperToControl,
  LINK_VERSION,
  type MeterReading,
  type NumberedFact,
} from '../../../agent/control-link/messages.ts'
import { listenForKeeper } from '../../../agent/control-link/server.ts'
import type { KeeperConfig } from '../../../agent/keeper/config.ts'
import { canonicalJson } from '../../../agent/keeper/store/installation.ts'
import { startProgram } from '../../../hw-sim/demo/program.ts'
import { invariant } from '../../../shared/invariant.ts'
import type { Prng } from '../../../shared/prng.ts'
import type { Clock } from '../../../shared/time/clock.ts'
import { milliAmps, milliVolts, type WattHours, wattHours, watts } from '../../../shared/units.ts'
import type { CutState } from './again.ts'
import { type Finding, type Promised, putFiles, readStored, type Stored } from './judge.ts'
import { placesIn } from './places.ts'

export interface AgentsOptions {
  readonly recordedFolder: string
  readonly scratch: string
  readonly random: Prng
  readonly clock: Clock
  /** No further keeper is started after this long. */
  readonly budgetMs: number
}

const ANSWER_WITHIN_MS = 15_000
const BOOT_ID = 'boot-after-the-cut'
const PLUG_ID = 'plug-after-the-cut'

/** Starts keeper on one disk after the other, as many as fit in the time. */
export async function startKeepers(
  states: readonly CutState[],
  options: AgentsOptions,
): Promise<{ readonly started: number; readonly findings: readonly (Finding & { readonly cut: string })[] }> {
  const { clock } = options
  const until = clock.monotonic() + options.budgetMs
  const waiting = [...states]
  const findings: (Finding & { readonly cut: string })[] = []
  let started = 0
  const lane = async (name: string) => {
    for (let state = waiting.shift(); state && clock.monotonic() < until; state = waiting.shift()) {
      started += 1
      const found = await startOn(state, join(options.scratch, name), options)
      findings.push(...found.map((finding) => ({ ...finding, cut: `${state?.name}, real keeper` })))
    }
  }
  await Promise.all([lane('keeper-a'), lane('keeper-b')])
  return { started, findings }
}

async function startOn(state: CutState, folder: string, options: AgentsOptions): Promise<readonly Finding[]> {
  const { clock, recordedFolder } = options
  putFiles(state.files, recordedFolder, folder)
  const runDir = join(folder, 'run')
  await mkdir(runDir)
  const socketPath = join(runDir, 'control.sock')
  // The step that was under way may be on the disk: the clock is never behind it.
  const { running } = state.promised.underWay.docs
  const isPlugged = options.random.chance(0.6)
  const registerWh = wattHours((running.account?.lastRegisterWh ?? 0) + 20)
  const control = await actControl({ socketPath, isPlugged, registerWh, clock })
  // The power was away for half a minute.
  const wallOffsetMs = running.aliveAt === null ? 0 : running.aliveAt + 30_000 - clock.wall()
  const configFile = join(folder, 'keeper.json')
  await writeFile(configFile, JSON.stringify({ ...keeperConfig(folder, runDir, socketPath), wallOffsetMs }))
  const keeper = startProgram(
    {
      name: 'keeper',
      file: join(import.meta.dirname, '../../../dist/keeper.mjs'),
      args: [configFile],
      logFile: join(folder, 'keeper.log'),
    },
    clock,
  )
  try {
    await keeper.ready
    await control.answered
    await keeper.stop()
    const why = await keeper.ended
    const ended: Finding[] =
      why === 'exit code 0' ? [] : [{ verdict: 'lost', what: `keeper ended by ${why}` }]
    return [...ended, ...judgeKept(readStored(folder), state.promised, isPlugged)]
  } catch (thrown) {
    return [{ verdict: 'lost', what: `keeper does not start: ${String(thrown)}` }]
  } finally {
    await keeper.kill()
    control.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The test's part of control after a power cut: its first facts and its status, over the real link. */
async function actControl(options: {
  readonly socketPath: string
  readonly isPlugged: boolean
  readonly registerWh: WattHours
  readonly clock: Clock
}) {
  const { socketPath, isPlugged, registerWh, clock } = options
  const facts = factsOf(isPlugged, meter(registerWh, clock), clock)
  let answer = (_: null) => {}
  let fail = (_: Error) => {}
  const answered = new Promise<null>((resolve, reject) => {
    answer = resolve
    fail = reject
  })
  // Who waits for keeper's start may be told of its end first.
  answered.catch(() => undefined)
  const deadline = clock.after('keeper answers', ANSWER_WITHIN_MS, () =>
    fail(new Error(`keeper did not take control's facts within ${ANSWER_WITHIN_MS} ms`)),
  )
  const link = await listenForKeeper({
    socketPath,
    log: { info: () => {}, warn: () => {} },
    onMessage: (message: KeeperToControl) => {
      if (message.kind === 'hello')
        invariant(link.ok && link.value.send(hello(isPlugged, facts, clock)), 'keeper hears us')
      if (message.kind === 'factsStored' && message.number >= facts.length) answer(null)
    },
    onDisconnected: () => {},
  })
  if (!link.ok) throw new Error(link.error)
  return {
    answered,
    close: () => {
      deadline.cancel()
      link.value.close()
    },
  }
}

const meter = (registerWh: WattHours, clock: Clock): MeterReading => ({
  takenAtMonotonicMs: clock.monotonic(),
  serial: 'SDM-1',
  registerWh,
  powerWatts: watts(0),
  currentsMilliamps: [milliAmps(0), milliAmps(0), milliAmps(0)],
  voltagesMillivolts: [milliVolts(230_000), milliVolts(230_000), milliVolts(230_000)],
})

function factsOf(isPlugged: boolean, reading: MeterReading, clock: Clock): readonly NumberedFact[] {
  const at = { bootId: BOOT_ID, atMonotonicMs: clock.monotonic(), meter: reading }
  const restarted: NumberedFact = { ...at, number: 1, fact: { kind: 'restarted', mirror: 'otherBoot' } }
  const plugged: NumberedFact = { ...at, number: 2, fact: { kind: 'plugged', plugId: PLUG_ID } }
  return isPlugged ? [restarted, plugged] : [restarted]
}

const hello = (
  isPlugged: boolean,
  facts: readonly NumberedFact[],
  clock: Clock,
): Extract<ControlToKeeper, { kind: 'hello' }> => ({
  kind: 'hello',
  version: LINK_VERSION,
  bootId: BOOT_ID,
  permission: null,
  planVersion: null,
  facts,
  mirrorAgeMs: null,
  status: {
    atMonotonicMs: clock.monotonic(),
    pilot: isPlugged ? 'B' : 'A',
    plugId: isPlugged ? PLUG_ID : null,
    chargingState: isPlugged ? 'occupied' : 'idle',
    relay: 'open',
    offeredMilliamps: milliAmps(0),
    binding: NO_LIMIT,
    permissionUuid: null,
    planVersion: null,
    meter: facts[0]?.meter ?? null,
    faults: [],
    devices: [],
  },
})

const NO_LIMIT = {
  currentMilliamps: milliAmps(0),
  source: 'installation',
  reason: { key: 'limit.noPermission', values: {} },
  untilMonotonicMs: null,
} as const

const keeperConfig = (folder: string, runDir: string, socketPath: string): KeeperConfig => ({
  station: { id: 'VK-CUT', vendor: 'Voltkeep', model: 'trial', serial: '1', firmwareVersion: '0' },
  stateDir: placesIn(folder).dir,
  installationCopyPath: placesIn(folder).installationCopyPath,
  runDir,
  socketPath,
  timeZone: 'Europe/Copenhagen',
  access: 'private',
  phasesWired: 3,
  wireRatingMilliamps: milliAmps(32_000),
  cableKind: 'tethered',
  resumeWithinMs: 24 * 3_600_000,
  hasRtc: true,
  freeVend: { idToken: 'FREE' },
  tokens: [],
  // Nobody listens there: facts are owed and wait.
  csms: { url: 'ws://127.0.0.1:9/ocpp', password: 'not used, never sent' },
  mqtt: null,
  local: { host: '127.0.0.1', port: 0, pin: null },
  bootId: BOOT_ID,
  wallOffsetMs: 0,
})

/** keeper may add (an end, a resumption, a new session); what was promised stays as it was. */
function judgeKept(stored: Stored, { done, underWay }: Promised, isPlugged: boolean): readonly Finding[] {
  const findings: Finding[] = []
  const kept = (what: string, value: unknown, ...allowed: readonly unknown[]) => {
    const text = canonicalJson(value ?? null)
    if (!allowed.some((candidate) => canonicalJson(candidate ?? null) === text))
      findings.push({ verdict: 'lost', what: `${what} is ${text}, was ${canonicalJson(allowed[0] ?? null)}` })
  }
  kept('installation', stored.installation, done.installation, underWay.installation)
  kept('schedule', stored.docs.schedule, done.docs.schedule, underWay.docs.schedule)
  for (const [uuid, session] of done.sessions) {
    const found = stored.sessions.get(uuid)
    kept(`start of ${uuid}`, found?.startRegisterWh, session.startRegisterWh)
    if (session.end) kept(`end of ${uuid}`, found?.end, session.end)
    else if (!underWay.sessions.get(uuid)?.end) {
      // The car stayed plugged: the charge goes on. Else it is over, at the last register that was its own.
      kept(`${uuid} is over`, found?.end !== null, !isPlugged)
      if (!isPlugged) kept(`reason of ${uuid}`, found?.end?.reason, 'PowerLoss', 'EVDisconnected')
    }
  }
  for (const [key, row] of done.rows) {
    const next = underWay.rows.get(key)
    if (row.mayBeGone || !next || next.mayBeGone) continue
    kept(`bytes of ${key}`, stored.rows.get(key)?.frozen, row.frozen, next.frozen)
    kept(`fact of ${key}`, stored.rows.get(key)?.fact, row.fact)
  }
  return [...findings, ...judgeNew(stored, { done, underWay })]
}

/** What keeper added: numbers that were not used before, one end a session, one open session. */
function judgeNew(stored: Stored, { done, underWay }: Promised): readonly Finding[] {
  const findings: Finding[] = []
  for (const [key, { fact, frozen }] of stored.rows) {
    if (done.rows.has(key) || underWay.rows.has(key) || fact.kind !== 'transaction') continue
    const before = done.sessions.get(fact.uuid)
    if (before && fact.seqNo < before.nextSeqNo)
      findings.push({ verdict: 'doubled', what: `${key} is told again, as ${frozen ?? fact.event}` })
  }
  const open = [...stored.sessions.values()].filter(({ end }) => end === null)
  if (open.length > 1)
    findings.push({
      verdict: 'doubled',
      what: `${open.length} sessions are open: ${open.map(({ uuid }) => uuid)}`,
    })
  for (const uuid of stored.sessions.keys()) {
    const ends = [...stored.rows.values()].filter(
      ({ fact }) => fact.kind === 'transaction' && fact.uuid === uuid && fact.event === 'Ended',
    )
    if (ends.length > 1) findings.push({ verdict: 'doubled', what: `${uuid} has ${ends.length} ends` })
  }
  return findings
}
