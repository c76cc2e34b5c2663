// What the main thread and the SQLite worker say to each other; both are of one build.

export type WorkerRequest =
  | {
      readonly kind: 'run'
      readonly id: number
      readonly sql: string
      readonly parameters: readonly unknown[]
    }
  | { readonly kind: 'close'; readonly id: number }

export type WorkerReply =
  | {
      readonly id: number
      readonly ok: true
      readonly rows: unknown[]
      readonly changes: number
      readonly lastId: number | null
    }
  /** `code` is SQLite's own, such as SQLITE_CONSTRAINT_PRIMARYKEY. */
  | { readonly id: number; readonly ok: false; readonly message: string; readonly code: string }
