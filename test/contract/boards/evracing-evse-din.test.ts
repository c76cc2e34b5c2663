// The driver of the EVSE-WB/DIN over hw-sim's, a real port and real line times.
import { describe } from 'vitest'
import { boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'evracing-evse-din'

describe(ID, () => {
  boardContract(() => boardOnBus(ID))
})
