import { describe, expect, it } from 'vitest'
import {
  bitsPerCharacter,
  frameGapMicros,
  lineMicros,
} from '../../../../../agent/control/drivers/bus/line-time.ts'
import {
  type ReactionConfig,
  reactionBound,
  reactionConfig,
} from '../../../../../agent/control/drivers/bus/reaction-bound.ts'
import { registry } from '../../../../../agent/control/registry.ts'

const line = { kind: 'rtu', baud: 19_200, dataBits: 8, parity: 'none', stopBits: 1 } as const

function builtIn(boardPeriodMs: number): ReactionConfig {
  const board = registry.boards['phoenix-ev-cc-ac1-m3-rtu']
  const deadman = registry.io['waveshare-modbus-rtu-relay-8ch']
  const meter = registry.meters['eastron-sdm630-v2']
  if (!board || !deadman || !meter) throw new Error('the registry lacks a driver')
  return reactionConfig({ line, boardPeriodMs, board, deadman, meter })
}

describe('line time', () => {
  it('is that of the characters with start, parity and stop bits', () => {
    expect(bitsPerCharacter(line)).toBe(10)
    expect(bitsPerCharacter({ baud: 9600, dataBits: 8, parity: 'even', stopBits: 1 })).toBe(11)
    expect(lineMicros(line, 41)).toBe(21_355)
    expect(frameGapMicros(line)).toBe(1823)
    expect(frameGapMicros({ ...line, baud: 115_200 })).toBe(1750)
  })
})

describe('the reaction bound', () => {
  it('of the built-in site stays below the 1 s at which a board is refused, and below 300 ms for the pilot', () => {
    const bound = reactionBound(builtIn(50))
    expect(bound.pilotMs).toBeLessThanOrEqual(300)
    expect(bound.errorMs).toBeGreaterThan(bound.pilotMs)
    expect(bound.errorMs).toBeLessThan(1000)
  })

  it('is the sum of its lines', () => {
    const { lines, pilotMs } = reactionBound(builtIn(50))
    const terms = lines.slice(
      0,
      lines.findIndex((text) => text.includes('at worst')),
    )
    const sum = terms.reduce((total, text) => total + Number.parseFloat(text), 0)
    expect(Math.abs(sum - pilotMs)).toBeLessThanOrEqual(1.5)
  })

  it('grows with the period, with a slower device and with longer blocks', () => {
    const config = builtIn(50)
    const base = reactionBound(config).pilotMs
    expect(reactionBound(builtIn(100)).pilotMs).toBe(base + 50)
    const slower = config.others.map((party) => ({
      ...party,
      line: { ...party.line, turnaroundWorstMs: party.line.turnaroundWorstMs + 100 },
    }))
    // Both the meter's exchange and the dead-man's may come before the board's.
    expect(reactionBound({ ...config, others: slower }).pilotMs).toBe(base + 200)
    const longer = config.others.map((party) => ({
      ...party,
      turns: party.turns.map((turn) => ({ ...turn, replyBytes: 165 })),
    }))
    expect(reactionBound({ ...config, others: longer }).pilotMs).toBeGreaterThan(base + 100)
  })

  it('of a board alone on its bus has no other device in it', () => {
    const alone = reactionBound({ ...builtIn(50), others: [] })
    expect(alone.lines.some((text) => text.includes('no other device'))).toBe(true)
    expect(alone.pilotMs).toBeLessThan(130)
  })
})
