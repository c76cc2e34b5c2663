// docs/safety/faults.md: the fault table (shared/faults.ts) for people. `npm run generate` writes it; a test compares.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FAULTS, type FaultRow } from '../shared/faults.ts'

export const FAULTS_PAGE = 'docs/safety/faults.md'

const section = (row: FaultRow) => `## ${row.code}
${row.means}

- **Current**: ${row.withdraws ? 'withdrawn while the fault stands' : 'goes on'}
- **Clears**: ${row.clears}${row.latched ? ' Stays over restarts until then.' : ''}
- **OCPP**: 1.6 \`${row.ocpp16}\`; 2.0.1 \`${row.ocpp201.component}.${row.ocpp201.variable}\`
- **Source**: ${row.source}
- **Proved by**: \`test/${row.test}\`
`

export const faultsPage = (rows: readonly FaultRow[]): string => `# Faults

Everything that the box reports as a fault. Made by \`npm run generate\` from \`shared/faults.ts\`: change the table, not this page.

${rows.map(section).join('\n')}`

const self = fileURLToPath(import.meta.url)
if (process.argv[1] === self) {
  const page = join(dirname(self), '..', FAULTS_PAGE)
  await mkdir(dirname(page), { recursive: true })
  await writeFile(page, faultsPage(FAULTS))
}
