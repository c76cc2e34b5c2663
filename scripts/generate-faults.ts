// docs/safety/faults.md: the fault table (shared/faults.ts) for people. `npm run generate` writes it; a test compares.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FAULTS, type FaultRow } from '../shared/faults.ts'

export const FAULTS_PAGE = 'docs/safety/faults.md'

const section = (row: FaultRow) => `## ${row.code}
${row.means}

- **Current**: ${row.withdraws ? 'withdrawn while the fault stands' : 'goes on'}${row.keepsLock ? "; the plug's lock stays shut" : ''}
- **Clears**: ${row.clears}${row.latched ? ' Stays over restarts until then.' : ''}
- **Who comes**: ${row.ticket ? 'a technician: it is worth a ticket' : 'nobody: it is the driver’s, or it passes'}
- **OCPP**: 1.6 \`${row.ocpp16}\`; 2.0.1 \`${row.ocpp201.component}.${row.ocpp201.variable}\`
- **Source**: ${row.source}
- **Proved by**: \`test/${row.test}\`
`

const latched = (rows: readonly FaultRow[]): string =>
  rows.flatMap((row) => (row.latched ? [`\`${row.code}\``] : [])).join(', ')

export const faultsPage = (rows: readonly FaultRow[]): string => `# Faults

Everything that the box reports as a fault. Made by \`npm run generate\` from \`shared/faults.ts\`: change the table, not this page.

A fault that stays over restarts (${latched(rows)}) waits for a technician. When its cause is found and removed, \`voltkeep clear-fault CODE --url http://ADDRESS:PORT\` tells the box so (\`POST /api/clear-fault\` with \`{"code": "CODE"}\`, with the PIN where the box has one). It clears if its cause is gone; the log keeps who cleared it and when. Other faults clear by themselves, and \`INSTALLATION_LOST\` by commissioning.

${rows.map(section).join('\n')}`

const self = fileURLToPath(import.meta.url)
if (process.argv[1] === self) {
  const page = join(dirname(self), '..', FAULTS_PAGE)
  await mkdir(dirname(page), { recursive: true })
  await writeFile(page, faultsPage(FAULTS))
}
