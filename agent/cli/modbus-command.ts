// The words of `voltkeep modbus`: its commands, options and examples. What they do is in the files beside this one.
import type { Command } from 'commander'
import type { Outcome } from './agent-command.ts'
import { showPlan } from './modbus-plan.ts'
import type { PrepareOptions } from './prepare.ts'

export interface ModbusCommandParts {
  readonly done: (outcome: Outcome) => void
  readonly examples: (command: Command, lines: readonly string[]) => void
  readonly prepareOptions: (configFile: string) => PrepareOptions
}

export function addModbusCommands(program: Command, parts: ModbusCommandParts): void {
  const { done, examples, prepareOptions } = parts
  const modbus = program
    .command('modbus')
    .description('look at a Modbus bus: what is planned, and what is there')
  examples(modbus, ['voltkeep modbus plan agent.yaml'])
  examples(
    modbus
      .command('plan')
      .argument('[file]', 'configuration of the box', 'agent.yaml')
      .description(
        "tell each device's exchanges, and how soon a pause answers the board, with the arithmetic",
      )
      .option('--json', 'as JSON')
      .action(async (file: string, options: { json?: true }) =>
        done(await showPlan(prepareOptions(file), options.json === true)),
      ),
    ['voltkeep modbus plan', 'voltkeep modbus plan /etc/voltkeep/agent.yaml'],
  )
}
