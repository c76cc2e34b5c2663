// The invariants, held against the world's truth at every step of 10 ms. What the agent believes counts in one place only:
// which faults it tells. Each rule has a reaction time that is stated here with its reason; the worst that was seen is kept.
import type { ControlToKeeper, KeeperToControl } from '../../../agent/control-link/messages.ts'
import type { Session } from '../../../agent/keeper/memory.ts'
import { type FaultCode, faultRow, UNTIL_UNPLUGGED } from '../../../shared/faults.ts'
import type { PlanSet } from '../../../shared/limits/plan.ts'
import type { TrialBoard } from './boards.ts'
import { allowedMilliamps, type FixedLimits } from './limits-truth.ts'
import { type Known, outcomesOf } from './outcomes.ts'
import type { Truth } from './site.ts'
import type { WholeBox } from './whole-box.ts'

/** Reaction times, ms. `clean`: no fault is played and the car obeys; `hard`: the line or the car is at fault too. */
export const REACTIONS = {
  /** Seen and paused within 0.5 s; the car has 3 s (IEC 61851-1 Table A.6 seq. 10.1); else opened after 6 s, by a relay
   * that lets go by itself within 2 s where it does not hear. */
  withdraw: { clean: 4000, hard: 9500 },
  /** A new offer is on the pilot: one reading, one write, and a restart's own second. */
  pilot: { clean: 1500, hard: 9500 },
  /** The car follows within 5 s (Table A.6 seq. 6); one that does not is told from its meter after 7 s and withdrawn. */
  follow: { clean: 7000, hard: 20_500 },
  /** A car that may charge does: wake-up pulse after 30 s, spacing of 5 s, and a refused permission told again. */
  begin: { clean: 20_000, hard: 20_000 },
} as const

type Rule = keyof typeof REACTIONS

export interface Violation {
  readonly rule: string
  readonly detail: string
}

export interface Judge {
  step(truth: Truth): void
  told(message: ControlToKeeper): void
  heard(message: KeeperToControl): void
  committed(sessions: readonly Session[]): void
  /** Something happened that may keep a car from charging for so long. `stops`: it may also end a running charge. */
  trouble(ms: number, why: string, stops: boolean): void
  /** Leases may have been given to others: control stood still, or was away, for 2 s. */
  leasesOver(): void
  /** What was told to it and not acknowledged may be lost with it, until keeper tells it again. */
  controlEnded(): void
  /** A new kernel boot: all plans and all readings of the last one are void. */
  booted(): void
  faultsBegan(): void
  failed(what: string): void
  violation(): Violation | null
  standing(): readonly FaultCode[]
  /** The last plug-in whose end the box has certainly seen. */
  surelyGone(): number
  readonly worst: Map<string, number>
  readonly counts: Map<string, number>
}

interface KnownSession {
  readonly bornPlug: number
  plug: number
  open: boolean
}

const MICROS = 1000
/** Registers are told in whole Wh, and one reading is a second old. */
const ENERGY_TOLERANCE_WH = 3
/** A pause of the current shorter than this is none. */
const STOPPED_MS = 400

export function createJudge(fixed: FixedLimits, box: WholeBox, board: TrialBoard): Judge {
  const rows = outcomesOf(board)
  const since = new Map<string, number>()
  const worst = new Map<string, number>()
  const counts = new Map<string, number>()
  const sessions = new Map<string, KnownSession>()
  const plugStartMilliwattHours = new Map<number, number>()
  const carFaults = new Set<FaultCode>()
  const raised = new Map<FaultCode, number>()
  let found: Violation | null = null
  let now = 0
  let truth: Truth | null = null
  let delivered: PlanSet | null = null
  /** The newest set that control has said to be mirrored: what it holds over its restart. */
  let acknowledged: PlanSet | null = null
  let leases = true
  let standing: readonly FaultCode[] = []
  let controlSince: number | null = null
  let linkedSince: number | null = null
  let hardUntil = 0
  let beginFrom = 0
  let stopFrom = 0
  let lastTrouble = 'the start'
  let lastSureGone = 0
  let heldFaultsSince = 0
  let known: Known = { hadReadMeter: false, wasPluggedAtFault: false }
  let meterWasHurt = false
  let lastPwm = 0
  let pwmChangedAt = 0
  let wasFlowing = false
  let outcomesDue = false

  const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
  const violate = (rule: string, detail: string) => {
    found ??= { rule, detail }
  }
  /** For how long this has held without a break, ms, counted from `from` at the earliest. */
  function lasts(name: string, holds: boolean, from = 0): number {
    if (!holds) {
      since.delete(name)
      return 0
    }
    const begun = since.get(name) ?? now
    since.set(name, begun)
    return Math.max(0, (now - Math.max(begun, from)) / MICROS)
  }
  function reaction(rule: Rule, name: string, lasted: number, detail: () => string) {
    const kind = now < hardUntil ? 'hard' : 'clean'
    const key = `${rule} ${kind}`
    worst.set(key, Math.max(worst.get(key) ?? 0, lasted))
    // A board with a slow watchdog is opened by silence where it hears no pause.
    const allowedMs = REACTIONS[rule][kind] + (kind === 'hard' ? board.deadmanMs : 0)
    if (lasted > allowedMs) violate(name, `${detail()}, for ${Math.round(lasted)} ms (${key})`)
  }
  function trouble(ms: number, why: string, stops: boolean) {
    const until = now + ms * MICROS
    if (until > beginFrom) {
      beginFrom = until
      lastTrouble = why
    }
    if (stops) stopFrom = Math.max(stopFrom, until)
  }

  function openSessionFor(): boolean {
    for (const one of sessions.values()) if (one.open && one.plug > lastSureGone) return true
    return false
  }

  function watchPrograms() {
    if (!box.controlRuns()) controlSince = null
    else controlSince ??= now
    if (!box.linked() || !box.controlRuns() || !box.keeperRuns()) linkedSince = null
    else linkedSince ??= now
  }

  function watchFaults(at: Truth) {
    if (at.faults.length > 0) {
      hardUntil = now + 12_000 * MICROS
      trouble(30_000, at.faults.map((fault) => JSON.stringify(fault)).join(' '), true)
      if (at.faults.some((fault) => fault.kind === 'meter')) meterWasHurt = true
    }
    if (!at.supplied) trouble(30_000, 'no supply', true)
  }

  // The rules.

  function deadman(at: Truth) {
    const welded = at.faults.some((fault) => fault.kind === 'contactorWelded')
    const lasted = lasts('no control', controlSince === null && at.supplied)
    const flowing = controlSince === null && at.milliamps > 0 && !welded
    if (!flowing) return
    worst.set('dead-man', Math.max(worst.get('dead-man') ?? 0, lasted))
    if (lasted > board.deadmanMs + (now < hardUntil ? board.carDefiesMs : 0))
      violate('dead-man', `${at.milliamps} mA flow ${Math.round(lasted)} ms after control was gone`)
  }

  function permission(at: Truth) {
    const wrong = at.milliamps > 0 && !openSessionFor() && linkedSince !== null
    const lasted = lasts('no permission', wrong, Math.max(controlSince ?? now, linkedSince ?? now))
    if (wrong)
      reaction('withdraw', 'permission', lasted, () => `${at.milliamps} mA without a committed session`)
  }

  function faultsWithdraw(at: Truth) {
    const code = standing.find((one) => faultRow(one).withdraws)
    const wrong = code !== undefined && at.milliamps > 0 && controlSince !== null
    const lasted = lasts(`flows in ${code}`, wrong, controlSince ?? now)
    if (wrong) reaction('withdraw', 'fault', lasted, () => `${at.milliamps} mA while ${code} stands`)
    for (const one of since.keys())
      if (one.startsWith('flows in ') && one !== `flows in ${code}`) since.delete(one)
  }

  function limits(at: Truth) {
    const allowed = allowedMilliamps(fixed, delivered, box.now(), true)
    if (controlSince === null) {
      since.delete('pilot')
      since.delete('current')
      return allowed
    }
    const pilotOver = at.offeredMilliamps > Math.max(allowed < 6000 ? 0 : allowed, 0)
    const pilotLasted = lasts('pilot', pilotOver, controlSince)
    if (pilotOver)
      reaction('pilot', 'limit', pilotLasted, () => `${at.offeredMilliamps} mA offered, ${allowed} allowed`)
    const over = at.milliamps > allowed * 1.2 + 500
    const lasted = lasts('current', over, controlSince)
    if (over) reaction('follow', 'limit', lasted, () => `${at.milliamps} mA flow, ${allowed} allowed`)
    return allowed
  }

  /** IEC 61851-1 Table A.6: at most one change of the PWM in 5 s; decreases and first offers are exempt. */
  function spacing(at: Truth) {
    const pwm = at.offeredMilliamps
    if (pwm === lastPwm) return
    const raisedMs = (now - pwmChangedAt) / MICROS
    const settledControl = controlSince !== null && now - controlSince > 8_000 * MICROS && now >= hardUntil
    if (lastPwm > 0 && pwm > lastPwm && raisedMs < 4800 && settledControl)
      violate('spacing', `PWM raised to ${pwm} mA ${Math.round(raisedMs)} ms after the last change`)
    lastPwm = pwm
    pwmChangedAt = now
  }

  function outcomes(at: Truth) {
    if (at.faults.length === 0) {
      if (outcomesDue)
        for (const name of [...since.keys()]) if (/^(outcome|reached) /.test(name)) since.delete(name)
      outcomesDue = false
      return
    }
    outcomesDue = true
    const judged = controlSince !== null && at.supplied
    const portThere = !at.faults.some((fault) => fault.kind === 'portGone')
    for (const { name, code, withinMs, holds } of rows) {
      const due = judged && (portThere || code === 'BUS_LOST') && holds(at, known)
      const from = Math.max(controlSince ?? now, heldFaultsSince)
      const lasted = lasts(`outcome ${name}`, due, from)
      if (!due) {
        since.delete(`reached ${name}`)
        continue
      }
      const begun = Math.max(since.get(`outcome ${name}`) ?? now, heldFaultsSince)
      const reached = standing.includes(code) || (raised.get(code) ?? -1) >= begun
      if (reached && !since.has(`reached ${name}`)) {
        since.set(`reached ${name}`, now)
        count(`outcome ${name} -> ${code}`)
        const key = `outcome ${name}`
        worst.set(key, Math.max(worst.get(key) ?? 0, lasted))
      }
      if (!reached && !since.has(`reached ${name}`) && lasted > withinMs)
        violate('outcome', `${name} has lasted ${Math.round(lasted)} ms and ${code} was not told`)
    }
  }

  /** A fault whose cause has gone clears, but for those that wait for the plug or for a person. */
  function clears() {
    const calm = now - 30_000 * MICROS > stopFrom - 30_000 * MICROS && controlSince !== null
    const quiet = calm && linkedSince !== null && now - linkedSince > 30_000 * MICROS && now >= stopFrom
    if (!quiet) return
    const stray = standing.find((code) => !faultRow(code).latched && !carFaults.has(code))
    if (lasts('stray fault', stray !== undefined) > 1000) violate('clears', `${stray} stands without a cause`)
  }

  function liveness(at: Truth, allowed: number) {
    const withoutLeases = leases ? allowed : allowedMilliamps(fixed, delivered, box.now(), false)
    if (Math.min(allowed, withoutLeases) < 7000) trouble(125_000, `a limit of ${withoutLeases} mA`, true)
    if (delivered === null) trouble(3000, 'no plans', true)
    if (!at.plugged) trouble(12_000, 'unplugged', true)
    else if (!at.carWants) trouble(12_000, 'the car wants nothing', true)
    if (controlSince === null) trouble(15_000, 'control away', false)
    if (linkedSince === null) trouble(15_000, 'no link', false)
    if (standing.some((code) => faultRow(code).withdraws && (faultRow(code).latched || carFaults.has(code))))
      trouble(15_000, `${standing.join()} stands`, true)
    const mayFlow = now >= beginFrom
    if (mayFlow && at.milliamps === 0)
      reaction('begin', 'liveness', (now - beginFrom) / MICROS, () => `no current since ${lastTrouble}`)
    if (at.milliamps > 0) wasFlowing = true
    const stopped = lasts('stopped', wasFlowing && at.milliamps === 0)
    if (stopped <= STOPPED_MS) return
    wasFlowing = false
    if (now - STOPPED_MS * MICROS > stopFrom)
      violate('liveness', `a charge was stopped without a cause; the last was ${lastTrouble}`)
  }

  function watchPlug(at: Truth) {
    if (at.plugged && !plugStartMilliwattHours.has(at.plugNumber)) {
      plugStartMilliwattHours.set(at.plugNumber, at.energyMilliwattHours)
      count('plug-ins')
    }
    lasts('plugged', at.plugged)
    const sure =
      !at.plugged &&
      at.supplied &&
      linkedSince !== null &&
      controlSince !== null &&
      now >= hardUntil &&
      now - controlSince > 1500 * MICROS &&
      now - linkedSince > 1500 * MICROS
    if (lasts('surely gone', sure) > 3500) {
      lastSureGone = at.plugNumber
      carFaults.clear()
    }
  }

  /** What keeper has booked is the register's difference, and a quiet register is booked whole. */
  function account(at: Truth) {
    const quiet =
      at.milliamps === 0 && linkedSince !== null && now >= hardUntil && !meterWasHurt && at.supplied
    if (lasts('account', quiet, linkedSince ?? now) < 8000) return
    since.set('account', now)
    const booked = box.people()?.snapshot().energyAccount
    if (!booked || booked.registerAtEpochStartWh === null) return
    const sum = booked.registerAtEpochStartWh + booked.sessionsWh + booked.unattributedWh
    const difference = sum - at.registerWh()
    worst.set('account, Wh', Math.max(worst.get('account, Wh') ?? 0, Math.abs(difference)))
    if (Math.abs(difference) > ENERGY_TOLERANCE_WH)
      violate('energy', `booked up to ${sum} Wh, the register is ${at.registerWh()} Wh`)
  }

  function committed(changed: readonly Session[]) {
    for (const session of changed) {
      const plug = truth?.plugNumber ?? 0
      const before = sessions.get(session.uuid)
      if (before === undefined) count('sessions')
      const one = before ?? { bornPlug: plug, plug, open: true }
      sessions.set(session.uuid, one)
      one.open = session.end === null && session.stop === null
      if (before !== undefined && session.end === null) one.plug = Math.max(one.plug, plug)
      if (session.end === null || truth === null) continue
      count('sessions ended')
      const billedWh = session.end.registerWh - session.startRegisterWh
      const flowedWh = (truth.energyMilliwattHours - (plugStartMilliwattHours.get(one.bornPlug) ?? 0)) / 1000
      if (billedWh > flowedWh + ENERGY_TOLERANCE_WH)
        violate('energy', `session ${session.uuid} bills ${billedWh} Wh, ${flowedWh.toFixed(1)} Wh flowed`)
    }
  }

  return {
    worst,
    counts,
    step(at) {
      now = at.atMicros
      truth = at
      watchPrograms()
      watchFaults(at)
      watchPlug(at)
      deadman(at)
      permission(at)
      faultsWithdraw(at)
      const allowed = limits(at)
      spacing(at)
      outcomes(at)
      clears()
      liveness(at, allowed)
      account(at)
    },
    told(message) {
      if (message.kind === 'status' || message.kind === 'hello') standing = message.status.faults
      if (message.kind === 'ack' && message.of === 'plans' && message.version === delivered?.version)
        acknowledged = delivered
      const facts = message.kind === 'fact' ? [message.fact] : message.kind === 'hello' ? message.facts : []
      for (const { fact } of facts) {
        if (fact.kind !== 'faultRaised') continue
        count(`raised ${fact.code}`)
        raised.set(fact.code, now)
        if (UNTIL_UNPLUGGED.includes(fact.code)) carFaults.add(fact.code)
      }
    },
    heard(message) {
      if (message.kind !== 'plans') return
      delivered = message.set
      leases = true
    },
    committed,
    trouble,
    leasesOver() {
      leases = false
    },
    controlEnded() {
      delivered = acknowledged
    },
    booted() {
      delivered = null
      acknowledged = null
      standing = []
      known = { hadReadMeter: false, wasPluggedAtFault: false }
    },
    faultsBegan() {
      heldFaultsSince = now
      known = {
        hadReadMeter: controlSince !== null && now - controlSince > 8000 * MICROS && now >= hardUntil,
        wasPluggedAtFault: truth?.plugged === true && now - (since.get('plugged') ?? 0) > 3000 * MICROS,
      }
    },
    failed: (what) => violate('failure', what),
    violation: () => found,
    standing: () => standing,
    surelyGone: () => lastSureGone,
  }
}
