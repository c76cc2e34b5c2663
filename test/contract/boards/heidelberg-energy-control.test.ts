// The driver of the heidelberg-energy-control over hw-sim's, a real port and real line times.
import { describe } from 'vitest'
import { boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'heidelberg-energy-control'

describe(ID, () => {
  boardContract(() => boardOnBus(ID))
})
