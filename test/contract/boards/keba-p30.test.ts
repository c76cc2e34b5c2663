// The driver of the KEBA P30 over hw-sim's, by Modbus TCP.
import { describe } from 'vitest'
import { boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'keba-p30'

describe(ID, () => {
  boardContract(() => boardOnBus(ID, { cable: 'socket' }), [[0x40000, 'internalFault']])
})
