// Waveshare Modbus RTU Relay, 8 channels, as the dead-man of a board that has none. waveshare.com/wiki/Modbus_RTU_Relay;
// test/facts/registers.json, "waveshare-modbus-rtu-relay-8ch". No communication watchdog of its own, but "flash on":
// a relay goes on for a time that is given in the request, and off by itself. Whether a new flash-on extends one that
// runs is unverified: commissioning proves it. The contacts are for control circuits only (input XR of the board).
// How late it answers is no figure of the vendor's: ours, to be measured.
import { invariant } from '../../../../shared/invariant.ts'
import { ok } from '../../../../shared/result.ts'
import type { Outcome } from '../../ports/bus.ts'
import { SHORT_FRAME_BYTES } from '../bus/line-time.ts'
import type { DeadmanDriver } from '../driver.ts'
import { coil, coilValue } from '../table.ts'

const relays = coil(0x0000, 'relays', '', { count: 8 })
const flashOn = coilValue(0x0200, 'flashOn', 'ms', { count: 8, scale: 100 })

/** One hold. The loop refreshes it each 0.5 s. */
const HOLD_MS = 2000

export const waveshareModbusRtuRelay8ch: DeadmanDriver = {
  id: 'waveshare-modbus-rtu-relay-8ch',
  line: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 20, latenessWorstMs: 200 },
  rows: [relays, flashOn],
  turns: { hold: { name: 'flash on', requestBytes: SHORT_FRAME_BYTES, replyBytes: SHORT_FRAME_BYTES } },
  create({ name, bus, unitId, channel }) {
    invariant(channel >= 1 && channel <= relays.count, `relay channels are 1-8, got ${channel} for ${name}`)
    const unit = bus.unit({ name, unitId, line: waveshareModbusRtuRelay8ch.line })
    const done = (outcome: Outcome<null>) => (outcome.ok ? ok(null) : outcome)
    return {
      name,
      holdMs: HOLD_MS,
      hold: async () =>
        done(await unit.writeCoil(flashOn.address + channel - 1, HOLD_MS / flashOn.scale, 'hold')),
      release: async () => done(await unit.writeCoil(relays.address + channel - 1, false, 'withdraw')),
    }
  },
}
