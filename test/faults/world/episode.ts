// One stretch of the trial: a site, a box and a seed, for so many ticks of control. The same seed plays the same.
import { type BusConfig, type ControlConfig, NO_IO } from '../../../agent/control/config.ts'
import type { KeeperConfig } from '../../../agent/keeper/config.ts'
import type { InstallationRecord } from '../../../agent/keeper/ports.ts'
import { boardKindOf } from '../../../hw-sim/devices/boards.ts'
import { prng } from '../../../shared/prng.ts'
import { epochMs, milliAmps, type PhasesWired } from '../../../shared/units.ts'
import { TRIAL_BOARDS, type TrialBoard } from './boards.ts'
import { createJudge, type Violation } from './judge.ts'
import { newDisk } from './keeper-program.ts'
import { play } from './scenario.ts'
import { BOARD_UNIT, METER_UNIT, RELAY_UNIT, trialSite } from './site.ts'
import { virtualLine } from './virtual-bus.ts'
import { virtualTime } from './virtual-time.ts'
import { type WholeBox, wholeBox } from './whole-box.ts'

/** Ticks of one episode; the next begins with another site. */
export const EPISODE_TICKS = 20_000

export interface EpisodeOptions {
  readonly seed: number
  readonly episode: number
  readonly ticks: number
  /** Called with each thing that happens, told with its tick. */
  readonly say?: (line: string) => void
}

export interface EpisodeResult {
  readonly ticks: number
  readonly virtualMs: number
  readonly requests: number
  readonly counts: ReadonlyMap<string, number>
  readonly worst: ReadonlyMap<string, number>
  readonly violation: (Violation & { readonly tick: number; readonly lastEvents: readonly string[] }) | null
}

const LAST_EVENTS = 60

export async function playEpisode(options: EpisodeOptions): Promise<EpisodeResult> {
  const base = options.seed * 7919 + options.episode * 104_729
  const stream = (number: number) => prng(base * 16 + number)
  const config = stream(0)
  const board = TRIAL_BOARDS[options.episode % TRIAL_BOARDS.length]
  if (board === undefined) throw new Error('the trial has no board')
  const cableMilliamps = config.pick([13_000, 20_000, 32_000] as const)
  const wireMilliamps = config.pick([16_000, 20_000, 32_000] as const)
  const installationMilliamps = Math.min(wireMilliamps, config.integer(10, 32) * 1000)
  const phasesWired = config.pick<PhasesWired>([1, 3])

  const time = virtualTime(stream(1))
  const last: string[] = []
  let ticks = 0
  const say = (line: string) => {
    const told = `${String(ticks).padStart(6)} ${(time.nowMicros() / 1_000_000).toFixed(3).padStart(9)} s  ${line}`
    last.push(told)
    if (last.length > LAST_EVENTS) last.shift()
    options.say?.(told)
  }

  // Site, judge and box know each other only through what is put together here.
  const site = trialSite({
    board,
    tethered: true,
    cableMilliamps,
    onHappening: ({ kind, detail }) => {
      say(`world: ${kind} ${detail}`)
      if (kind === 'currentStarted') judge.counts.set('charges', (judge.counts.get('charges') ?? 0) + 1)
    },
    onStep: () => judge.step(site.truth()),
  })
  const slips = config.pick([0, 0.0002, 0.002])
  const lineFor = (bus: BusConfig) =>
    virtualLine({
      config: bus,
      time,
      random: stream(bus.name === 'main' ? 2 : 5),
      answer: (unitId, pdu) => site.answer(unitId, pdu, time.nowMicros()),
      faults: () => site.truth().faults,
      slips,
    })
  const lines = busesOf(board).map(lineFor)
  const record: InstallationRecord = {
    version: 1,
    limitMilliamps: milliAmps(installationMilliamps),
    phasesWired,
    mandatory: ['installation', 'board', 'cable'],
    commissionedBy: 'trial',
    commissionedAt: epochMs(0),
  }
  const disk = newDisk(record)
  const box: WholeBox = wholeBox({
    time,
    random: stream(3),
    lines,
    disk,
    controlConfig: controlConfig(board, { cableMilliamps, wireMilliamps, phasesWired }),
    keeperConfig: keeperConfig({ wireMilliamps, phasesWired }),
    onTick: () => {
      ticks++
    },
    onTold: (message) => {
      if (message.kind === 'fact') say(`told: ${message.fact.number} ${JSON.stringify(message.fact.fact)}`)
      else if (message.kind === 'hello') say(`told: hello, ${message.facts.length} facts`)
      judge.told(message)
    },
    onHeard: (message) => {
      if (message.kind !== 'alive') say(`heard: ${message.kind}`)
      judge.heard(message)
    },
    onCommit: (sessions) => {
      for (const { uuid, plugId, stop, end } of sessions)
        say(
          `keeper: stored ${uuid} of ${plugId} ${stop === null ? '' : 'stopped'} ${end === null ? 'open' : end.reason}`,
        )
      judge.committed(sessions)
    },
    onFailure: (cause) => judge.failed(cause instanceof Error ? `${cause.stack}` : String(cause)),
    say: (who, text) => say(`${who}: ${text}`),
  })
  const judge = createJudge(
    { boardMilliamps: board.maxMilliamps, cableMilliamps, wireMilliamps, installationMilliamps },
    box,
    board,
  )
  const onRejection = (cause: unknown) =>
    judge.failed(cause instanceof Error ? `${cause.stack}` : String(cause))
  process.on('unhandledRejection', onRejection)
  try {
    play({
      time,
      random: stream(4),
      site,
      box,
      board,
      disk,
      judge,
      phasesWired,
      say: (what) => say(`-- ${what}`),
    })
    const pace = () => {
      site.stepTo(time.nowMicros())
      time.after(10_000, pace)
    }
    pace()
    await time.runUntil(() => ticks >= options.ticks || judge.violation() !== null)
  } catch (cause) {
    judge.failed(cause instanceof Error ? `${cause.stack}` : String(cause))
  } finally {
    process.off('unhandledRejection', onRejection)
  }
  const violation = judge.violation()
  return {
    ticks,
    virtualMs: time.nowMicros() / 1000,
    requests: lines.reduce((sum, line) => sum + line.counts.requests, 0),
    counts: judge.counts,
    worst: judge.worst,
    violation: violation && { ...violation, tick: ticks, lastEvents: [...last] },
  }
}

function controlConfig(
  board: TrialBoard,
  given: {
    cableMilliamps: number
    wireMilliamps: number
    phasesWired: PhasesWired
  },
): ControlConfig {
  return {
    stationId: 'trial',
    buses: [],
    board: { name: 'board', driver: board.id, bus: boardBus(board), unitId: BOARD_UNIT },
    deadman: boardKindOf(board.id).deadman === 'own' ? null : RELAY,
    meter: { name: 'meter', driver: 'eastron-sdm630-v2', bus: 'main', unitId: METER_UNIT },
    cable: { kind: 'tethered', ratingMilliamps: milliAmps(given.cableMilliamps) },
    metersOutlet: false,
    io: NO_IO,
    rfid: null,
    billedOrRestricted: false,
    silenceProvedMs: board.id === 'abl-emh1' ? 15_000 : null,
    phasesWired: given.phasesWired,
    wireRatingMilliamps: milliAmps(given.wireMilliamps),
    socketPath: '',
    runDir: '',
    installationCopyPath: '',
    bootId: null,
    wallOffsetMs: 0,
  }
}

const RELAY = {
  name: 'relay',
  driver: 'waveshare-modbus-rtu-relay-8ch',
  bus: 'main',
  unitId: RELAY_UNIT,
  channel: 1,
} as const

const boardBus = ({ bus }: TrialBoard) => (bus.kind === 'main' ? 'main' : 'board')

function busesOf({ bus }: TrialBoard): readonly BusConfig[] {
  const serial = { port: '/dev/virtual', dataBits: 8, stopBits: 1 } as const
  const main = { kind: 'rtu', name: 'main', baud: 19_200, parity: 'none', ...serial } as const
  if (bus.kind === 'main') return [main]
  if (bus.kind === 'tcp') return [main, { kind: 'tcp', name: 'board', host: '127.0.0.1', port: 502 }]
  return [main, { kind: 'ascii', name: 'board', parity: 'even', baud: bus.baud, ...serial }]
}

function keeperConfig(given: { wireMilliamps: number; phasesWired: PhasesWired }): KeeperConfig {
  return {
    station: { id: 'trial', vendor: 'v', model: 'm', serial: 's', firmwareVersion: '0' },
    stateDir: '',
    runDir: '',
    socketPath: '',
    installationCopyPath: '',
    timeZone: 'Europe/Berlin',
    access: 'private',
    phasesWired: given.phasesWired,
    wireRatingMilliamps: milliAmps(given.wireMilliamps),
    cableKind: 'tethered',
    resumeWithinMs: 24 * 3_600_000,
    hasRtc: true,
    freeVend: { idToken: 'FREE' },
    tokens: [],
    csms: null,
    mqtt: null,
    local: { host: '127.0.0.1', port: 0, pin: null },
    bootId: null,
    wallOffsetMs: 0,
  }
}
