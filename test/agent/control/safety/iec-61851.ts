// IEC 61851-1 as far as it is public, as a table that runs: each row says who acts and holds the agent to it. What is not
// public is listed and not covered. docs/safety/iec-61851.md is this table for people.
import { PILOT_ROWS } from './iec-61851-pilot.ts'
import { POWER_ROWS } from './iec-61851-power.ts'
import type { IecRow } from './iec-61851-row.ts'

export const IEC_ROWS: readonly IecRow[] = [...PILOT_ROWS, ...POWER_ROWS]

/** Nobody here has seen these: nothing in the agent rests on them. */
export const NOT_COVERED: readonly { readonly what: string; readonly why: string }[] = [
  {
    what: 'IEC 61851-1 Table A.6, sequences other than 2.1, 2.2, 4, 6, 8.1 and 10.2',
    why: 'the text is not public, and no public source quotes them',
  },
  {
    what: 'IEC 61851-1 Table A.5 and the tolerances of the pilot generator',
    why: 'not public; the board’s hardware, proved by its maker',
  },
  {
    what: 'the car’s 5 s to follow a new offer, in the words of the standard',
    why: 'known only from other projects; the rule of 7 s rests on them',
  },
  {
    what: 'IEC 62955 trip times (6 mA within 10 s, 60 mA within 0.3 s, 200 mA within 0.1 s)',
    why: 'general knowledge, no public page found; the device’s, never the agent’s',
  },
  {
    what: 'phase switching between one and three phases',
    why: 'known from other projects (no current, pilot off, relay, pilot on; some cars are damaged when it is done live); no board here does it, and the agent never does',
  },
  {
    what: 'clearance of contacts (3 mm and more), four-pole contactors, cross-sections',
    why: 'not a matter of software; docs/safety/hazards.md names who answers for it',
  },
]

const WHO = { board: 'board', agent: 'agent', both: 'board and agent' } as const

const cell = (text: string) => text.replaceAll('|', '\\|')

export const iecPage = (): string => `# IEC 61851-1: who acts

Each fact of the standard that is public, with its figure, who acts on it, and what the agent owes. Made from
\`test/agent/control/safety/iec-61851.ts\`, where each row runs: change the table, then
\`npx vitest run test/agent/control/safety/iec-61851.test.ts -u\`.

**Rules of 100 ms are the board's.** The agent speaks to it over a bus; it sees what became of such a rule and judges it,
seconds later. It is never the only guard of one.

| fact | figure | who acts | the board | the agent | source |
|---|---|---|---|---|---|
${IEC_ROWS.map((row) =>
  [row.fact, row.figure, WHO[row.acts], row.board ?? '–', row.agent, row.source]
    .map(cell)
    .join(' | ')
    .replace(/^(.*)$/, '| $1 |'),
).join('\n')}

## Not covered

| what | why |
|---|---|
${NOT_COVERED.map(({ what, why }) => `| ${cell(what)} | ${cell(why)} |`).join('\n')}
`
