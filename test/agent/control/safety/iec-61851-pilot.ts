// Rows of the control pilot and the proximity contact: who acts, and what the agent owes.
import { expect } from 'vitest'
import { decide, initialDecision } from '../../../../agent/control/decide.ts'
import { floorToStep } from '../../../../agent/control/limits/minimum.ts'
import { PLAIN_SITE } from '../../../../agent/control/safety/site.ts'
import { initialSafety } from '../../../../agent/control/safety/state.ts'
import { amps, milliAmps, monotonicMs } from '../../../../shared/units.ts'
import { charging, type IecRow, kindsSince, permitted, since } from './iec-61851-row.ts'
import { PLAIN_BOARD, rig } from './rig.ts'

const FLUKE = 'IEC 61851-1 Annex A; Fluke FEV300 manual p. 12, Gossen M525B p. 12'

export const PILOT_ROWS: readonly IecRow[] = [
  {
    fact: 'current told by the duty cycle of 1 kHz, ±12 V',
    figure: '10-85 %: duty × 0.6 A; 85-96 %: (duty − 64) × 2.5 A; 96-97 %: 80 A',
    source: FLUKE,
    acts: 'board',
    board: 'makes the PWM from the current that it is told',
    agent: 'tells a current in mA and reads back what is offered: no other command carries a number',
    check: () => {
      const box = charging()
      expect(box.offered()).toBe(16_000)
      for (const { command } of box.commands())
        expect(Object.keys(command).filter((key) => key !== 'kind')).toEqual(
          command.kind === 'offer' ? ['currentMilliamps'] : [],
        )
    },
  },
  {
    fact: 'duty cycles that are not allowed',
    figure: 'below 3 %, 7-8 %, above 97 %',
    source: FLUKE,
    acts: 'board',
    board: 'never makes them',
    agent: 'asks for none: an offer is 6 A or more and at most what the board declares',
    check: () => {
      for (let raw = 0; raw <= 100_000; raw += 250) {
        const told = floorToStep(raw, PLAIN_BOARD.stepMilliamps)
        expect(told === 0 || (told >= 6000 && told <= raw)).toBe(true)
      }
    },
  },
  {
    fact: 'inverse of the duty cycle',
    figure: 'below 6 A: 100 %; 6-51 A: A / 0.6; 51-52.5 A: 51 A; to 80 A: A / 2.5 + 64',
    source: 'EVerest Charger.cpp, ampere_to_duty_cycle',
    acts: 'board',
    board:
      'converts (of the boards here only ABL is told a duty cycle: its driver converts, and its tests hold the figures)',
    agent: 'floors to whole steps of the board, so that what is converted is never above the limit',
    check: () => {
      expect(floorToStep(15_999, amps(1))).toBe(15_000)
      expect(floorToStep(16_049, milliAmps(100))).toBe(16_000)
    },
  },
  {
    fact: '100 % is x1: ready is told by PWM only',
    figure: 'x1: +12 V steady source, no charging; x2: PWM',
    source: 'IEC 61851-1 Annex A; Fluke p. 12; Phoenix EV-CC manual p. 26',
    acts: 'both',
    board: 'shows x1 while paused and x2 while offering',
    agent: 'pauses by the board’s own pause, never by a value',
    check: () => {
      const box = charging()
      box.world.limitMilliamps = 0
      const from = box.at()
      box.run(100)
      expect(since(box, from)).toEqual([[0, 'pause']])
      expect(box.offered()).toBe(0)
    },
  },
  {
    fact: 'minimum',
    figure: '6 A; nothing between 0 and 6 A is offered',
    source: 'IEC 61851-1 Annex A; every board of the facts',
    acts: 'agent',
    board: null,
    agent: 'makes a pause of every limit below 6 A',
    check: () => {
      expect(floorToStep(5999, milliAmps(1))).toBe(0)
      expect(floorToStep(6000, milliAmps(1))).toBe(6000)
      const box = charging()
      box.world.limitMilliamps = 0
      box.run(50)
      expect(box.offered()).toBe(0)
    },
  },
  {
    fact: 'states A to F, and the diode',
    figure: '12, 9, 6, 3, 0, −12 V; low level −12 V in B to D',
    source: 'IEC 61851-1 Table A.4; Phoenix p. 26, TI JAJU858 table 2-3',
    acts: 'board',
    board: 'measures the levels, tests the diode, and refuses what is no car',
    agent: 'offers in B and C only; a missing diode withdraws until the plug is out (DIODE_MISSING)',
    check: () => {
      const box = charging({})
      box.world.errors = ['diodeMissing']
      box.run(50)
      expect(box.faults()).toEqual(['DIODE_MISSING'])
      expect(box.offered()).toBe(0)
      for (const pilot of ['A', 'D', 'E', 'F'] as const) {
        const other = charging()
        other.world.pilot = pilot
        other.run(50)
        expect(other.offered(), pilot).toBe(0)
      }
    },
  },
  {
    fact: 'resistors of the car',
    figure: 'B 2.74 kΩ, C 882 Ω, D 246 Ω in total',
    source: 'TI JAJU858; Phoenix p. 26; EVerest bring-up',
    acts: 'board',
    board: 'has the windows in its comparators',
    agent: 'takes the letter; a pilot that the board calls invalid withdraws (PILOT_FAULT)',
    check: () => {
      const box = charging()
      box.world.errors = ['pilotInvalid']
      box.run(50)
      expect(box.faults()).toEqual(['PILOT_FAULT'])
      expect(box.offered()).toBe(0)
    },
  },
  {
    fact: 'proximity contact (Type 2)',
    figure: '1500 Ω 13 A, 680 Ω 20 A, 220 Ω 32 A, 100 Ω 63 A; below 75 Ω a fault; open: no cable',
    source: 'IEC 61851-1 Table B.2; Phoenix p. 23',
    acts: 'both',
    board: 'measures and tells the rating',
    agent: 'a shorted or odd contact withdraws until the plug is out (CABLE_INVALID)',
    check: () => {
      const box = charging()
      box.world.proximity = { kind: 'fault' }
      box.run(50)
      expect(box.faults()).toEqual(['CABLE_INVALID'])
      expect(box.offered()).toBe(0)
    },
  },
  {
    fact: 'limit offered',
    figure: 'the lowest of limit and cable, also while the plug is in',
    source: 'IEC 61851-1 Annex B; EVerest get_max_current_internal',
    acts: 'agent',
    board: null,
    agent: 'the cable that the proximity contact tells is a plan of its own: the lowest of all binds',
    check: () => {
      const now = monotonicMs(100_000)
      const reading = {
        takenAtMonotonicMs: now,
        pilot: 'B',
        oscillatorOn: false,
        offeredMilliamps: amps(0),
        proximity: { kind: 'rating', currentMilliamps: amps(20) },
        errors: [],
      } as const
      const own = {
        boardMaxMilliamps: amps(63),
        cableMilliamps: amps(32),
        installationMilliamps: amps(32),
        wireRatingMilliamps: amps(32),
      }
      const { binding } = decide(
        initialDecision(initialSafety(now, null)),
        {
          ...{ bootId: 'b', board: reading, own, set: null, phasesWired: 3, facts: PLAIN_BOARD },
          ...{ line: { kind: 'open', sinceMonotonicMs: now }, boardSilentSinceMonotonicMs: null },
          ...{ boardConfiguration: null, written: { kind: 'unknown' }, permission: null, cleared: [] },
          deadman: {
            ...{ heldAtMonotonicMs: null, heldSinceMonotonicMs: null, askedSinceMonotonicMs: null },
            holdMs: 2000,
          },
          meter: { newest: null, fresh: null, asksForSerial: false, faults: [] },
          keeperSilentMs: 0,
          fallback: null,
        },
        now,
      )
      expect(binding).toMatchObject({ source: 'cable', currentMilliamps: 20_000 })
    },
  },
  {
    fact: 'digital communication',
    figure: '3-7 % duty, nominal 5 %: never basic charging by itself',
    source: 'IEC 61851-1 Annex A; ISO 15118-3; Fluke p. 12',
    acts: 'board',
    board: 'the boards here make no 5 %',
    agent: 'never asks for it: the lowest offer is 6 A, 10 %',
    check: () => {
      const box = charging()
      for (const { command } of box.commands())
        if (command.kind === 'offer') expect(command.currentMilliamps).toBeGreaterThanOrEqual(6000)
    },
  },
  {
    fact: 'change of the PWM',
    figure: 'at most every 5 s; the car follows within 5 s',
    source: 'IEC 61851-1 Table A.6 seq. 6; EVerest IEC_PWM_MAX_UPDATE_INTERVAL',
    acts: 'agent',
    board: null,
    agent:
      'increases are 5 s apart, decreases are told at once (ADR 0002); a car that has not come down in 7 s is paused, then opened (CAR_TAKES_MORE)',
    check: () => {
      const box = charging()
      box.world.drawsMilliamps = 16_000
      box.world.limitMilliamps = 10_000
      box.run(50)
      expect(box.offered()).toBe(10_000)
      box.world.limitMilliamps = 12_000
      box.run(4900)
      expect(box.offered()).toBe(10_000)
      box.run(150)
      expect(box.offered()).toBe(12_000)
      box.run(4000)
      expect(box.faults()).toEqual(['CAR_TAKES_MORE'])
      const from = box.at()
      box.run(6000)
      expect(kindsSince(box, from)).toContain('releaseDeadman')
    },
  },
  {
    fact: 'wake-up of a sleeping car',
    figure: 'x1 for at least 3 s (EVerest), or F for 3 s after 30 s in B2 (Phoenix), once',
    source: 'Phoenix p. 30; EVerest Charger.hpp; SmartEVSE main.cpp',
    acts: 'both',
    board: 'a Phoenix pulses by itself: F for 3 s is no fault',
    agent: 'where the board has no pulse: x1 for 5 s after 30 s in B2, once an offer',
    check: () => {
      const box = permitted({ site: { ...PLAIN_SITE, wakes: 'agent' } })
      const from = box.at()
      box.run(120_000)
      expect(since(box, from)).toEqual([
        [0, 'offer'],
        [30_000, 'pause'],
        [35_000, 'offer'],
      ])
      const pulsed = charging()
      pulsed.world.pilot = 'F'
      pulsed.run(3000)
      pulsed.world.pilot = 'B'
      pulsed.run(3000)
      expect(pulsed.raised('BOARD_UNAVAILABLE')).toBe(0)
    },
  },
  {
    fact: 'BCB toggle',
    figure: 'pulses of 200-400 ms, 1 to 3 in 3.5 s',
    source: 'ISO 15118-3; EVerest Charger.hpp',
    acts: 'board',
    board: 'would answer it, where it speaks ISO 15118; the boards here do not',
    agent: 'nothing is written for B → C → B: a toggle stops and starts nobody',
    check: () => {
      const box = permitted()
      box.run(5000)
      const from = box.at()
      for (const pilot of ['C', 'B', 'C', 'B', 'C', 'B'] as const) {
        box.world.pilot = pilot
        box.run(300)
      }
      expect(kindsSince(box, from)).toEqual([])
    },
  },
  {
    fact: 'simplified car: A → C without B',
    figure: 'is plug-in and request in one',
    source: 'IEC 61851-1 Annex A; EVerest IECStateMachine',
    acts: 'both',
    board: 'closes when it is offered current',
    agent: 'tells the plug-in, asks for a permission, and offers nothing before it',
    check: () => {
      const box = rig({ pilot: 'A' })
      box.run(1500)
      box.world.pilot = 'C'
      box.run(5000)
      expect(box.offered()).toBe(0)
      expect(box.facts().map(({ fact }) => fact.kind)).toContain('plugged')
      box.world.permission = { uuid: 's1', plugId: box.state().plugId ?? '' }
      box.run(5000)
      expect(box.state().chargingState).toBe('charging')
    },
  },
  {
    fact: 'state D',
    figure: 'no current without ventilation',
    source: 'IEC 61851-1 Table A.4; EVerest; Phoenix 4010',
    acts: 'both',
    board: 'keeps its contactor open',
    agent: 'withdraws at once (VENTILATION_NEEDED): no box here has ventilation',
    check: () => {
      const box = charging()
      const from = box.at()
      box.world.pilot = 'D'
      box.run(50)
      expect(since(box, from)).toEqual([[0, 'pause']])
      expect(box.faults()).toEqual(['VENTILATION_NEEDED'])
    },
  },
]
