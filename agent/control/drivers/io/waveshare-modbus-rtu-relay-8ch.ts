// Waveshare Modbus RTU Relay, 8 channels: the dead-man of a board that has none, and relays for whatever else is wired to
// it. waveshare.com/wiki/Modbus_RTU_Relay; test/facts/registers.json, "waveshare-modbus-rtu-relay-8ch". No communication
// watchdog of its own, but "flash on": a relay goes on for a time that is given in the request, and off by itself. Whether
// a new flash-on extends one that runs is unverified: commissioning proves it. The contacts are for control circuits only
// (input XR of the board, the coil of a contactor, the motor of a lock).
// How late it answers is no figure of the vendor's: ours, to be measured.
import { invariant } from '../../../../shared/invariant.ts'
import { ok } from '../../../../shared/result.ts'
import type { Deadman } from '../../ports/board.ts'
import type { Outcome } from '../../ports/bus.ts'
import { SHORT_FRAME_BYTES } from '../bus/line-time.ts'
import type { DeadmanDriver, Place } from '../driver.ts'
import { coil, coilValue } from '../table.ts'

const relays = coil(0x0000, 'relays', '', { count: 8 })
const flashOn = coilValue(0x0200, 'flashOn', 'ms', { count: 8, scale: 100 })

/** One hold. It is refreshed each 0.5 s. */
const HOLD_MS = 2000
/** A flash-on of a word's length would be longer than anything that may go on by itself. */
const PULSE_MAX_MS = 60_000

export const waveshareModbusRtuRelay8ch: DeadmanDriver = {
  id: 'waveshare-modbus-rtu-relay-8ch',
  line: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 20, latenessWorstMs: 200 },
  rows: [relays, flashOn],
  turns: { hold: { name: 'flash on', requestBytes: SHORT_FRAME_BYTES, replyBytes: SHORT_FRAME_BYTES } },
  create: ({ channel, ...place }) => createModule(place).deadman(channel),
  createModule,
}

function createModule({ name, bus, unitId }: Place): ReturnType<DeadmanDriver['createModule']> {
  const unit = bus.unit({ name, unitId, line: waveshareModbusRtuRelay8ch.line })
  const done = (outcome: Outcome<null>) => (outcome.ok ? ok(null) : outcome)
  /** The channel's place in the table, from 0. */
  const at = (channel: number) => {
    invariant(channel >= 1 && channel <= relays.count, `relay channels are 1-8, got ${channel} for ${name}`)
    return channel - 1
  }
  const open = async (channel: number) =>
    done(await unit.writeCoil(relays.address + at(channel), false, 'withdraw'))
  const flash = async (channel: number, ms: number, priority: 'hold' | 'offer') =>
    done(await unit.writeCoil(flashOn.address + at(channel), ms / flashOn.scale, priority))
  return {
    name,
    channels: relays.count,
    set: async (channel, closed) =>
      closed ? done(await unit.writeCoil(relays.address + at(channel), true, 'offer')) : open(channel),
    pulse(channel, ms) {
      invariant(
        ms > 0 && ms <= PULSE_MAX_MS && ms % flashOn.scale === 0,
        `a pulse is 100 to ${PULSE_MAX_MS} ms in steps of 100, got ${ms} for ${name}`,
      )
      return flash(channel, ms, 'offer')
    },
    deadman(channel): Deadman {
      at(channel)
      return {
        name,
        holdMs: HOLD_MS,
        hold: () => flash(channel, HOLD_MS, 'hold'),
        release: () => open(channel),
      }
    },
  }
}
