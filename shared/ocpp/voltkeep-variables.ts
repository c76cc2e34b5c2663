// Components and variables of our own that a server may read and set over OCPP 2.0.1, where the standard has no word.
// Numbers are integers of the unit in the name. The binding limit is in voltkeep-data.ts.

/** ReadWrite: the JSON of a schedule without its version (shared/tariff/schedule.ts), `null` for none; at most 1,000 characters. */
export const SCHEDULE_COMPONENT = 'VoltkeepSchedule'
export const SCHEDULE_VARIABLE = 'Windows'
/** ReadOnly: rises with every schedule that was set; 0 for none. */
export const SCHEDULE_VERSION_VARIABLE = 'Version'

/** ReadOnly: what was commissioned. Empty texts before commissioning. */
export const INSTALLATION_COMPONENT = 'VoltkeepInstallation'
export const INSTALLATION_VARIABLES = ['LimitMilliamps', 'PhasesWired', 'Version', 'CommissionedBy'] as const

/** ReadOnly: the driver's override of the schedule. */
export const OVERRIDE_COMPONENT = 'VoltkeepOverride'
export const OVERRIDE_VARIABLE = 'Active'
