// Which drivers there are. A new device is one file under drivers/ and one line here.
import type { BoardDriver, DeadmanDriver, InputDriver, MeterDriver } from './drivers/driver.ts'
import { ablEmh1 } from './drivers/evse-boards/abl-emh1.ts'
import { evracingEvseDin } from './drivers/evse-boards/evracing-evse-din.ts'
import { heidelbergEnergyControl } from './drivers/evse-boards/heidelberg-energy-control.ts'
import { kebaP30 } from './drivers/evse-boards/keba-p30.ts'
import { mennekesAmtronCompact2s } from './drivers/evse-boards/mennekes-amtron-compact-2s.ts'
import { phoenixEvCcAc1M3Rtu } from './drivers/evse-boards/phoenix-ev-cc-ac1-m3-rtu.ts'
import { viridianEpc2Plus } from './drivers/evse-boards/viridian-epc2-plus.ts'
import { waveshareModbusRtuIo8ch } from './drivers/io/waveshare-modbus-rtu-io-8ch.ts'
import { waveshareModbusRtuRelay8ch } from './drivers/io/waveshare-modbus-rtu-relay-8ch.ts'
import { eastronSdm630V2 } from './drivers/meters/eastron-sdm630-v2.ts'

interface Registry {
  readonly boards: Readonly<Record<string, BoardDriver>>
  readonly meters: Readonly<Record<string, MeterDriver>>
  /** Relays: those that hold a board in service, and others. */
  readonly io: Readonly<Record<string, DeadmanDriver>>
  readonly inputs: Readonly<Record<string, InputDriver>>
}

export const registry: Registry = {
  boards: {
    'abl-emh1': ablEmh1,
    'heidelberg-energy-control': heidelbergEnergyControl,
    'keba-p30': kebaP30,
    'mennekes-amtron-compact-2s': mennekesAmtronCompact2s,
    'phoenix-ev-cc-ac1-m3-rtu': phoenixEvCcAc1M3Rtu,
    'evracing-evse-din': evracingEvseDin,
    'viridian-epc2-plus': viridianEpc2Plus,
  },
  meters: { 'eastron-sdm630-v2': eastronSdm630V2 },
  io: { 'waveshare-modbus-rtu-relay-8ch': waveshareModbusRtuRelay8ch },
  inputs: { 'waveshare-modbus-rtu-io-8ch': waveshareModbusRtuIo8ch },
}
