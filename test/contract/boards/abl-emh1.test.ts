// The driver of the ABL eMH1 over hw-sim's, a real port with real line times, by Modbus ASCII.
import { describe } from 'vitest'
import { boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'abl-emh1'
/** Its upstream time-out, and how long it then derates before F4: what a silence test would find. */
const keys = { upstreamTimeoutMs: 3000, derateMs: 2000 }

describe(ID, () => {
  boardContract(
    () => boardOnBus(ID, { keys, deadmanMs: 5000 }),
    [
      [1, 'contactorFault'],
      [2, 'internalFault'],
      [3, 'residualCurrentTripped'],
      [5, 'lockFailed'],
      [6, 'proximityInvalid'],
      [7, 'ventilationRejected'],
      [8, 'pilotInvalid'],
      [9, 'currentExceeded'],
      [10, 'overTemperature'],
      [11, 'contactorFault'],
    ],
  )
})
