import { afterEach, beforeEach, expect, it } from 'vitest'
import { waveshareModbusRtuIo8ch } from '../../../../../agent/control/drivers/io/waveshare-modbus-rtu-io-8ch.ts'
import { withCrc } from '../../../../../shared/modbus/crc.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'

let at: BenchBus
beforeEach(async () => {
  at = await benchBus()
})
afterEach(() => at.bus.close())

it('reads all eight inputs in one request, channel 1 first', async () => {
  at.line.answer = () => [{ bytes: withCrc(Uint8Array.of(4, 2, 1, 0b1000_0101)), afterMs: 5 }]
  const inputs = waveshareModbusRtuIo8ch.create({ name: 'inputs', bus: at.bus, unitId: 4 })
  expect(inputs.channels).toBe(8)
  expect(await at.run(inputs.read())).toMatchObject({
    ok: true,
    value: { closed: [true, false, true, false, false, false, false, true] },
  })
  expect(at.sent()).toEqual(['040200000008'])
})

it('tells a silent module as such', async () => {
  at.line.answer = () => []
  const inputs = waveshareModbusRtuIo8ch.create({ name: 'inputs', bus: at.bus, unitId: 4 })
  expect(await at.run(inputs.read())).toEqual({ ok: false, error: { kind: 'timedOut' } })
})
