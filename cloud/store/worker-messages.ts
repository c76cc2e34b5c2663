// What the main thread and the SQLite worker say to each other; both are of one build.
import type { Submission, Written } from './ingest.ts'

export type WorkerRequest =
  | {
      readonly kind: 'run'
      readonly id: number
      readonly sql: string
      readonly parameters: readonly unknown[]
    }
  /** A whole group commit: one message there and one back, however many statements it takes. */
  | { readonly kind: 'batch'; readonly id: number; readonly batch: readonly Submission[] }
  | { readonly kind: 'close'; readonly id: number }

export type WorkerReply =
  | {
      readonly id: number
      readonly ok: true
      readonly rows: unknown[]
      readonly changes: number
      readonly lastId: number | null
      /** Of a batch. */
      readonly written?: Written
    }
  /** `code` is SQLite's own, such as SQLITE_CONSTRAINT_PRIMARYKEY. */
  | { readonly id: number; readonly ok: false; readonly message: string; readonly code: string }
