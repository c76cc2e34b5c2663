// The end of a run: Ctrl-C, a signal, a closed terminal, or a key.

export interface EndOfRun {
  /** Resolves once, at the end. */
  readonly promise: Promise<void>
  readonly happened: () => boolean
  /** Ends the run from inside. */
  readonly finish: () => void
}

/** Listens from now on; a second signal changes nothing, the end is under way. */
export function endOfRun(): EndOfRun {
  let happened = false
  let resolveEnd = () => {}
  const promise = new Promise<void>((resolve) => {
    resolveEnd = resolve
  })
  const finish = () => {
    happened = true
    resolveEnd()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, finish)
  return { promise, happened: () => happened, finish }
}
