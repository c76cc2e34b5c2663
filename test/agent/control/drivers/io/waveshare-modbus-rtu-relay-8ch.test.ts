import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waveshareModbusRtuRelay8ch } from '../../../../../agent/control/drivers/io/waveshare-modbus-rtu-relay-8ch.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'

let at: BenchBus
beforeEach(async () => {
  at = await benchBus()
  for (const address of [0, 4, 0x200, 0x204]) at.bank.coils.set(address, 0)
})
afterEach(() => at.bus.close())

describe('the dead-man relay', () => {
  it('is held by flash-on for 2 s, and let go by its coil', async () => {
    const deadman = waveshareModbusRtuRelay8ch.create({ name: 'xr', bus: at.bus, unitId: 3, channel: 1 })
    expect(deadman.holdMs).toBe(2000)
    expect(await at.run(deadman.hold())).toEqual({ ok: true, value: null })
    expect(await at.run(deadman.release())).toEqual({ ok: true, value: null })
    // 0x14 units of 100 ms to "relay 1 on for a while"; 0 to the coil of relay 1.
    expect(at.sent()).toEqual(['030502000014', '030500000000'])
  })

  it('is the relay of its channel', async () => {
    const deadman = waveshareModbusRtuRelay8ch.create({ name: 'xr', bus: at.bus, unitId: 3, channel: 5 })
    await at.run(deadman.hold())
    await at.run(deadman.release())
    expect(at.sent()).toEqual(['030502040014', '030500040000'])
  })

  it('has channels 1-8', () => {
    for (const channel of [0, 9]) {
      expect(() =>
        waveshareModbusRtuRelay8ch.create({ name: 'xr', bus: at.bus, unitId: channel + 20, channel }),
      ).toThrow(/1-8/)
    }
  })
})

describe('the relay module', () => {
  const module = () => waveshareModbusRtuRelay8ch.createModule({ name: 'relays', bus: at.bus, unitId: 3 })

  it('sets a relay, and closes one for a time that it ends itself', async () => {
    const relays = module()
    expect(relays.channels).toBe(8)
    await at.run(relays.set(5, true))
    await at.run(relays.pulse(5, 600))
    await at.run(relays.set(5, false))
    expect(at.sent()).toEqual(['03050004ff00', '030502040006', '030500040000'])
  })

  it('is the dead-man beside its other channels, declared once', async () => {
    const relays = module()
    const deadman = relays.deadman(1)
    await at.run(deadman.hold())
    await at.run(relays.pulse(5, 600))
    expect(at.sent()).toEqual(['030502000014', '030502040006'])
  })

  it('makes no pulse of a length that it cannot keep', () => {
    const relays = module()
    for (const ms of [0, 50, 650, 60_100]) expect(() => relays.pulse(1, ms)).toThrow(/steps of 100/)
  })
})
