// What the page sees: the box's snapshot as it is, with its reasons in words beside it, so that a page and a person with
// curl read the same.
import { faultRow } from '../../../shared/faults.ts'
import { type Language, sentence } from '../../../shared/words.ts'
import type { BoxSnapshot } from '../ports.ts'

export interface Look extends BoxSnapshot {
  readonly words: Readonly<Record<Language, { readonly reason: string }>>
  readonly faultsInWords: readonly {
    readonly code: string
    readonly means: string
    readonly clears: string
  }[]
  readonly pinNeeded: boolean
}

/** A token lets its bearer charge at somebody's cost; two characters are enough to tell one's own. */
const masked = (idToken: string): string => `…${idToken.length > 4 ? idToken.slice(-2) : ''}`

export function look(snapshot: BoxSnapshot, pinNeeded: boolean): Look {
  const words = (language: Language) => ({ reason: sentence(snapshot.limit.reason, language) })
  const [en, da, de] = [words('en'), words('da'), words('de')]
  return {
    ...snapshot,
    session: snapshot.session && { ...snapshot.session, idToken: masked(snapshot.session.idToken) },
    words: { en, da, de },
    faultsInWords: snapshot.faults.map((code) => {
      const { means, clears } = faultRow(code)
      return { code, means, clears }
    }),
    pinNeeded,
  }
}
