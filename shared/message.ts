// Words for people: a key with values, translated where it is shown. Cores never make a sentence.

/** A sentence by its key; the values fill its gaps. Keys are listed in `shared/words.ts`, in each language. */
export interface Message {
  readonly key: MessageKey
  readonly values: Readonly<Record<string, string | number>>
}

export const MESSAGE_KEYS = [
  'limit.installation',
  'limit.installationMissing',
  'limit.board',
  'limit.cable',
  'limit.temperature',
  'limit.temperatureUnknown',
  'limit.gridRelay',
  'limit.schedule',
  'limit.scheduleIdle',
  'limit.scheduleTimeUnknown',
  'limit.user',
  'limit.profile',
  'limit.missing',
  'limit.belowMinimum',
  'limit.noPermission',
  'limit.fault',
  'wait.noCar',
  'wait.carNotReady',
  'wait.stopped',
  'wait.controlLost',
  'wait.starting',
  'wait.token',
  'touch.unknown',
  'touch.otherSession',
  // Bill lines: {band}; and why a transaction is not billed.
  'bill.energy',
  'bill.energyInterpolated',
  'bill.noStartRegister',
  'bill.noEndRegister',
  'bill.registerWentBack',
  'bill.timeWentBack',
  'bill.meterReplaced',
  'bill.timeImplausible',
  'bill.spanTooLong',
  'bill.failed',
  'bill.noTariff',
  'bill.noBand',
] as const
export type MessageKey = (typeof MESSAGE_KEYS)[number]

export const message = (key: MessageKey, values: Message['values'] = {}): Message => ({ key, values })
