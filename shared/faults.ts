// The closed vocabulary of faults: one row a fault. docs/safety/faults.md is this table for people; a test holds table,
// page and covering tests together. The raiser clears; a latched fault waits for a person.

export interface FaultRow {
  readonly code: string
  /** Stays until a person clears it, also over restarts. */
  readonly latched: boolean
  /** While it stands no current is offered. */
  readonly withdraws: boolean
  readonly means: string
  readonly clears: string
  /** OCPP 1.6 ChargePointErrorCode. */
  readonly ocpp16: string
  /** OCPP 2.0.1 component and variable of the event. */
  readonly ocpp201: { readonly component: string; readonly variable: string }
  readonly source: string
  /** Path of the covering test below test/, whose test names hold the code. */
  readonly test: string
}

const PROBLEM = 'Problem'

export const FAULTS = [
  {
    code: 'BOARD_LOST',
    latched: false,
    withdraws: true,
    means: 'The EVSE board does not answer. Its dead-man ends the current.',
    clears: 'By itself, when the board answers again.',
    ocpp16: 'EVCommunicationError',
    ocpp201: { component: 'Controller', variable: PROBLEM },
    source: 'design: the bus',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'BUS_LOST',
    latched: false,
    withdraws: true,
    means: 'The serial port is missing or vanished.',
    clears: 'By itself, when the port opens and the board answers again.',
    ocpp16: 'InternalError',
    ocpp201: { component: 'Controller', variable: 'BusProblem' },
    source: 'design: the bus',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'DEADMAN_LOST',
    latched: false,
    withdraws: true,
    means: 'The relay that holds the board in service does not answer, or the board does not follow it.',
    clears: 'By itself, when the relay answers and the board follows it again.',
    ocpp16: 'InternalError',
    ocpp201: { component: 'Controller', variable: 'DeadmanProblem' },
    source: 'design: dead-man',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'DEADMAN_TOO_HIGH',
    latched: false,
    withdraws: true,
    means: 'What the board offers when nobody talks to it is above the lowest of the fixed limits.',
    clears:
      'By the installer: a lower fallback current set at the board, then a new start of the agent. A limit that was entered too low is raised only as docs/safety/hazards.md tells.',
    ocpp16: 'InternalError',
    ocpp201: { component: 'Controller', variable: 'FallbackCurrent' },
    source: 'design: I_deadman',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'BOARD_CONFIGURATION',
    latched: false,
    withdraws: true,
    means:
      "A retentive setting of the board is not what the wiring needs, and the boot's write budget is used up.",
    clears: 'When the setting reads back as needed.',
    ocpp16: 'InternalError',
    ocpp201: { component: 'Controller', variable: 'Configuration' },
    source: 'registers: Phoenix 4000, 4001',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'PILOT_FAULT',
    latched: false,
    withdraws: true,
    means:
      'The control pilot is in state E or the board reports an invalid pilot: short circuit, or no pilot at all.',
    clears: 'By itself, when the pilot is A, B or C.',
    ocpp16: 'EVCommunicationError',
    ocpp201: { component: 'ControlPilot', variable: PROBLEM },
    source: 'IEC 61851-1 Table A.4, state E',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'BOARD_UNAVAILABLE',
    latched: false,
    withdraws: true,
    means: 'The board holds the pilot in state F although it is released.',
    clears: 'By itself, when the pilot leaves F.',
    ocpp16: 'OtherError',
    ocpp201: { component: 'ControlPilot', variable: 'Unavailable' },
    source: 'IEC 61851-1 Table A.4, state F',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'VENTILATION_NEEDED',
    latched: false,
    withdraws: true,
    means: 'The car asks for ventilation (state D), which this box does not have.',
    clears: 'When the pilot leaves D.',
    ocpp16: 'OtherError',
    ocpp201: { component: 'ControlPilot', variable: 'VentilationNeeded' },
    source: 'IEC 61851-1 Table A.4, state D',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'DIODE_MISSING',
    latched: false,
    withdraws: true,
    means: "The car's pilot circuit has no diode: this is no car.",
    clears: 'When the plug is out.',
    ocpp16: 'EVCommunicationError',
    ocpp201: { component: 'ControlPilot', variable: 'DiodeMissing' },
    source: 'registers: Phoenix 24025 n13',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'CABLE_INVALID',
    latched: false,
    withdraws: true,
    means: 'The proximity contact is shorted, or its value is none of the standard.',
    clears: 'When the plug is out.',
    ocpp16: 'ConnectorLockFailure',
    ocpp201: { component: 'Connector', variable: 'ProximityProblem' },
    source: 'registers: Phoenix 24001 FFFF, 24025 n3',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'CONTACTOR_WELDED',
    latched: true,
    withdraws: true,
    means: 'The board reports a contactor fault, or current flows with the contactor commanded open.',
    clears: 'By a technician, after the contactor was replaced and the test passed.',
    ocpp16: 'PowerSwitchFailure',
    ocpp201: { component: 'Contactor', variable: PROBLEM },
    source: 'registers: Phoenix 24025 n12',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'RESIDUAL_CURRENT',
    latched: false,
    withdraws: true,
    means: 'The residual current device tripped, or its self-test failed.',
    clears: 'When the plug is out and the board reports it no more.',
    ocpp16: 'GroundFailure',
    ocpp201: { component: 'RCD', variable: 'Tripped' },
    source: 'registers: Phoenix 24025 n15, n16',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'UNPERMITTED_CURRENT',
    latched: false,
    withdraws: true,
    means: 'Current flows although no permission is held.',
    clears: 'When no current has flowed for 10 s.',
    ocpp16: 'PowerSwitchFailure',
    ocpp201: { component: 'EVSE', variable: 'UnpermittedCurrent' },
    source: 'design: two processes',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'CAR_TAKES_MORE',
    latched: false,
    withdraws: true,
    means: 'The car draws more than it is offered, 7 s after it was told.',
    clears: 'When the plug is out.',
    ocpp16: 'OverCurrentFailure',
    ocpp201: { component: 'EVSE', variable: 'Overcurrent' },
    source: 'design: load groups, freeing',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'METER_LOST',
    latched: false,
    withdraws: true,
    means: 'The meter does not answer. What is not measured is not sold.',
    clears: 'By itself, when the meter answers again.',
    ocpp16: 'PowerMeterFailure',
    ocpp201: { component: 'FiscalMetering', variable: PROBLEM },
    source: 'design: honest energy',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'METER_IMPLAUSIBLE',
    latched: false,
    withdraws: true,
    means:
      'The meter answered with a value that cannot be: not a number, out of range, or a sum that does not fit.',
    clears: 'By itself, after three plausible readings in a row.',
    ocpp16: 'PowerMeterFailure',
    ocpp201: { component: 'FiscalMetering', variable: 'Implausible' },
    source: 'design: honest energy',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'METER_FROZEN',
    latched: false,
    withdraws: true,
    means: 'The register does not move although current flows.',
    clears: 'When the register moves again, or the plug is out.',
    ocpp16: 'PowerMeterFailure',
    ocpp201: { component: 'FiscalMetering', variable: 'Frozen' },
    source: 'design: honest energy',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'METER_WENT_BACK',
    latched: true,
    withdraws: true,
    means: "The register went back by more than the meter's own power-loss resolution.",
    clears: 'By a technician, who looks at the meter.',
    ocpp16: 'PowerMeterFailure',
    ocpp201: { component: 'FiscalMetering', variable: 'WentBack' },
    source: 'design: honest energy',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'METER_REPLACED',
    latched: false,
    withdraws: false,
    means:
      'Another meter answers: its serial number changed. The running transaction was closed at the old register.',
    clears: 'When keeper has begun a new epoch for the new meter.',
    ocpp16: 'PowerMeterFailure',
    ocpp201: { component: 'FiscalMetering', variable: 'Replaced' },
    source: 'design: honest energy',
    test: 'agent/control/safety/faults.test.ts',
  },
  {
    code: 'INSTALLATION_LOST',
    latched: true,
    withdraws: true,
    means: 'Both copies of the installation record are missing or damaged. No new charging.',
    clears: 'By commissioning.',
    ocpp16: 'InternalError',
    ocpp201: { component: 'Installation', variable: PROBLEM },
    source: 'design: durability',
    test: 'agent/keeper/store/installation.test.ts',
  },
  {
    code: 'STORE_UNWRITABLE',
    latched: false,
    withdraws: false,
    means: 'The disk is full or read-only. Running charges go on; new ones are refused.',
    clears: 'By itself, when a commit succeeds again.',
    ocpp16: 'InternalError',
    ocpp201: { component: 'Controller', variable: 'StoreProblem' },
    source: 'design: durability',
    test: 'agent/keeper/store/unwritable.test.ts',
  },
] as const satisfies readonly FaultRow[]

export type FaultCode = (typeof FAULTS)[number]['code']

/** Faults of one car or cable: they stand until the plug is out, even where the board tells them no more. */
export const UNTIL_UNPLUGGED: readonly FaultCode[] = [
  'DIODE_MISSING',
  'CABLE_INVALID',
  'RESIDUAL_CURRENT',
  'CAR_TAKES_MORE',
]

/** Does not go because the power did: keeper remembers it for control. */
export const outlastsPower = (code: FaultCode): boolean =>
  faultRow(code).latched || UNTIL_UNPLUGGED.includes(code)

/** The row of a code. Total: the code is one of the table. */
export function faultRow(code: FaultCode): FaultRow {
  const row = FAULTS.find((candidate) => candidate.code === code)
  if (!row) throw new RangeError(`no fault has the code ${code}`)
  return row
}
