// One JSON object a line, both ways. A line that is too long or no JSON ends the link: a peer of ours never sends one.
import { err, ok, type Result } from '../../shared/result.ts'

/** Longest line, both ways. A hello with all kept facts stays far below it. */
export const LINE_MAX_BYTES = 1024 * 1024
/** Unsent bytes above which a peer counts as gone: it reads no more. Nothing is lost, the next hello tells all again. */
export const UNSENT_MAX_BYTES = 2 * 1024 * 1024

const NEWLINE = 0x0a

/** Gathers bytes and gives whole lines as parsed JSON. After an error it must be fed no more. */
export function lineReader(maxBytes = LINE_MAX_BYTES) {
  let kept: Buffer[] = []
  let keptBytes = 0

  return {
    /** Values of the lines that this chunk completed; an error tells what was wrong with the first bad line. */
    feed(chunk: Buffer): Result<unknown[], { readonly detail: string; readonly before: unknown[] }> {
      const values: unknown[] = []
      let from = 0
      for (;;) {
        const end = chunk.indexOf(NEWLINE, from)
        const piece = chunk.subarray(from, end < 0 ? chunk.length : end)
        if (keptBytes + piece.length > maxBytes)
          return err({ detail: `a line is longer than ${maxBytes} bytes`, before: values })
        if (end < 0) {
          if (piece.length > 0) kept.push(piece)
          keptBytes += piece.length
          return ok(values)
        }
        const line = kept.length === 0 ? piece : Buffer.concat([...kept, piece])
        kept = []
        keptBytes = 0
        from = end + 1
        const value = parse(line)
        if (!value.ok) return err({ detail: value.error, before: values })
        values.push(value.value)
      }
    },
  }
}

function parse(line: Buffer): Result<unknown, string> {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'))
    return ok(value)
  } catch (error) {
    return err(`no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

export const toLine = (message: unknown) => `${JSON.stringify(message)}\n`
