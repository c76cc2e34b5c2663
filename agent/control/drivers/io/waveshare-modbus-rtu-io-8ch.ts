// Waveshare Modbus RTU IO 8CH: eight inputs for dry contacts, read as discrete inputs in one request.
// waveshare.com/wiki/Modbus_RTU_IO_8CH; test/facts/registers.json, "waveshare-modbus-rtu-io-8ch". Its outputs are not used:
// none of them ends by itself. How late it answers is no figure of the vendor's: ours, to be measured.
import { ok } from '../../../../shared/result.ts'
import { bitsReplyBytes, SHORT_FRAME_BYTES } from '../bus/line-time.ts'
import type { InputDriver } from '../driver.ts'
import { coil } from '../table.ts'

const inputs = coil(0, 'inputs', '', { fc: 2, count: 8 })

export const waveshareModbusRtuIo8ch: InputDriver = {
  id: 'waveshare-modbus-rtu-io-8ch',
  line: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 20, latenessWorstMs: 200 },
  rows: [inputs],
  turns: {
    read: {
      name: 'inputs, 8 bits',
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: bitsReplyBytes(inputs.count),
    },
  },
  create({ name, bus, unitId }) {
    const unit = bus.unit({ name, unitId, line: waveshareModbusRtuIo8ch.line })
    return {
      name,
      channels: inputs.count,
      async read() {
        // Before the meter, and behind the board: its turn is what the reaction bound is about.
        const read = await unit.readBits(2, inputs.address, inputs.count, 'offer')
        if (!read.ok) return read
        const { value: closed, takenAtMonotonicMs } = read.value
        return ok({ closed, takenAtMonotonicMs })
      },
    }
  },
}
