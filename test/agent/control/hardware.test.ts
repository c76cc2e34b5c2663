// The pulses of control on a bus in virtual time.
import { expect, test } from 'vitest'
import { openHardware } from '../../../agent/control/hardware.ts'
import type { Board } from '../../../agent/control/ports/board.ts'
import { ok } from '../../../shared/result.ts'
import { amps, milliAmps } from '../../../shared/units.ts'
import { benchBus } from './drivers/bench-bus.ts'
import { PLAIN_BOARD } from './safety/rig.ts'

test.each([0, 100, 200])(
  'a board that asks for %i ms of silence is prepared and offered current between its readings',
  async (silenceMs) => {
    const { clock, bus, bank, sent } = await benchBus()
    for (const address of [1, 2, 3]) bank.words.set(address, 0)
    const unit = bus.unit({
      name: 'board',
      unitId: 1,
      line: { silenceMs, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 250 },
    })
    const fallback = { timeoutMs: 2000, currentMilliamps: milliAmps(0) }
    const board: Board = {
      name: 'board',
      facts: { ...PLAIN_BOARD, deadman: { kind: 'own', fedBy: 'anyRequest', feedMs: 1000 } },
      async prepare() {
        const read = await unit.readWords(3, 2, 2, 'identity')
        return read.ok ? ok({ serial: null, retentiveWrites: 0, fallback }) : read
      },
      async read() {
        const read = await unit.readWords(3, 1, 1, 'board')
        if (!read.ok) return read
        return ok({
          takenAtMonotonicMs: read.value.takenAtMonotonicMs,
          pilot: 'B',
          oscillatorOn: false,
          offeredMilliamps: milliAmps(0),
          proximity: { kind: 'open' },
          errors: [],
        })
      },
      async offer(currentMilliamps) {
        const written = await unit.writeWord(1, currentMilliamps / 1000, 'offer')
        return written.ok ? ok(null) : written
      },
      pause: async () => ok(null),
    }
    const quiet = { info: () => undefined, warn: () => undefined }
    const hardware = openHardware({
      clock,
      log: quiet,
      board,
      boardSilenceMs: silenceMs,
      boardBus: bus,
      deadman: null,
      onTurn: () => undefined,
      mayHold: () => true,
    })
    hardware.start()
    await clock.advance(3 * (silenceMs + 60))
    expect(hardware.prepared()).toBe(true)
    sent()
    hardware.offer(amps(16))
    await clock.advance(2 * (silenceMs + 60))
    expect(sent()).toContain('010600010010')
    hardware.stop()
    await bus.close()
  },
)
