import { expect, it } from 'vitest'
import { epochOfIso, isoOf } from '../../../shared/time/iso.ts'
import { type EpochMs, epochMs } from '../../../shared/units.ts'

it('an instant survives the way to text and back', () => {
  const at = epochMs(1_795_350_603_042)
  expect(isoOf(at)).toBe('2026-11-22T12:30:03.042Z')
  expect(epochOfIso(isoOf(at))).toBe(at)
})

it('an instant outside the calendar is a stated error, made or written', () => {
  expect(() => epochMs(Number.MAX_SAFE_INTEGER)).toThrow('outside the calendar')
  expect(() => isoOf(Number.MAX_SAFE_INTEGER as EpochMs)).toThrow('outside the calendar')
})

it.each([
  ['2026-11-22T13:30:03.0429+01:00', 1_795_350_603_042],
  ['2026-11-22T12:30:03Z', 1_795_350_603_000],
  ['2026-11-22T12:30:03', null], // without an offset it names no instant
  ['2026-13-22T12:30:03Z', null],
  ['yesterday', null],
])('%s reads as %s', (text, expected) => {
  expect(epochOfIso(text)).toBe(expected)
})
