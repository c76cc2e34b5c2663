// Requests to frames and frames to values, by modbus-serial. It is given a port of ours that is no port: it only takes
// the bytes that modbus-serial wants to send and hands it back the one frame that `wire.ts` has already judged to be
// the reply. So modbus-serial never sees the line. Its known defects (a late reply answers the next request for ever; a
// buffer that is never flushed; no end of waiting without its own timer) have no way in.
import { EventEmitter } from 'node:events'
import modbus from 'modbus-serial'
import { invariant } from '../../../../shared/invariant.ts'
import { err, ok, type Result } from '../../../../shared/result.ts'
import type { BitsFc, WordsFc } from '../../ports/bus.ts'

// modbus-serial is CommonJS with an `exports.default`: the plain default import is not constructable under ESM.
const ModbusRTU = modbus.default

export type BusRequest =
  | { readonly kind: 'readWords'; readonly fc: WordsFc; readonly address: number; readonly count: number }
  | { readonly kind: 'readBits'; readonly fc: BitsFc; readonly address: number; readonly count: number }
  | { readonly kind: 'writeWord'; readonly address: number; readonly value: number }
  | { readonly kind: 'writeWords'; readonly address: number; readonly values: readonly number[] }
  | { readonly kind: 'writeCoil'; readonly address: number; readonly value: boolean | number }

export type BusValue =
  | { readonly kind: 'words'; readonly words: readonly number[] }
  | { readonly kind: 'bits'; readonly bits: readonly boolean[] }
  | { readonly kind: 'written' }

export type DecodeFailure =
  | { readonly kind: 'exception'; readonly code: number }
  | { readonly kind: 'badReply'; readonly detail: string }

export interface Codec {
  /** The frame of a request, CRC included. The reply to be decoded next is the one to this request. */
  encode(unitId: number, request: BusRequest): Buffer
  /** The value in a frame that is the reply (or exception) to the request encoded last. */
  decode(reply: Buffer): Result<BusValue, DecodeFailure>
}

export function modbusCodec(): Codec {
  let sent: Buffer | null = null
  let came: Result<BusValue, DecodeFailure> | null = null
  const port = Object.assign(new EventEmitter(), {
    isOpen: true,
    open: (opened: (failure: null) => void) => opened(null),
    close: (closed?: () => void) => closed?.(),
    write: (bytes: Buffer) => {
      sent = bytes
    },
  })
  const client = new ModbusRTU(port)
  client.open()

  const settle =
    <T>(value: (reply: T) => BusValue) =>
    (failure: unknown, reply: T) => {
      came = failure ? err(decodeFailure(failure)) : ok(value(reply))
    }
  const written = settle<unknown>(() => ({ kind: 'written' }))

  function ask(unitId: number, request: BusRequest) {
    switch (request.kind) {
      case 'readWords': {
        const words = settle<{ data: number[] }>((reply) => ({ kind: 'words', words: reply.data }))
        if (request.fc === 3) client.writeFC3(unitId, request.address, request.count, words)
        else client.writeFC4(unitId, request.address, request.count, words)
        return
      }
      case 'readBits': {
        // modbus-serial pads bits to whole bytes.
        const bits = settle<{ data: boolean[] }>((reply) => ({
          kind: 'bits',
          bits: reply.data.slice(0, request.count),
        }))
        if (request.fc === 1) client.writeFC1(unitId, request.address, request.count, bits)
        else client.writeFC2(unitId, request.address, request.count, bits)
        return
      }
      case 'writeWord':
        client.writeFC6(unitId, request.address, request.value, written)
        return
      case 'writeWords':
        client.writeFC16(unitId, request.address, [...request.values], written)
        return
      case 'writeCoil':
        if (typeof request.value === 'boolean') {
          client.writeFC5(unitId, request.address, request.value, written)
        } else {
          // writeFC5 knows on and off only; a device's own value goes the way of custom functions.
          client.writeCustomFC(
            unitId,
            5,
            [...bigEndian(request.address), ...bigEndian(request.value)],
            written,
          )
        }
    }
  }

  return {
    encode(unitId, request) {
      sent = null
      came = null
      ask(unitId, request)
      invariant(sent !== null, 'modbus-serial wrote no frame')
      return sent
    },
    decode(reply) {
      came = null
      port.emit('data', reply)
      return (
        came ?? err({ kind: 'badReply', detail: `modbus-serial took ${reply.toString('hex')} for nothing` })
      )
    },
  }
}

const bigEndian = (word: number): readonly [number, number] => [(word >> 8) & 0xff, word & 0xff]

/** modbus-serial's errors are of several shapes; an exception of the device is the one with `modbusCode`. */
function decodeFailure(failure: unknown): DecodeFailure {
  if (typeof failure === 'object' && failure !== null) {
    if ('modbusCode' in failure && typeof failure.modbusCode === 'number') {
      return { kind: 'exception', code: failure.modbusCode }
    }
    if ('message' in failure) return { kind: 'badReply', detail: String(failure.message) }
  }
  return { kind: 'badReply', detail: String(failure) }
}
