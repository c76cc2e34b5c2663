// The driver of the EPC 2.0 Plus over hw-sim's, a real port and real line times.
import { describe } from 'vitest'
import { boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'viridian-epc2-plus'

describe(ID, () => {
  boardContract(() => boardOnBus(ID))
})
