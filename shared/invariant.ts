/** A rule of ours was broken: the process dies to its safe state, for its supervisor to start again. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** States what must hold. A broken invariant is our mistake, never a peer's or a device's. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
