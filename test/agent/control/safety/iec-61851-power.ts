// Rows of contactor, lock, current and residual current: who acts, and what the agent owes.
import { expect } from 'vitest'
import { OVERLOAD_CURVE } from '../../../../agent/control/safety/overload.ts'
import { PLAIN_SITE, type Site } from '../../../../agent/control/safety/site.ts'
import { charging, type IecRow, kindsSince, permitted, since } from './iec-61851-row.ts'
import { PLAIN_BOARD, rig } from './rig.ts'

const SOCKET: Site = {
  ...PLAIN_SITE,
  connector: { kind: 'socket', feedback: 'module', permanentLock: false, atPowerLoss: 'stays' },
}
const RELEASE: Site = { ...PLAIN_SITE, release: { inSeries: 'proved', hasMirror: true } }

export const POWER_ROWS: readonly IecRow[] = [
  {
    fact: 'C → B: the car opens S2',
    figure: 'contactor open within 100 ms',
    source: 'IEC 61851-1 Table A.6 seq. 8.1; EVerest IECStateMachine.cpp',
    acts: 'board',
    board: 'opens: filter at most 50 ms, contactor at most 50 ms',
    agent:
      'writes nothing, and judges: a contactor that is seen closed 3 s later is welded (CONTACTOR_WELDED)',
    check: () => {
      const box = charging({ facts: { ...PLAIN_BOARD, hasRelayFeedback: true } })
      const from = box.at()
      box.world.pilot = 'B'
      box.world.extras.boardRelay = 'closed'
      box.run(3000)
      expect(kindsSince(box, from)).toEqual([])
      expect(box.faults()).toEqual([])
      box.run(50)
      expect(box.faults()).toEqual(['CONTACTOR_WELDED'])
    },
  },
  {
    fact: 'any state → A, E or F, and unplugging',
    figure: 'contactor open at once (100 ms)',
    source: 'IEC 61851-1 Table A.6 seq. 2.1, 2.2; EVerest IECStateMachine.cpp',
    acts: 'board',
    board: 'opens by itself',
    agent:
      'withdraws the offer in the step of the reading, so that the next car starts without one; current 3 s later is a weld',
    check: () => {
      for (const pilot of ['A', 'E', 'F'] as const) {
        const box = charging()
        const from = box.at()
        box.world.pilot = pilot
        box.world.drawsMilliamps = 9000
        box.run(50)
        expect(since(box, from), pilot).toEqual([[0, 'pause']])
        box.run(5000)
        expect(box.faults(), pilot).toContain('CONTACTOR_WELDED')
      }
    },
  },
  {
    fact: 'B → C with PWM: the car closes S2',
    figure: 'contactor closed within 3 s, if released',
    source: 'IEC 61851-1 Table A.6 seq. 4',
    acts: 'both',
    board: 'closes its contactor',
    agent: 'has its release contactor closed before the offer is told, so that nothing of ours is waited for',
    check: () => {
      const box = permitted({ site: RELEASE })
      const from = box.at()
      box.run(1000)
      expect(kindsSince(box, from)).toEqual(['closeRelease', 'offer'])
      expect(box.world.extras.release.closed).toBe(true)
    },
  },
  {
    fact: 'PWM removed in C2',
    figure: 'the car has 3 s; still in C1 after 6 s: opened under load, counted as wear',
    source: 'IEC 61851-1 Table A.6 seq. 10.2; EVerest power_off_under_load_in_c1_timeout, SmartEVSE C1Timer',
    acts: 'both',
    board: 'some open in C1 by themselves',
    agent: 'opens 6 s after the pause by what it has (release contactor, dead-man) and counts the overrun',
    check: () => {
      const box = charging()
      box.world.drawsMilliamps = 9000
      box.world.limitMilliamps = 0
      const from = box.at()
      box.run(6000)
      expect(kindsSince(box, from)).toEqual(['pause'])
      expect(box.state().wear.c1Overruns).toBe(0)
      box.run(50)
      expect(kindsSince(box, from)).toEqual(['pause', 'releaseDeadman'])
      expect(box.state().wear.c1Overruns).toBe(1)
    },
  },
  {
    fact: 'lock of the plug',
    figure:
      'shut in B or latest C; open in A, in E at once, in F after 5 s, only with the contactor confirmed open',
    source: 'IEC 61851-1; EVerest IECStateMachine (unlock_in_state_f_timeout), openWB socket.py',
    acts: 'both',
    board: 'some drive the motor and tell its feedback',
    agent: 'offers nothing before the lock is confirmed; retries each 5 s, at most 10 moves in 60 s',
    check: () => {
      const box = charging({ site: SOCKET })
      const kinds = kindsSince(box, 0)
      expect(kinds.indexOf('lock')).toBeLessThan(kinds.indexOf('offer'))
      const from = box.at()
      box.world.pilot = 'F'
      box.run(5000)
      expect(kindsSince(box, from)).not.toContain('unlock')
      box.run(100)
      expect(kindsSince(box, from)).toContain('unlock')
      const short = charging({ site: SOCKET })
      const at = short.at()
      short.world.pilot = 'E'
      short.world.drawsMilliamps = 0
      short.run(1100)
      expect(kindsSince(short, at)).toContain('unlock')
    },
  },
  {
    fact: 'contactor against its feedback',
    figure: 'compared 200 ms after off (Phoenix 4007)',
    source: 'EVerest hardware-architecture.rst; Phoenix 4006, 4007',
    acts: 'both',
    board: 'some compare by themselves and report',
    agent:
      'mirror contact 500 ms after the confirmed order, register, current or voltage 3 s after: latched, the lock stays shut',
    check: () => {
      const box = charging({ site: RELEASE })
      box.world.extras.release.welded = true
      box.world.permission = null
      box.world.pilot = 'B'
      box.run(600)
      expect(box.faults()).toEqual(['CONTACTOR_WELDED'])
      box.world.pilot = 'A'
      box.run(60_000)
      expect(box.faults()).toEqual(['CONTACTOR_WELDED'])
    },
  },
  {
    fact: 'over-current by the car',
    figure: 'above 105 % 1000 s, 110 % 100 s, 120 % 10 s',
    source: 'ABL Modbus API 0x06',
    acts: 'both',
    board: 'an ABL pauses by itself',
    agent:
      'the same curve on the meter’s word, with half an ampere left to it: paused, then opened (CAR_TAKES_MORE)',
    check: () => {
      expect(OVERLOAD_CURVE.map(({ percent, forMs }) => `${percent} ${forMs}`)).toEqual([
        '120 10000',
        '110 100000',
        '105 1000000',
      ])
      const box = charging()
      box.world.drawsMilliamps = 20_000
      box.run(9000)
      expect(box.faults()).toEqual([])
      box.run(3000)
      expect(box.faults()).toEqual(['CAR_TAKES_MORE'])
    },
  },
  {
    fact: 'wear',
    figure: 'closings, openings under load, welds',
    source: 'derived: no public board counts them',
    acts: 'agent',
    board: null,
    agent: 'counts what it sees',
    check: () => {
      const box = charging()
      expect(box.state().wear).toEqual({ closings: 1, c1Overruns: 0, welds: 0 })
    },
  },
  {
    fact: 'residual direct current',
    figure: '6 mA; latched until reset and replug; tested before each session or periodically',
    source: 'IEC 62955; iocharger.com, TI TIDUF03',
    acts: 'both',
    board: 'trips by itself, or a device beside it does',
    agent:
      'withdraws until the plug is out and the device is reset (RESIDUAL_CURRENT); self-test at the start, after each charge, daily',
    check: () => {
      const box = charging()
      box.world.errors = ['residualCurrentTripped']
      box.run(50)
      box.world.errors = []
      box.run(60_000)
      expect(box.faults()).toEqual(['RESIDUAL_CURRENT'])
      const tested = rig({ facts: { ...PLAIN_BOARD, hasSelfTest: true } })
      tested.charge()
      const kinds = kindsSince(tested, 0)
      expect(kinds).toContain('startSelfTest')
      expect(kinds).not.toContain('offer')
      tested.run(30_000)
      expect(tested.offered()).toBe(16_000)
    },
  },
  {
    fact: 'division of labour',
    figure: 'opening on pilot, residual current, loss of PE: hardware, without the computer',
    source: 'IEC 61851-1; EVerest hardware-architecture.rst',
    acts: 'board',
    board: 'opens whatever the agent does; its contactor is closed by no command of ours',
    agent:
      'has no command that closes the board’s contactor; its own release contactor counts only in series (RELEASE_UNPROVED)',
    check: () => {
      const box = rig({ site: { ...PLAIN_SITE, release: { inSeries: 'unproved', hasMirror: true } } })
      box.charge()
      expect(box.faults()).toEqual(['RELEASE_UNPROVED'])
      expect(kindsSince(box, 0)).not.toContain('closeRelease')
      const earth = charging()
      earth.world.errors = ['protectiveEarthMissing']
      earth.run(50)
      expect(earth.faults()).toEqual(['PROTECTIVE_EARTH_MISSING'])
      expect(earth.offered()).toBe(0)
    },
  },
]
