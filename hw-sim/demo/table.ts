// A table of expectations for a terminal: columns as wide as their words, long cells folded.
import type { StoryRow } from './story.ts'

const WIDTHS = [34, 40, 60] as const

export function storyTable(rows: readonly StoryRow[]): string {
  const line = WIDTHS.map((width) => '─'.repeat(width)).join('─┼─')
  const body = rows.map((row) => folded([row.step, row.expected, `${row.held ? '✓' : '✗'} ${row.observed}`]))
  return [folded(['step', 'expected', 'observed']), line, ...body].join('\n')
}

function folded(cells: readonly [string, string, string]): string {
  const columns = cells.map((cell, index) => fold(cell, WIDTHS[index] ?? 40))
  const height = Math.max(...columns.map((column) => column.length))
  return Array.from({ length: height }, (_, row) =>
    columns
      .map((column, index) => (column[row] ?? '').padEnd(WIDTHS[index] ?? 40))
      .join(' │ ')
      .trimEnd(),
  ).join('\n')
}

/** Breaks at spaces; a word longer than the width is broken inside. */
function fold(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
    while (line.length > width) {
      lines.push(line.slice(0, width))
      line = line.slice(width)
    }
  }
  return [...lines, line]
}
