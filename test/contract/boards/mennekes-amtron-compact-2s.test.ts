// The driver of the mennekes-amtron-compact-2s over hw-sim's, a real port and real line times.
import { describe } from 'vitest'
import { boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'mennekes-amtron-compact-2s'

describe(ID, () => {
  boardContract(() => boardOnBus(ID))
})
