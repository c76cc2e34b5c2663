// The grid operator's relay (§14a EnWG): while its contact asks for it the box takes no more than a stated power. The last
// state that was read holds; losing the input while it limits never releases.
import type { Watts } from '../../../shared/units.ts'
import type { Sighted } from '../ports/io.ts'

export interface GridRelayInput {
  /** What is allowed while the relay limits: 4.2 kW. */
  readonly limitWatts: Watts
  /** The contact asks for the limit (polarity is the shell's); null before its first reading. */
  readonly limits: Sighted<boolean> | null
}
