// status, commission and override: what an installer and a driver do at a box, from a terminal.
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { err, ok, type Result } from '../../shared/result.ts'
import { currentSchema, scheduleOrderSchema } from '../../shared/tariff/schedule-schema.ts'
import { isoOf } from '../../shared/time/iso.ts'
import { epochMs } from '../../shared/units.ts'
import { sentence } from '../../shared/words.ts'
import type { Outcome } from './agent-command.ts'
import { type BoxAddress, type BoxState, boxClient } from './box-client.ts'
import { readCurrent } from './config-leaves.ts'
import { type Finding, problemsOf, readConfigText } from './config-text.ts'

export async function showStatus(url: string, json: boolean): Promise<Outcome> {
  const state = await boxClient({ url }).state()
  if (!state.ok) return { exitCode: 1, error: state.error }
  return { exitCode: 0, out: json ? JSON.stringify(state.value, null, 2) : statusInWords(state.value) }
}

const STATE_WORDS: Readonly<Record<string, string>> = {
  idle: 'available, no car',
  occupied: 'car plugged in, waiting',
  suspendedEvse: 'the box holds the charge back',
  suspendedEv: 'the car takes nothing now',
  charging: 'charging',
  faulted: 'faulted',
}

/** Values of an older reading are not shown as those of now. */
const FRESH_MS = 5000

const amps = (milliamps: number) => `${(milliamps / 1000).toFixed(1)} A`

/** What a board that does not answer offers is not known. */
const offered = (milliamps: number, faults: readonly string[]) =>
  faults.some((code) => code === 'BUS_LOST' || code === 'BOARD_LOST')
    ? `not known, the board does not answer; last ${amps(milliamps)}`
    : amps(milliamps)

/** A dozen aligned lines. */
function statusInWords(state: BoxState): string {
  const { control, installation, session, limit, outbox } = state
  const time = new Intl.DateTimeFormat('en-GB', {
    timeZone: state.timeZone,
    dateStyle: 'short',
    timeStyle: 'medium',
  })
  const kwh = (wattHours: number) => `${(wattHours / 1000).toFixed(3)} kWh`
  const lines: [string, string][] = [
    ['station', state.stationId],
    [
      'state',
      control ? (STATE_WORDS[control.chargingState] ?? control.chargingState) : 'control is not heard',
    ],
    [
      'limit',
      `${amps(limit.currentMilliamps)}${limit.until === null ? '' : ` until ${time.format(limit.until)}`}. ${sentence(limit.reason, 'en')}`,
    ],
  ]
  if (control) lines.push(['offered', offered(control.offeredMilliamps, state.faults)])
  if (control?.meter) {
    const { meter } = control
    const age = state.meterAgeMs ?? 0
    const flow = `${meter.powerWatts} W; ${meter.currentsMilliamps.map(amps).join(', ')}; ${kwh(meter.registerWh)}`
    const last = `–, last read ${Math.round(age / 1000)} s ago; ${kwh(meter.registerWh)} then`
    lines.push(['meter', `${age <= FRESH_MS ? flow : last}; serial ${meter.serial}`])
  }
  if (session) {
    const since = session.startedAt === null ? '' : ` since ${time.format(session.startedAt)}`
    lines.push(['session', `${kwh(session.energyWh)}${since}, token ${session.idToken}`])
  }
  if (state.override) lines.push(['override', `on (${state.override.id})`])
  lines.push([
    'installed',
    installation
      ? `${amps(installation.limitMilliamps)} on ${installation.phasesWired} phase${installation.phasesWired === 1 ? '' : 's'}, by ${installation.commissionedBy}, version ${installation.version}`
      : 'not commissioned; voltkeep commission does it',
  ])
  for (const device of control?.devices ?? []) {
    lines.push([
      'device',
      `${device.name}, ${device.driver}, bus ${device.bus} unit ${device.unitId}: ${device.reachable ? 'answers' : 'does not answer'}, ${device.errors} of ${device.requests} requests failed`,
    ])
  }
  lines.push(['server', `${state.csms}; ${outbox.pending} waiting, ${outbox.parked} parked`])
  lines.push(['time', `${time.format(state.at)} ${state.timeZone}, ${state.timeQuality}`])
  lines.push(['faults', state.faults.length > 0 ? state.faults.join(', ') : 'none'])
  return lines.map(([name, words]) => `${name.padEnd(10)}${words}`).join('\n')
}

export interface CommissionOptions extends BoxAddress {
  readonly limit: string
  readonly phases: string
  readonly by: string
  readonly schedule?: string
}

/** What the person who commissions must know before the limit is sent. */
export const BEFORE_COMMISSIONING =
  'From here a limit can be lowered, but not raised again: raising needs presence at the box, which this version\n' +
  'cannot check. A limit that was set too low is for the installer to undo: docs/safety/hazards.md.'

/**
 * Sets the installation limit, and with `schedule` a file's schedule. Both are checked before the first is sent, and `say` tells before it what
 * cannot be undone from afar.
 */
export async function commission(options: CommissionOptions, say: (words: string) => void): Promise<Outcome> {
  const limitMilliamps = readCurrent(options.limit)
  if (limitMilliamps === undefined)
    return wrongOption('--limit', 'a current with its unit, such as "16 A"', options.limit)
  const phasesWired = Number(options.phases)
  if (phasesWired !== 1 && phasesWired !== 3) return wrongOption('--phases', '1 or 3', options.phases)
  const schedule = options.schedule === undefined ? null : await readSchedule(options.schedule)
  if (schedule && !schedule.ok) return { exitCode: 2, error: schedule.error }
  say(BEFORE_COMMISSIONING)
  const box = boxClient(options)
  const done = await box.post('/api/commission', { limitMilliamps, phasesWired, by: options.by })
  if (!done.ok) return { exitCode: 1, error: done.error }
  const told = `commissioned: ${limitMilliamps / 1000} A on ${phasesWired} phase${phasesWired === 1 ? '' : 's'}, by ${options.by}`
  if (schedule === null) return { exitCode: 0, out: told }
  const set = await box.post('/api/schedule', { schedule: schedule.value })
  if (!set.ok) return { exitCode: 1, out: told, error: set.error }
  return { exitCode: 0, out: `${told}\nschedule set from ${options.schedule}` }
}

/** Charges now although the schedule holds back; ends by itself when the car is full or unplugged. */
export async function override(address: BoxAddress): Promise<Outcome> {
  const done = await boxClient(address).post('/api/override', {})
  if (!done.ok) return { exitCode: 1, error: done.error }
  return { exitCode: 0, out: 'the schedule is overridden until the car is full or unplugged' }
}

/** Tells the box that a technician found the cause of a latched fault and removed it. */
export async function clearFault(code: string, address: BoxAddress): Promise<Outcome> {
  const done = await boxClient(address).post('/api/clear-fault', { code })
  if (!done.ok) return { exitCode: 1, error: done.error }
  return { exitCode: 0, out: `${code} may clear; it does where its cause is gone (voltkeep status)` }
}

/** What the server refused for good, and why: a person looks, mends the server, and has it told again. */
export async function showParked(url: string): Promise<Outcome> {
  const told = await boxClient({ url }).parked()
  if (!told.ok) return { exitCode: 1, error: told.error }
  const lines = told.value.map(({ at, what, reason }) => {
    const when = at === null ? 'not dated' : isoOf(epochMs(at))
    return `${when}  ${what}\n  ${reason}`
  })
  const todo = 'when its cause is gone at the server: voltkeep outbox retry'
  return { exitCode: 0, out: lines.length > 0 ? [...lines, todo].join('\n') : 'nothing is parked' }
}

/** Has all that is parked told once more, as it was told before. */
export async function retryParked(address: BoxAddress): Promise<Outcome> {
  const done = await boxClient(address).post('/api/outbox/retry', {})
  if (!done.ok) return { exitCode: 1, error: done.error }
  return { exitCode: 0, out: 'what was parked is told again (voltkeep status shows what waits)' }
}

function wrongOption(option: string, expected: string, got: string): Outcome {
  return {
    exitCode: 2,
    error: `${option}\n  expected  ${expected}\n  got       ${got}\n  do        write it so\nnothing was sent`,
  }
}

/** As the box takes it, but with the current as people write it. */
const SCHEDULE_FILE = scheduleOrderSchema.omit({ outsideMilliamps: true }).extend({ outside: z.string() })

/** timeZone, windows (days 1 is Monday, from, to) and outside ("0 A" to hold back). */
async function readSchedule(file: string): Promise<Result<unknown, string>> {
  const text = await readFile(file, 'utf8').catch((error: Error) => error)
  if (text instanceof Error) {
    return err(
      `${file}\n  expected  a schedule that can be read\n  got       ${text.message}\nnothing was sent`,
    )
  }
  const read = readConfigText(file, text)
  if (!read.ok) return err(problemsOf(read.error, 'nothing was sent'))
  const parsed = SCHEDULE_FILE.safeParse(read.value.value)
  const findings: Finding[] = parsed.success ? [] : parsed.error.issues.map((issue) => scheduleFinding(issue))
  const outsideMilliamps = parsed.success ? readCurrent(parsed.data.outside) : undefined
  if (parsed.success && !currentSchema.safeParse(outsideMilliamps).success) {
    findings.push({
      path: ['outside'],
      expected: 'a current with its unit: 0 A to hold back, or 6 A and more',
      got: parsed.data.outside,
      do: 'write a number and A or mA',
    })
  }
  if (!parsed.success || findings.length > 0) {
    return err(problemsOf(findings.map(read.value.locate), 'nothing was sent'))
  }
  const { timeZone, windows } = parsed.data
  return ok({ timeZone, windows, outsideMilliamps })
}

const scheduleFinding = (issue: z.core.$ZodIssue): Finding => ({
  path: issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part)),
  expected: 'timeZone, windows with days, from and to, and outside',
  got: issue.message,
  do: 'docs/operate/schedule.example.yaml shows one',
})
