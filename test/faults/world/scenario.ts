// What happens to the box, by the seed: storms in which cars, faults, plans, people and restarts come every few seconds,
// and calms in which everything is well and a car must get its current.
import type { SimFault } from '../../../hw-sim/api.ts'
import { faultRow } from '../../../shared/faults.ts'
import type { Limit, LimitPlan, LimitSource } from '../../../shared/limits/plan.ts'
import { message } from '../../../shared/message.ts'
import type { Prng } from '../../../shared/prng.ts'
import { milliAmps, monotonicMs, type PhasesWired, watts } from '../../../shared/units.ts'
import type { TrialBoard } from './boards.ts'
import type { Judge } from './judge.ts'
import type { Disk } from './keeper-program.ts'
import { BOARD_UNIT, METER_UNIT, RELAY_UNIT, type TrialSite } from './site.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { WholeBox } from './whole-box.ts'

export interface Stage {
  readonly time: VirtualTime
  readonly random: Prng
  readonly site: TrialSite
  readonly box: WholeBox
  readonly board: TrialBoard
  readonly disk: Disk
  readonly judge: Judge
  readonly phasesWired: PhasesWired
  readonly say: (what: string) => void
}

const S = 1_000_000

export function play(stage: Stage): void {
  const { time, random, site, box, disk, judge } = stage
  const count = (name: string) => judge.counts.set(name, (judge.counts.get(name) ?? 0) + 1)
  const note = (what: string, detail = '') => {
    count(what)
    stage.say(`${what} ${detail}`.trim())
  }
  let faults: readonly SimFault[] = []
  let storm = false
  /** Control that is down on purpose comes back at its time; so does power. */
  let controlDown = false
  let keeperDown = false
  let powerDown = false
  let carBusy = false

  const setFaults = (next: readonly SimFault[]) => {
    const grew = next.length > faults.length
    faults = next
    site.setFaults(next)
    if (grew) judge.faultsBegan()
  }

  // Programs.

  function killControl(downMs: number, orderly: boolean) {
    if (controlDown || powerDown) return
    note(orderly ? 'control ended' : 'control killed', `for ${downMs} ms`)
    controlDown = true
    judge.trouble(15_000 + downMs, 'control killed', downMs > 1000)
    if (downMs > 1000) judge.leasesOver()
    box.endControl(orderly)
    judge.controlEnded()
    time.after(downMs * 1000, () => {
      controlDown = false
      if (powerDown) return
      judge.trouble(15_000, 'control started', downMs > 1000)
      box.startControl()
    })
  }

  function killKeeper(downMs: number) {
    if (keeperDown || powerDown) return
    note('keeper killed', `for ${downMs} ms`)
    keeperDown = true
    judge.trouble(20_000 + downMs, 'keeper killed', downMs > 25_000)
    box.killKeeper()
    time.after(downMs * 1000, () => {
      keeperDown = false
      if (powerDown) return
      judge.trouble(20_000, 'keeper started', downMs > 25_000)
      box.startKeeper()
    })
  }

  function cutPower() {
    if (powerDown) return
    const downMs = random.integer(300, 90_000)
    note('power cut', `for ${downMs} ms`)
    powerDown = true
    site.setSupply(false)
    box.losePower()
    judge.booted()
    // The car may leave, or another one come, in the dark.
    if (random.chance(0.3)) time.after(random.integer(0, downMs) * 1000, () => moveCar())
    time.after(downMs * 1000, () => {
      powerDown = false
      site.setSupply(true)
      judge.trouble(40_000, 'power came back', true)
      time.after(random.integer(0, 2 * S), () => {
        if (!powerDown && !controlDown) box.startControl()
      })
      time.after(random.integer(0, 4 * S), () => {
        if (!powerDown && !keeperDown) box.startKeeper()
      })
    })
  }

  function hurtPrograms() {
    const shortMs = random.integer(0, 900)
    switch (random.integer(0, 9)) {
      case 0:
      case 1:
        return killControl(shortMs, false)
      case 2:
        return killControl(shortMs, true)
      case 3:
        return killControl(random.integer(1000, 15_000), random.chance(0.2))
      case 4:
        return killKeeper(random.integer(0, 3000))
      case 5:
        return killKeeper(random.integer(3000, 70_000))
      case 6:
        killKeeper(random.integer(0, 5000))
        return killControl(random.chance(0.7) ? shortMs : random.integer(1000, 12_000), false)
      case 7: {
        const ms = random.chance(0.7) ? random.integer(50, 1000) : random.integer(1000, 6000)
        note('control frozen', `for ${ms} ms`)
        judge.trouble(15_000 + ms, 'control frozen', ms > 1000)
        if (ms > 1000) judge.leasesOver()
        return box.freezeControl(ms)
      }
      case 8: {
        const ms = random.integer(200, 40_000)
        note('keeper frozen', `for ${ms} ms`)
        judge.trouble(20_000 + ms, 'keeper frozen', ms > 25_000)
        return box.freezeKeeper(ms)
      }
      default:
        return cutPower()
    }
  }

  function hurtMemory() {
    const ms = random.integer(500, 30_000)
    const what = random.integer(0, 2)
    judge.trouble(ms + 75_000, 'memory hurt', false)
    if (what === 0) {
      note('run folder full', `for ${ms} ms`)
      const { runDir } = box
      runDir.isFull = true
      time.after(ms * 1000, () => {
        runDir.isFull = false
      })
    } else if (what === 1) {
      note('disk full', `for ${ms} ms`)
      disk.isFull = true
      time.after(ms * 1000, () => {
        disk.isFull = false
      })
    } else {
      disk.slowMs = random.integer(50, 4000)
      note('disk slow', `${disk.slowMs} ms for ${ms} ms`)
      time.after(ms * 1000, () => {
        disk.slowMs = 20
      })
    }
  }

  // Cars.

  function plugIn() {
    const car = {
      plugged: true,
      phases: stage.phasesWired === 1 ? 1 : random.pick([1, 3] as const),
      maxMilliamps: random.integer(6, 40) * 1000,
      wantsEnergy: random.chance(0.9),
      followMs: random.integer(0, 5000),
      s2DelayMs: random.integer(0, 4000),
    }
    stage.say(`plug ${JSON.stringify(car)}`)
    site.setCar(car)
  }

  function moveCar() {
    if (carBusy) return
    const { plugged, carWants } = site.truth()
    if (!plugged) return plugIn()
    if (random.chance(0.5)) {
      note(carWants ? 'car has enough' : 'car wants more')
      return site.setCar({ wantsEnergy: !carWants })
    }
    note('unplugged')
    site.setCar({ plugged: false })
    if (!random.chance(0.3)) return
    // The next car comes at once.
    carBusy = true
    time.after(random.integer(20, 4000) * 1000, () => {
      carBusy = false
      if (!site.truth().plugged) plugIn()
    })
  }

  // Faults of devices, line and car.

  function randomFault(): SimFault {
    const unitId = random.pick([BOARD_UNIT, METER_UNIT, RELAY_UNIT])
    switch (random.integer(0, 11)) {
      case 0:
      case 1:
        return { kind: 'dead', unitId }
      case 2:
        return { kind: 'late', unitId, maxMs: random.integer(20, 400), probability: random.next() }
      case 3:
        return { kind: random.pick(['truncated', 'noise', 'badCrc']), unitId, probability: random.next() }
      case 4:
      case 5:
        return boardError()
      case 6:
        return { kind: 'pilot', state: random.pick(['D', 'E', 'F']) }
      case 7:
        return { kind: 'contactorWelded' }
      case 8:
        return { kind: 'greedy', milliamps: random.integer(6, 45) * 1000 }
      case 9:
      case 10:
        return { kind: 'meter', how: random.pick(['nan', 'frozen', 'back', 'otherSerial', 'jump']) }
      default:
        return { kind: 'portGone' }
    }
  }

  function boardError(): SimFault {
    const [first, ...others] = stage.board.errors.map(([number]) => number)
    return first === undefined
      ? { kind: 'contactorWelded' }
      : { kind: 'boardError', bit: random.pick([first, ...others]) }
  }

  function hurtDevices() {
    if (faults.length >= 2) return
    const fault = randomFault()
    if (faults.some((other) => other.kind === fault.kind)) return
    const long = fault.kind === 'meter' && fault.how === 'otherSerial'
    const ms = long ? random.integer(2000, 90_000) : random.integer(50, 25_000)
    note(`fault ${nameOf(fault)}`, `for ${ms} ms`)
    setFaults([...faults, fault])
    time.after(ms * 1000, () => {
      stage.say(`fault ${nameOf(fault)} is over`)
      setFaults(faults.filter((other) => other !== fault))
    })
  }

  // Plans and people.

  function randomLimit(): Limit {
    switch (random.integer(0, 4)) {
      case 0:
        return { kind: 'unlimited' }
      case 1:
        return { kind: 'total', powerWatts: watts(random.integer(0, 24_000)) }
      case 2:
        return { kind: 'perPhase', currentMilliamps: milliAmps(random.pick([0, 5999, 6000, 6500, 7000])) }
      default:
        return { kind: 'perPhase', currentMilliamps: milliAmps(random.integer(0, 36_000)) }
    }
  }

  function randomPlan(): LimitPlan {
    const source: LimitSource = random.pick(['group', 'grid', 'profile', 'schedule', 'temperature'])
    let until = box.now()
    const steps = Array.from({ length: random.integer(0, 4) }, () => {
      until = monotonicMs(until + random.integer(200, 30_000))
      return { untilMonotonicMs: until, limit: randomLimit() }
    })
    return { source, reason: message('limit.profile'), steps, afterwards: randomLimit() }
  }

  function changePlans() {
    if (!box.linked() || !box.keeperRuns()) return
    const plans = Array.from({ length: random.integer(0, 3) }, randomPlan)
    note('plans changed', JSON.stringify(plans.map(({ reason: _, ...rest }) => rest)))
    box.setExtraPlans(plans)
  }

  /** What people ask is answered later; what it was refused for is no matter of this trial. */
  function people() {
    const asked = box.people()
    if (asked === null) return
    const wait = (promise: Promise<unknown>) => {
      promise.catch((cause: unknown) => judge.failed(`a person's order failed: ${String(cause)}`))
    }
    switch (random.integer(0, 3)) {
      case 0:
        note('stop')
        judge.trouble(0, 'stopped', true)
        stoppedPlug = site.truth().plugNumber
        return wait(asked.stop({ uuid: null, by: random.pick(['remote', 'local']) }))
      case 1:
        note('remote start')
        return wait(asked.remoteStart({ idToken: 'R', remoteStartId: random.integer(1, 1000) }))
      case 2: {
        const limit = random.chance(0.5) ? null : milliAmps(random.pick([0, 6, 10, 16, 32]) * 1000)
        note('user limit', `${limit}`)
        return wait(asked.setUserLimit(limit))
      }
      default:
        note('override')
        return wait(asked.override({ by: 'button', until: null }))
    }
  }
  /** A person stopped this plug-in: nothing begins before the box has seen the plug out, whatever car comes meanwhile. */
  let stoppedPlug = 0
  const stopped = () => stoppedPlug > judge.surelyGone()

  function technician() {
    const latched = judge.standing().find((code) => faultRow(code).latched)
    if (latched !== undefined && faults.length === 0) {
      note('technician', latched)
      judge.trouble(20_000, 'a technician', true)
      box
        .people()
        ?.clearFault({ code: latched, by: 'technician' })
        .catch((cause: unknown) => judge.failed(String(cause)))
    }
    time.after(random.integer(5 * S, 15 * S), technician)
  }

  function watchStopped() {
    if (stopped()) judge.trouble(15_000, 'stopped by a person', true)
    if (powerDown) judge.trouble(30_000, 'no power', true)
    time.after(100_000, watchStopped)
  }

  function stormEvent() {
    if (!storm) return
    switch (random.integer(0, 11)) {
      case 0:
      case 1:
      case 2:
        moveCar()
        break
      case 3:
      case 4:
        hurtPrograms()
        break
      case 5:
        hurtMemory()
        break
      case 6:
      case 7:
      case 8:
        hurtDevices()
        break
      case 9:
      case 10:
        changePlans()
        break
      default:
        people()
    }
    time.after(Math.round(-Math.log(1 - random.next()) * 3 * S), stormEvent)
  }

  function weather() {
    storm = !storm
    stage.say(storm ? 'storm' : 'calm')
    if (storm) {
      stormEvent()
      time.after(random.integer(30 * S, 120 * S), weather)
      return
    }
    setFaults([])
    if (box.linked()) box.setExtraPlans([])
    const limitless = () =>
      box
        .people()
        ?.setUserLimit(null)
        .catch((cause: unknown) => judge.failed(String(cause)))
    void limitless()
    calmCar()
    time.after(random.integer(50 * S, 150 * S), weather)
  }

  /** In a calm there is a car that wants to charge; now and then it is another one. */
  function calmCar() {
    if (storm) return
    const { plugged, carWants } = site.truth()
    if (!plugged && !powerDown) plugIn()
    else if (!carWants) site.setCar({ wantsEnergy: true })
    else if (random.chance(0.05) || stopped()) {
      note('unplugged')
      site.setCar({ plugged: false })
    }
    if (box.linked() && random.chance(0.2)) box.setExtraPlans([])
    time.after(random.integer(4 * S, 12 * S), calmCar)
  }

  box.startControl()
  box.startKeeper()
  time.after(3 * S, weather)
  time.after(10 * S, technician)
  watchStopped()
}

function nameOf(fault: SimFault): string {
  switch (fault.kind) {
    case 'dead':
    case 'late':
    case 'truncated':
    case 'noise':
    case 'badCrc':
    case 'twice':
      return `${fault.kind} unit ${fault.unitId}`
    case 'boardError':
      return `boardError ${fault.bit}`
    case 'pilot':
      return `pilot ${fault.state}`
    case 'meter':
      return `meter ${fault.how}`
    default:
      return fault.kind
  }
}
