// The flags of Node that the agent ships with: the box has little memory, and V8 takes what it is allowed to.

/** Few and small new-space pages, code for size, no helper threads for the collector. */
const SMALL = ['--max-semi-space-size=1', '--optimize-for-size', '--v8-pool-size=0']

/**
 * Measured on Node 20 over minutes of charging (docs/operate/figures.md). control's live heap is 7 MB: with 48 MB
 * allowed the collector lets it grow by 10 MB; without the optimising compiler it needs 1 % of a core more.
 */
export const NODE_FLAGS = {
  control: [...SMALL, '--max-old-space-size=20', '--no-opt', '--single-threaded'],
  keeper: [...SMALL, '--max-old-space-size=48'],
} as const satisfies Record<string, readonly string[]>
