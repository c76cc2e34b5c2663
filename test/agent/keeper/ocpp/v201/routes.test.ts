import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ROUTES, SENT } from '../../../../../agent/keeper/ocpp/v201/routes.ts'
import { variableTable } from '../../../../../agent/keeper/ocpp/v201/variable-table.ts'
import { schemas201 } from '../../../../../shared/io/ocpp-link-schemas.ts'
import { CONFIG, memoryBox } from '../../port-doubles.ts'

const page = readFileSync(new URL('../../../../../docs/ocpp/coverage.md', import.meta.url), 'utf8')

/** Cells of each row of the table whose head begins with these words. */
function table(head: string): string[][] {
  const lines = page.split('\n')
  const first = lines.findIndex((line) => line.startsWith(`| ${head} |`)) + 2
  const end = lines.findIndex((line, index) => index >= first && !line.startsWith('|'))
  return lines.slice(first, end < 0 ? undefined : end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

describe('docs/ocpp/coverage.md', () => {
  const actions = table('block')

  it('has a row for each action of the standard', () => {
    const standard = new Set(schemas201().map(({ $id }) => $id.replace(/^urn:|\.(req|conf)$/g, '')))
    expect(actions.map(([, action]) => action).sort()).toEqual([...standard].sort())
  })

  it('says yes to what the box answers', () => {
    const answered = actions.filter(([, , way, box]) => way === 'server → box' && box === 'yes')
    expect(answered.map(([, action]) => action).sort()).toEqual(ROUTES.map(({ name }) => name).sort())
  })

  it('says yes to what the box sends', () => {
    const sent = actions.filter(([, , way, box]) => way === 'box → server' && box === 'yes')
    expect(sent.map(([, action]) => action).sort()).toEqual([...SENT].sort())
  })

  it('lists the variables, and which of them can be set', () => {
    const rows = variableTable({
      config: CONFIG,
      box: memoryBox(),
      settings: { heartbeatIntervalS: 300, transactionAttempts: 5, transactionIntervalS: 2 },
      onSettings: () => {},
      link: { messageTimeoutS: 30, pingIntervalS: 25, backoffMinS: 1, backoffMaxS: 5 },
    })
    const told = rows.map(({ component, variable, write }) => {
      const { evse } = component
      const place = evse
        ? ` (${[evse.id, evse.connectorId].filter((part) => part !== undefined).join(', ')})`
        : ''
      const instance = variable.instance ? ` [${variable.instance}]` : ''
      return [`${component.name}${place}`, `${variable.name}${instance}`, write ? 'read, write' : 'read']
    })
    expect(table('component').map((cells) => cells.slice(0, 3))).toEqual(told)
  })
})
