// From a site file to the world that it begins with. Pure.

import { invariant } from '../shared/invariant.ts'
import type { SiteWire } from './devices/board-kind.ts'
import { boardKindOf } from './devices/boards.ts'
import { newMeter } from './devices/eastron-sdm630.ts'
import { newRelay } from './devices/waveshare-relay.ts'
import { isBoard, isInputs, isMeter, isRelay } from './site-fit.ts'
import type { Site, SiteDevice } from './site-shape.ts'
import type { InputPoint } from './site-wiring.ts'
import { NO_OFFER } from './world/car.ts'
import { openContactor } from './world/contactor.ts'
import { noEnergy } from './world/energy.ts'
import { openLock } from './world/plug-lock.ts'
import { soundMonitor } from './world/residual.ts'
import type { Contact, ContactName, Wire, WiringFacts } from './world/wiring.ts'
import type { World, WorldFacts } from './world.ts'

/** The one device of its kind: a parsed site has it. */
function only<T extends SiteDevice>(site: Site, is: (device: SiteDevice) => device is T): T {
  const found = site.devices.find(is)
  invariant(found, 'a site has one board and one meter')
  return found
}

const relayWire = ({ relay, channel, parallelChannel }: Exclude<SiteWire, 'bridged'>): Wire => ({
  kind: 'relay',
  relay,
  channels: [channel, ...(parallelChannel === undefined ? [] : [parallelChannel])].map((it) => it - 1),
})

const wireOf = (wire: SiteWire | undefined): Wire =>
  wire === undefined || wire === 'bridged' ? { kind: 'bridged' } : relayWire(wire)

/** What stays as it is while hw-sim runs. */
export function worldFacts(site: Site): WorldFacts {
  const board = only(site, isBoard)
  return {
    voltagesMillivolts: site.grid.voltagesMillivolts,
    frequencyMillihertz: site.grid.frequencyMillihertz,
    boardDevice: board.device,
    contactor: site.contactor,
    release: wireOf(board.xr),
    supply: wireOf(board.supply),
    wiring: wiringFacts(site),
    inputModules: site.devices.filter(isInputs).map((module) => module.name),
    metersOutlet: only(site, isMeter).voltagesOf === 'outlet',
  }
}

function wiringFacts(site: Site): WiringFacts {
  const { lock, release, residualMonitor } = site
  return {
    lock: lock
      ? {
          travelMs: lock.travelMs,
          atPowerLoss: lock.atPowerLoss,
          boardSees: lock.feedback === 'board',
          drive:
            lock.drive === 'board'
              ? 'board'
              : { lock: relayWire(lock.drive.lock), unlock: relayWire(lock.drive.unlock) },
        }
      : null,
    release: release ? { coil: relayWire(release.coil), contactor: release } : null,
    residual: residualMonitor
      ? { test: residualMonitor.test ? relayWire(residualMonitor.test) : null }
      : null,
    contacts: contactsOf(site),
  }
}

function contactsOf(site: Site): readonly Contact[] {
  const { lock, release, residualMonitor, gridLimit, stopButton } = site
  const list: Contact[] = []
  const add = (name: ContactName, point: InputPoint, closedWhenActive: boolean) =>
    list.push({ name, inputs: point.inputs, channel: point.channel - 1, closedWhenActive })
  if (lock && typeof lock.feedback === 'object') {
    add('lock', lock.feedback.input, lock.feedback.closedWhen === 'locked')
  }
  if (release?.mirror) add('mirror', release.mirror.input, release.mirror.closedWhen === 'open')
  if (residualMonitor) {
    add('residual', residualMonitor.trip.input, residualMonitor.trip.closedWhen === 'tripped')
  }
  if (gridLimit) add('gridLimit', gridLimit.input, gridLimit.closedWhen === 'limited')
  if (stopButton) add('stopButton', stopButton.input, stopButton.closedWhen === 'pressed')
  return list
}

function baudOf(site: Site, device: SiteDevice): number {
  const bus = site.buses.find((candidate) => candidate.name === device.bus)
  return bus === undefined || bus.kind === 'tcp' ? 0 : bus.baud
}

function newBoard(site: Site, nowMicros: number) {
  const board = only(site, isBoard)
  return boardKindOf(board.device).make(board, {
    nowMicros,
    tethered: site.cable.kind === 'tethered',
    cableAmps: site.cable.ratingMilliamps / 1000,
    baud: baudOf(site, board),
  })
}

/** Codes of the meter's register 0x001C. */
const BAUD_CODES: Readonly<Record<number, number>> = {
  2400: 0,
  4800: 1,
  9600: 2,
  19200: 3,
  38400: 4,
  1200: 5,
}

function newMeterOf(site: Site) {
  const meter = only(site, isMeter)
  return newMeter({
    serial: meter.serial,
    registerMilliwattHours: meter.registerWh * 1000,
    unitId: meter.unitId,
    baudCode: BAUD_CODES[baudOf(site, meter)] ?? 2,
  })
}

/** The site as it stands when hw-sim starts. */
export function newWorld(site: Site, nowMicros: number): World {
  const { battery, ...car } = site.car
  return {
    atMicros: nowMicros,
    supplied: true,
    car: {
      ...car,
      s2Closed: false,
      asleep: true,
      offer: NO_OFFER,
      s2FlipsAtMicros: null,
      drawnMilliamps: 0,
      ramp: { fromMilliamps: 0, toMilliamps: 0, startMicros: nowMicros, endMicros: nowMicros },
      battery: battery
        ? {
            capacityMilliwattHours: battery.capacityWattHours * 1000,
            storedMilliwattHours: battery.storedWattHours * 1000,
          }
        : null,
    },
    board: newBoard(site, nowMicros),
    cable: {
      kind: site.cable.kind,
      inSocket: site.cable.kind === 'tethered' || car.plugged,
      amps: site.cable.ratingMilliamps / 1000,
    },
    contactor: openContactor,
    release: site.release ? openContactor : null,
    lock: site.lock ? openLock : null,
    residual: site.residualMonitor ? soundMonitor : null,
    gridLimited: false,
    stopPressedUntilMicros: null,
    plugsHeld: 0,
    relays: Object.fromEntries(
      site.devices.filter(isRelay).map((relay) => [relay.name, newRelay(relay.flashOn)]),
    ),
    meter: newMeterOf(site),
    energy: noEnergy,
    faults: [],
  }
}
