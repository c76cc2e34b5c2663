import { describe, expect, test } from 'vitest'
import { PHOENIX_TABLE } from '../../../hw-sim/devices/phoenix-ev-cc.ts'
import { defaultSite } from '../../../hw-sim/site.ts'
import { commissioned, play, plug } from '../worlds.ts'

const ascii = (reply: string | null) =>
  Buffer.from(reply ?? '', 'hex')
    .subarray(2)
    .toString('latin1')

describe('the Phoenix board as delivered', () => {
  test('has 4000 = 1, 4001 = 1, 4002 = 0 and offers nothing, whatever coil 20000 says', () => {
    const played = play()
    expect(played.board('03 0fa0 0003')).toBe('0306000100010000')
    played.relay('05 0000 ff00')
    played.board('05 4e20 ff00')
    plug(played)
    played.run(1000)
    expect(played.world().board.view.state).toBe('B1')
    expect(played.board('01 4e20 0001')).toBe('010101')
  })

  test('offers when 4000 becomes 3 and coil 20000 is set, and counts each retentive write, the same value too', () => {
    const played = play()
    played.relay('05 0000 ff00')
    plug(played)
    played.board('05 4e20 ff00')
    played.board('06 0fa0 0003')
    played.board('06 0fa0 0003')
    played.run(10)
    expect(played.world().board.view.state).toBe('B2')
    expect(played.world().board.view.retentiveWrites).toBe(2)
    expect(played.log.filter((it) => it.kind === 'retentiveWrite').length).toBe(2)
  })

  test('is in F with its bit set until input XR is held, and shows the input', () => {
    const played = play()
    expect(ascii(played.board('03 5dc0 0001'))).toBe('F0')
    expect(played.board('03 5dc4 0001')).toBe('03020000')
    expect(played.board('03 5dd9 0001')).toBe('03020010')
    played.relay('05 0000 ff00')
    played.run(10)
    expect(ascii(played.board('03 5dc0 0001'))).toBe('A1')
    expect(played.board('03 5dc4 0001')).toBe('03020002')
    expect(played.board('03 5dd9 0001')).toBe('03020000')
  })

  test('says who it is', () => {
    const played = play()
    expect(ascii(played.board('04 03fd 0006'))).toBe('SIM000000001')
    expect(ascii(played.board('04 03e8 0010')).replaceAll('\0', '')).toBe('EV-CC-AC1-M3-CBC-SER-HS')
  })
})

describe('the Phoenix registers', () => {
  test('give the state by FC03 and FC04, and the offer as duty and amperes', () => {
    const played = commissioned(play(), 16)
    plug(played)
    played.run(10)
    expect(ascii(played.board('03 5dc0 0001'))).toBe('B2')
    expect(ascii(played.board('04 5dc0 0001'))).toBe('B2')
    // Proximity of a tethered cable, 16 / 0.6 = 27 %, 16 A.
    expect(played.board('03 5dc1 0003')).toBe('03060000001b0010')
  })

  test('give the plug of a socket box, and a cable limits the offer', () => {
    const site = { ...defaultSite(), cable: { kind: 'socket' as const, ratingMilliamps: 20_000 as const } }
    const played = commissioned(play(site), 32)
    expect(played.board('03 5dc1 0001')).toBe('03020000')
    plug(played)
    played.run(10)
    expect(played.board('03 5dc1 0001')).toBe('03020014')
    expect(played.board('03 5dc3 0001')).toBe('03020014')
  })

  test.each([
    ['an unknown function', '02 4e20 0001', '8201'],
    ['FC15, which the board does not know', '0f 4e20 0001 0101', '8f01'],
    ['an address between the rows', '03 5dc6 0001', '8302'],
    ['a block that leaves the rows', '03 5dc4 0004', '8302'],
    ['a setting by FC04', '04 0fa0 0001', '8402'],
    ['a write to what is read only', '06 5dc0 0001', '8602'],
    ['5 A', '06 55f0 0005', '8603'],
    ['64 A', '06 55f0 0040', '8603'],
    ['an enable source that is none', '06 0fa0 0004', '8603'],
    ['a coil value that is none', '05 4e20 0001', '8503'],
    ['a factory reset without its number', '06 526c 0001', '8603'],
    ['a residual current device where XR is used otherwise', '06 0fab 0001', '8603'],
    ['more than 125 registers', '03 5dc0 007e', '8303'],
    ['a request that is too short', '03 5dc0', '8303'],
  ])('refuse %s', (_what, request, reply) => {
    expect(commissioned(play()).board(request)).toBe(reply)
  })

  test('written by FC16 are written together or not at all', () => {
    const played = play()
    expect(played.board('10 0fa0 0003 06 0003 0002 0003')).toBe('100fa00003')
    expect(played.board('03 0fa0 0003')).toBe('0306000300020003')
    expect(played.board('10 0fa0 0003 06 0000 0000 0009')).toBe('9003')
    expect(played.board('03 0fa0 0003')).toBe('0306000300020003')
    expect(played.world().board.view.retentiveWrites).toBe(3)
  })

  test('count the time in C and the time connected, and start again in A', () => {
    const played = commissioned(play())
    plug(played)
    played.until((world) => world.board.view.state === 'C2', 2000)
    played.run(3_725_000, 50)
    // 1 h 2 min 5 s.
    expect(played.board('03 5dd1 0002')).toBe('030402050001')
    expect(played.board('03 5dd3 0002')?.slice(0, 6)).toBe('030402')
    played.change((world) => ({ ...world, car: { ...world.car, plugged: false } }))
    played.run(10)
    expect(played.board('03 5dd1 0004')).toBe('03080000000000000000')
  })

  test('after coil 21000: silence while it starts, settings kept, everything volatile gone', () => {
    const played = commissioned(play(), 16)
    expect(played.board('05 5208 ff00')).toBe('055208ff00')
    expect(played.board('03 5dc0 0001')).toBeNull()
    played.run(850)
    expect(played.board('03 0fa0 0001')).toBe('03020003')
    expect(played.board('01 4e20 0002')).toBe('010100')
    // The preset of S1/DIP 5 and 6, not the 16 A from before.
    expect(played.board('03 55f0 0001')).toBe('03020020')
  })

  test('after 21100 the settings are as delivered', () => {
    const played = commissioned(play())
    expect(played.board('06 526c 4381')).toBe('06526c4381')
    expect(played.board('03 0fa0 0001')).toBe('03020001')
  })

  test('coil 20001 takes the place of XR where 4001 is 2', () => {
    const played = play()
    played.board('06 0fa1 0002')
    played.run(10)
    expect(ascii(played.board('03 5dc0 0001'))).toBe('F0')
    played.board('05 4e21 ff00')
    played.run(10)
    expect(ascii(played.board('03 5dc0 0001'))).toBe('A1')
  })

  test('outputs show what their function says, or what 23000 ff. say', () => {
    const played = commissioned(play())
    plug(played)
    played.until((world) => world.board.view.state === 'C2', 2000)
    expect(played.board('03 5dc5 0001')).toBe('0302000c')
    played.board('06 59d8 0001')
    expect(played.board('03 5dc5 0001')).toBe('0302000d')
    expect(played.board('06 157c 0063')).toBe('8603')
  })

  test('no two rows share an address within a function code', () => {
    for (const functionCode of [1, 3, 4]) {
      const addresses = PHOENIX_TABLE.rows
        .filter((row) => row.reads.includes(functionCode))
        .flatMap((row) => Array.from({ length: row.count ?? 1 }, (_, at) => row.address + at))
      expect(addresses.length).toBeGreaterThan(3)
      expect(new Set(addresses).size).toBe(addresses.length)
    }
  })
})

describe('activation mode (chapter 5.7)', () => {
  const sleepy = { wantsEnergy: false }

  test('is one pulse of 3 s at -12 V after 30 s in B2, then PWM again, and no second one', () => {
    const played = commissioned(play())
    plug(played, sleepy)
    played.run(29_900)
    expect(played.world().board.view.state).toBe('B2')
    played.run(200)
    expect(played.world().board.view.state).toBe('F0')
    // Not bit 5: the box is available.
    expect(played.world().board.view.errors).toBe(0)
    played.run(3000)
    expect(played.world().board.view.state).toBe('B2')
    played.run(120_000, 50)
    expect(played.log.filter((it) => it.detail === 'F0').length).toBe(1)
  })

  test('does not come after the car has been in C', () => {
    const played = commissioned(play())
    plug(played)
    played.until((world) => world.board.view.state === 'C2', 2000)
    played.change((world) => ({ ...world, car: { ...world.car, wantsEnergy: false } }))
    played.run(60_000)
    expect(played.world().board.view.state).toBe('B2')
    expect(played.log.filter((it) => it.detail === 'F0').length).toBe(0)
  })

  test('comes again after the station has paused and offered again', () => {
    const played = commissioned(play())
    plug(played, sleepy)
    played.run(40_000)
    played.board('05 4e20 0000')
    played.run(100)
    played.board('05 4e20 ff00')
    played.run(35_000)
    expect(played.log.filter((it) => it.detail === 'F0').length).toBe(2)
  })
})
