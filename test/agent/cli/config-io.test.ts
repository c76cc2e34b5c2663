import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../agent/cli/config.ts'
import { problemsInWords } from '../../../agent/cli/config-text.ts'

const SOCKET = readFileSync(
  new URL('../../../docs/operate/agent-socket.example.yaml', import.meta.url),
  'utf8',
)

const parsed = (text: string) =>
  parseConfig('agent.yaml', text, {
    firmwareVersion: '0.1.0',
    runDir: null,
    defaultRunDir: (id) => `/run/of/${id}`,
    bootId: null,
    wallOffsetMs: 0,
  })
/** The problems of the good file with one piece replaced; the piece must be there. */
function wordsOf(piece: string | RegExp, replacement: string): string {
  const text = SOCKET.replace(piece, replacement)
  expect(text).not.toBe(SOCKET)
  const result = parsed(text)
  return result.ok ? 'no problem' : problemsInWords(result.error)
}

describe('what is wired to the IO modules', () => {
  it('becomes what control is told, with the defaults', () => {
    const result = parsed(SOCKET)
    if (!result.ok) throw new Error(problemsInWords(result.error))
    const { cable, io, rfid } = result.value.control
    expect(cable).toEqual({
      kind: 'socket',
      ratingMilliamps: 32_000,
      permanentLock: false,
      atPowerLoss: 'unlocks',
    })
    expect(result.value.keeper).toMatchObject({ freeVend: null, tokens: ['0123AB45CD'] })
    expect(result.value.control.billedOrRestricted).toBe(true)
    expect(rfid).toEqual({ port: '/dev/serial/by-id/usb-reader-port0' })
    const input = (channel: number, activeWhen: string) => ({ module: 'inputs', channel, activeWhen })
    expect(io).toEqual({
      modules: [{ name: 'inputs', driver: 'waveshare-modbus-rtu-io-8ch', bus: 'main', unitId: 4 }],
      lock: {
        close: { module: 'deadman', channel: 2 },
        open: { module: 'deadman', channel: 3 },
        pulseMs: 600,
        feedback: input(1, 'closed'),
      },
      release: { relay: { module: 'deadman', channel: 4 }, mirror: input(2, 'open') },
      residualCurrent: input(3, 'open'),
      gridLimit: { ...input(4, 'closed'), limitWatts: 4200 },
      stopButton: input(5, 'open'),
    })
  })

  it.each([
    ['a socket that nobody confirms', /\n {4}feedback: .*/, '', 'io.lock has no feedback'],
    ['a socket without a lock', / {2}lock:.*\n( {4}.*\n)+/, '', 'io.lock is not there'],
    ['a lock of a fixed cable', 'kind: socket', 'kind: tethered', 'no lock: a tethered cable'],
    [
      'a release that only software opens',
      'Hardware: true',
      'Hardware: false',
      'opens by itself when the pilot',
    ],
    [
      'a module that is not listed',
      'close: { module: deadman',
      'close: { module: relays',
      'a module with relays: deadman',
    ],
    [
      'inputs in place of relays',
      'close: { module: deadman',
      'close: { module: inputs',
      'a module with relays: deadman',
    ],
    [
      'relays in place of inputs',
      'stopButton: { module: inputs',
      'stopButton: { module: deadman',
      'a module with inputs: inputs',
    ],
    ['a channel that is not there', 'channel: 5', 'channel: 9', 'a channel from 1 to 8'],
    ['a channel that is used twice', 'channel: 5', 'channel: 4', '4, as io.gridLimit'],
    [
      "the dead-man's own channel",
      'close: { module: deadman, channel: 2',
      'close: { module: deadman, channel: 1',
      '1, as board.deadman',
    ],
    ['a unit id that is used twice', 'unit: 4', 'unit: 3', '3, as board.deadman.unit'],
    [
      'a driver that has no contacts',
      'driver: waveshare-modbus-rtu-io-8ch',
      'driver: eastron-sdm630-v2',
      'a driver of a module with inputs',
    ],
    ['a module named as the dead-man', 'name: inputs', 'name: deadman', 'deadman, as board.deadman'],
    [
      'a pulse that cannot be told',
      'close: {',
      'pulse: 650 ms\n    close: {',
      '100 ms to 2000 ms in steps of 100 ms',
    ],
    ["a bus's port for the reader", 'usb-reader-port0', 'usb-adapter-port0', 'port0, as buses[0]'],
    [
      'a silence test of a board without a watchdog',
      'unit: 1\n',
      'unit: 1\n  silenceProved: 45 s\n',
      'no watchdog that a silence test',
    ],
    ['a polarity that is not told', 'channel: 5, activeWhen: open', 'channel: 5', 'one of closed, open'],
    ['a box that nobody could use', '  tokens: ["0123AB45CD"]', '', 'none of them: nobody could charge'],
    ['a token that no reader tells', '0123AB45CD', '0123ab45cd', '10 hex digits'],
  ])('%s is told', (_what, piece, replacement, says) => {
    const words = wordsOf(piece, replacement)
    expect(words).toContain(says)
    expect(words).toContain('nothing was started')
  })
})
