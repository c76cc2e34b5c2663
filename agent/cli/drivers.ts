// The drivers that a configuration may name, with what its rules must know of them.
import { amps, type MilliAmps } from '../../shared/units.ts'

export type DriverRole = 'board' | 'meter' | 'relay' | 'inputs'

export interface KnownDriver {
  readonly id: string
  readonly role: DriverRole
  /** Maker and model, in words. */
  readonly device: string
  /** Boards: the most that the board can offer. */
  readonly currentMaxMilliamps?: MilliAmps
  /**
   * Boards: what ends the current when nobody talks to it. `own`: its watchdog. Else a relay of ours, which holds its
   * release input or its supply.
   */
  readonly deadman?: 'own' | 'release' | 'supply'
  /** Boards: what they do with the plug's lock; absent: nothing. As `BoardFacts.lock`. */
  readonly lock?: 'commanded' | 'confirmed'
  /** Relays and inputs: channels 1 to this. */
  readonly channels?: number
}

export const DRIVERS: readonly KnownDriver[] = [
  {
    id: 'phoenix-ev-cc-ac1-m3-rtu',
    role: 'board',
    device: 'Phoenix Contact EV-CC-AC1-M3 (RS-485)',
    // Vendor's register 22000: 6 to 63 A.
    currentMaxMilliamps: amps(63),
    deadman: 'release',
  },
  {
    id: 'heidelberg-energy-control',
    role: 'board',
    device: 'Heidelberg Energy Control and its clones (RS-485)',
    // Vendor's register 261: 60 to 160 tenths of an ampere.
    currentMaxMilliamps: amps(16),
    deadman: 'own',
  },
  {
    id: 'evracing-evse-din',
    role: 'board',
    device: 'EVRacing EVSE-WB or EVSE-DIN (SimpleEVSE)',
    // Register 1000: up to 80 A.
    currentMaxMilliamps: amps(80),
    deadman: 'supply',
  },
  {
    id: 'viridian-epc2-plus',
    role: 'board',
    device: 'Viridian EVSE EPC 2.0 Plus (OBO ION basic)',
    // Vendor's register 6: 6 to 32 A.
    currentMaxMilliamps: amps(32),
    deadman: 'own',
    lock: 'commanded',
  },
  {
    id: 'abl-emh1',
    role: 'board',
    device: 'ABL eMH1, eMH2, eMH3 (Modbus ASCII, RS-485)',
    // The controllers are built for 32 A at most; its register would take more.
    currentMaxMilliamps: amps(32),
    deadman: 'own',
  },
  {
    id: 'keba-p30',
    role: 'board',
    device: 'KEBA KeContact P30, c-series and x-series (Modbus TCP)',
    // Vendor's register 5004: 6 to 63 A.
    currentMaxMilliamps: amps(63),
    deadman: 'own',
    lock: 'confirmed',
  },
  {
    id: 'mennekes-amtron-compact-2s',
    role: 'board',
    device: 'Mennekes AMTRON Compact 2.0(s), Start 2.0s (RS-485)',
    // Vendor's register 0x0302: 6 to 32 A.
    currentMaxMilliamps: amps(32),
    deadman: 'own',
  },
  { id: 'eastron-sdm630-v2', role: 'meter', device: 'Eastron SDM630 Modbus v2' },
  {
    id: 'waveshare-modbus-rtu-relay-8ch',
    role: 'relay',
    device: 'Waveshare Modbus RTU Relay, 8 channels',
    channels: 8,
  },
  {
    id: 'waveshare-modbus-rtu-io-8ch',
    role: 'inputs',
    device: 'Waveshare Modbus RTU IO 8CH, its inputs',
    channels: 8,
  },
]

export const driverById = (id: string): KnownDriver | undefined => DRIVERS.find((driver) => driver.id === id)
