import { describe, expect, it } from 'vitest'
import { MESSAGE_KEYS, message } from '../../shared/message.ts'
import { LANGUAGES, SENTENCES, sentence } from '../../shared/words.ts'

describe.each(LANGUAGES)('in %s', (language) => {
  it.each(MESSAGE_KEYS)('%s has a sentence with the same gaps as in English', (key) => {
    const gaps = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()
    expect(SENTENCES[language][key]).toMatch(/^\p{Lu}.*\.$/u)
    expect(gaps(SENTENCES[language][key])).toEqual(gaps(SENTENCES.en[key]))
  })
})

it('fills currents in A, in the way of the language', () => {
  const told = message('limit.belowMinimum', { milliamps: 4500, source: 'group' })
  expect(sentence(told, 'en')).toBe(
    'Only 4.5 A are left (load group); a car needs at least 6 A, so charging waits.',
  )
  expect(sentence(told, 'da')).toContain('4,5 A')
})

it('shows a message that only a newer program knows', () => {
  expect(sentence({ key: 'limit.moon', values: { phase: 'full' } }, 'en')).toBe('limit.moon (phase full)')
  expect(sentence({ key: 'toString', values: {} }, 'en')).toBe('toString')
})
