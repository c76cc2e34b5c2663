// The part of agent.yaml that says what is wired to the IO modules: contacts and relays by their purpose.
import { z } from 'zod'
import {
  busName,
  channel,
  contact,
  driverName,
  duration,
  moduleName,
  power,
  unitId,
  yesOrNo,
} from './config-leaves.ts'

export const DEVICE = { driver: driverName.schema, bus: busName.schema, unit: unitId.schema }

const point = { module: moduleName.schema, channel: channel.schema }
const input = z.strictObject({ ...point, activeWhen: contact.schema })

export const IO = z.strictObject({
  modules: z.array(z.strictObject({ name: moduleName.schema, ...DEVICE })).optional(),
  lock: z
    .strictObject({
      close: z.strictObject(point),
      open: z.strictObject(point),
      pulse: duration.schema.optional(),
      feedback: input.optional(),
    })
    .optional(),
  release: z
    .strictObject({
      ...point,
      inSeriesWithHardware: yesOrNo.schema,
      mirror: input.optional(),
    })
    .optional(),
  residualCurrent: input.optional(),
  gridLimit: z
    .strictObject({ ...point, activeWhen: contact.schema, power: power.schema.optional() })
    .optional(),
  stopButton: input.optional(),
})
export type IoFile = z.infer<typeof IO>

const INPUT = 'module, channel and activeWhen'

/** What belongs at each path; see config-shape.ts. */
export const IO_SECTIONS: Readonly<Record<string, string>> = {
  io: 'what is wired to the IO modules: modules, lock, release, residualCurrent, gridLimit and stopButton',
  'io.modules': 'a list of IO modules, each with name, driver, bus and unit',
  'io.modules[]': 'an IO module: name, driver, bus and unit',
  'io.lock': "the motor of the plug's lock: close, open, and where they are wired pulse and feedback",
  'io.lock.close': 'the relay that locks: module and channel',
  'io.lock.open': 'the relay that unlocks: module and channel',
  'io.lock.feedback': `the contact that tells that the plug is locked: ${INPUT}`,
  'io.release': 'the release contactor: module, channel, inSeriesWithHardware, and where it is wired mirror',
  'io.release.mirror': `the contact that tells that the contactor is closed: ${INPUT}`,
  'io.residualCurrent': `the contact that tells that the residual current monitor has tripped: ${INPUT}`,
  'io.gridLimit': `the grid operator's contact that asks for the limit: ${INPUT}, and where it differs power`,
  'io.stopButton': `the stop button: ${INPUT}`,
}
