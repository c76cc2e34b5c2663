import { describe, expect, test } from 'vitest'
import { answerRelay, newRelay, type RelayState, stepRelay } from '../../../hw-sim/devices/waveshare-relay.ts'

const ask = (relay: RelayState, pduHex: string, nowMs = 0) => {
  const pdu = Uint8Array.from(Buffer.from(pduHex.replaceAll(' ', ''), 'hex'))
  const answer = answerRelay(relay, pdu, nowMs * 1000)
  return { relay: answer.state, reply: Buffer.from(answer.pdu).toString('hex') }
}
const channels = (relay: RelayState) => relay.closed.map((closed) => (closed ? '1' : '0')).join('')
const later = (relay: RelayState, ms: number) => stepRelay(relay, true, ms * 1000)

describe('the Waveshare relay', () => {
  test('switches one channel, several, and all', () => {
    let { relay, reply } = ask(newRelay('extended'), '05 0002 ff00')
    expect(reply).toBe('050002ff00')
    expect(channels(relay)).toBe('00100000')
    ;({ relay, reply } = ask(relay, '0f 0000 0008 01 81'))
    expect(reply).toBe('0f00000008')
    expect(channels(relay)).toBe('10000001')
    expect(ask(relay, '01 0000 0008').reply).toBe('010181')
    ;({ relay } = ask(relay, '05 00ff ff00'))
    expect(channels(relay)).toBe('11111111')
    ;({ relay } = ask(relay, '05 00ff 0000'))
    expect(channels(relay)).toBe('00000000')
    ;({ relay } = ask(relay, '05 01ff ff00'))
    expect(channels(relay)).toBe('11111111')
  })

  test('flash-on closes for its time and opens by itself', () => {
    const { relay, reply } = ask(newRelay('extended'), '05 0200 0014')
    expect(reply).toBe('0502000014')
    expect(channels(later(relay, 1999))).toBe('10000000')
    expect(channels(later(relay, 2000))).toBe('00000000')
  })

  test('flash-off opens for its time and closes by itself', () => {
    const on = ask(newRelay('extended'), '05 0001 ff00').relay
    const { relay } = ask(on, '05 0401 0003')
    expect(channels(later(relay, 299))).toBe('00000000')
    expect(channels(later(relay, 300))).toBe('01000000')
  })

  test('a second flash-on moves the end, where the board extends', () => {
    const { relay } = ask(ask(newRelay('extended'), '05 0200 0014').relay, '05 0200 0014', 500)
    expect(channels(later(relay, 2499))).toBe('10000000')
    expect(channels(later(relay, 2500))).toBe('00000000')
  })

  test('a second flash-on changes nothing, where the board does not extend', () => {
    const { relay } = ask(ask(newRelay('notExtended'), '05 0200 0014').relay, '05 0200 0014', 500)
    expect(channels(later(relay, 1999))).toBe('10000000')
    expect(channels(later(relay, 2000))).toBe('00000000')
    expect(channels(later(ask(later(relay, 2000), '05 0200 0014', 2100).relay, 4000))).toBe('10000000')
  })

  test('a plain command ends a flash: on stays on, off is off', () => {
    const flashing = ask(newRelay('extended'), '05 0200 0014').relay
    expect(channels(later(ask(flashing, '05 0000 ff00', 100).relay, 60_000))).toBe('10000000')
    expect(channels(later(ask(flashing, '05 0000 0000', 100).relay, 101))).toBe('00000000')
  })

  test('loss of supply opens every contact and forgets every flash', () => {
    const flashing = ask(newRelay('extended'), '05 0200 0014').relay
    const dark = stepRelay(flashing, false, 1000)
    expect(channels(dark)).toBe('00000000')
    expect(channels(stepRelay(dark, true, 2000))).toBe('00000000')
  })

  test.each([
    ['reading a ninth channel', '01 0000 0009', '8102'],
    ['writing a ninth channel', '05 0008 ff00', '8502'],
    ['writing beyond the eighth by FC15', '0f 0004 0008 01 ff', '8f02'],
    ['a flash of no time', '05 0200 0000', '8503'],
    ['a coil value that is none', '05 0000 1234', '8503'],
    ['a byte count that does not fit', '0f 0000 0008 02 ff', '8f03'],
    ['registers', '03 4000 0001', '8301'],
  ])('refuses %s', (_what, request, reply) => {
    const answer = ask(newRelay('extended'), request)
    expect(answer.reply).toBe(reply)
    expect(channels(answer.relay)).toBe('00000000')
  })
})
