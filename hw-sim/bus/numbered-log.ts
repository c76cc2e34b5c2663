// A log of numbered entries that keeps the newest; readers ask for what came after a number they know.

export interface NumberedLog<T extends { readonly number: number }> {
  add(entry: Omit<T, 'number'>): void
  /** Entries with a higher number, oldest first, and the number to ask with next. */
  after(number: number): { readonly entries: readonly T[]; readonly next: number }
}

/** `make` puts the number to an entry. Numbers start at 1 and have no gaps; only the newest `keep` are kept. */
export function numberedLog<T extends { readonly number: number }>(
  keep: number,
  make: (number: number, entry: Omit<T, 'number'>) => T,
): NumberedLog<T> {
  let entries: T[] = []
  let last = 0
  return {
    add: (entry) => {
      last += 1
      entries.push(make(last, entry))
      // Cut in large pieces, so that adding stays cheap.
      if (entries.length >= keep * 2) entries = entries.slice(-keep)
    },
    after: (number) => {
      const first = entries[0]?.number ?? last + 1
      const from = Math.max(0, number + 1 - first, entries.length - keep)
      return { entries: entries.slice(from), next: last }
    },
  }
}
