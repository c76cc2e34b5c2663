import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRdm6300, tokenOf } from '../../../../../agent/control/drivers/io/rdm6300.ts'
import { virtualClock } from '../virtual-clock.ts'
import { virtualLine } from '../virtual-line.ts'

/** A frame as the reader sends it. */
function frame(token: string): Buffer {
  const sum = Buffer.from(token, 'hex').reduce((all, byte) => all ^ byte, 0)
  return Buffer.from(`\x02${token}${sum.toString(16).padStart(2, '0').toUpperCase()}\x03`, 'latin1')
}
const TOKEN = '0123AB45CD'

async function bench() {
  const clock = virtualClock()
  const line = virtualLine(clock)
  const log: string[] = []
  const say = (_fields: object, text: string) => log.push(text)
  const reader = openRdm6300({
    name: 'rfid',
    port: '/dev/virtual',
    clock,
    log: { info: say, warn: say },
    openLine: line.open,
  })
  const touches: string[] = []
  reader.onTouch(({ token }) => touches.push(token))
  await clock.advance(10)
  return { clock, line, reader, touches, log }
}

describe('the RFID reader', () => {
  it('tells a tag that is held to it once, and again when it was away for half a second', async () => {
    const { clock, line, touches } = await bench()
    for (let repeat = 0; repeat < 20; repeat++) {
      line.say(frame(TOKEN))
      await clock.advance(100)
    }
    expect(touches).toEqual([TOKEN])
    await clock.advance(500)
    line.say(frame(TOKEN))
    expect(touches).toEqual([TOKEN, TOKEN])
  })

  it('tells another tag at once', async () => {
    const { line, touches } = await bench()
    line.say(frame(TOKEN))
    line.say(frame('FFFFFFFFFF'))
    expect(touches).toEqual([TOKEN, 'FFFFFFFFFF'])
  })

  it('finds its frames in any lumps, with noise and cut frames between', async () => {
    const { clock, line, touches } = await bench()
    const bytes = [0x55, ...frame(TOKEN).subarray(0, 7), ...frame(TOKEN), 0x03, 0x41]
    for (const byte of bytes) {
      line.say(Uint8Array.of(byte))
      await clock.advance(1)
    }
    expect(touches).toEqual([TOKEN])
  })

  it('takes nothing whose checksum does not hold', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 5, maxLength: 5 }), fc.nat(9), fc.nat(14), (tag, at, shift) => {
        const token = Buffer.from(tag).toString('hex').toUpperCase()
        const good = [...frame(token)]
        expect(tokenOf(good)).toBe(token)
        const digit = Number.parseInt(token[at] ?? '0', 16)
        const other = ((digit + 1 + shift) % 16).toString(16).toUpperCase().charCodeAt(0)
        expect(tokenOf(good.with(at + 1, other))).toBeNull()
      }),
    )
  })

  it('is lost with its port and found again, each told once', async () => {
    const { clock, line, reader, touches, log } = await bench()
    line.vanish('gone')
    await clock.advance(5000)
    expect(reader.state()).toMatchObject({ kind: 'lost' })
    line.present = true
    await clock.advance(5000)
    expect(reader.state()).toEqual({ kind: 'open' })
    expect(log).toEqual(['reader open', 'reader lost', 'reader open'])
    line.say(frame(TOKEN))
    expect(touches).toEqual([TOKEN])
  })
})
