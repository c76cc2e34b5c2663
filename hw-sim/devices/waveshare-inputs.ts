// Waveshare Modbus RTU IO 8CH: eight inputs for dry contacts, read as discrete inputs. Its outputs are not simulated.
// Source: https://www.waveshare.com/wiki/Modbus_RTU_IO_8CH; confidence medium, not seen on a device.
import { answerRequest, type RegisterTable } from './register-table.ts'

export const INPUT_CHANNELS = 8

interface InputsAt {
  /** Contact closed, channel 1 first. */
  readonly closed: readonly boolean[]
}

export const INPUTS_TABLE: RegisterTable<InputsAt> = {
  source: 'https://www.waveshare.com/wiki/Modbus_RTU_IO_8CH',
  functions: [2],
  maxWords: 0,
  rows: [
    {
      name: 'inputs',
      address: 0,
      count: INPUT_CHANNELS,
      reads: [2],
      read: ({ closed }) => Array.from({ length: INPUT_CHANNELS }, (_, channel) => (closed[channel] ? 1 : 0)),
    },
  ],
}

export const answerInputs = (closed: readonly boolean[], pdu: Uint8Array): Uint8Array =>
  answerRequest(INPUTS_TABLE, { closed }, pdu).pdu
