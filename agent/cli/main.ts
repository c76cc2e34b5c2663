#!/usr/bin/env node
// The voltkeep command: what an installer and an operator type. Each level tells its examples with --help.
import { join } from 'node:path'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { systemClock } from '../../shared/io/system-clock.ts'
import { checkConfig, type Outcome, prepareAgent, runAgent } from './agent-command.ts'
import type { BoxAddress } from './box-client.ts'
import {
  type CommissionOptions,
  clearFault,
  commission,
  override,
  retryParked,
  showParked,
  showStatus,
} from './box-commands.ts'
import { listDrivers } from './driver-list.ts'
import { addModbusCommands } from './modbus-command.ts'
import type { PrepareOptions } from './prepare.ts'
import { bundleFolder, runProgram } from './programs.ts'

const program = new Command('voltkeep')
  .description('A wallbox that keeps its word when the server is gone.')
  .version(packageJson.version)
  .showHelpAfterError('(voltkeep --help tells the commands)')
  .exitOverride()
  .configureHelp({ showGlobalOptions: false })
examples(program, ['voltkeep config check agent.yaml', 'voltkeep agent --config /etc/voltkeep/agent.yaml'])

interface AgentOptions {
  readonly config: string
  readonly prepare?: true
  readonly bootId?: string
  readonly runDir?: string
  readonly clockOffsetMs?: number
}

examples(
  program
    .command('agent')
    .description('run the two processes of a box, and keep them running')
    .requiredOption('--config <file>', 'configuration of the box')
    .option('--prepare', 'only check it, write control.json and keeper.json, and print their paths')
    .addOption(
      new Option('--run-dir <dir>', 'folder in memory (tmpfs) for the socket and the mirror').argParser(
        absolutePath,
      ),
    )
    .option('--boot-id <id>', "in place of the kernel's boot id, for played power cuts")
    .addOption(new Option('--clock-offset-ms <n>', 'added to the wall clock').argParser(wholeNumber))
    .action(async (options: AgentOptions) => {
      const prepare = prepareOptions(options)
      if (options.prepare) return done(await prepareAgent(prepare))
      return done(await runAgent(prepare, bundleFolder(), systemClock(prepare.wallOffsetMs)))
    }),
  ['voltkeep agent --config /etc/voltkeep/agent.yaml', 'voltkeep agent --config agent.yaml --prepare'],
)

const config = program.command('config').description('look at a configuration without starting anything')
examples(config, ['voltkeep config check /etc/voltkeep/agent.yaml'])
examples(
  config
    .command('check <file>')
    .description(
      'tell every problem of a configuration with its line, and what to do; exit code 2 if there is one',
    )
    .option('--json', 'print the whole effective configuration, without secrets')
    .action(async (file: string, options: { json?: true }) =>
      done(await checkConfig(prepareOptions({ config: file }), options.json === true)),
    ),
  ['voltkeep config check agent.yaml', 'voltkeep config check agent.yaml --json'],
)

examples(
  program
    .command('drivers')
    .argument('[id]', 'only this one')
    .description(
      'list the devices that a configuration may name: what each can, how sure its map is, what is open',
    )
    .option('--json', 'as JSON')
    .action((id: string | undefined, options: { json?: true }) =>
      done(listDrivers(id, options.json === true)),
    ),
  ['voltkeep drivers', 'voltkeep drivers keba-p30', 'voltkeep drivers --json'],
)

addModbusCommands(program, {
  done,
  examples,
  prepareOptions: (configFile) => prepareOptions({ config: configFile }),
})

/** Read from the environment too, so that it stands in no list of processes. */
const pinOption = () => new Option('--pin <pin>', "the box's PIN, where it has one").env('VOLTKEEP_PIN')
const URL_OPTION = ['--url <url>', "address of the box's page", 'http://127.0.0.1:8081'] as const

examples(
  program
    .command('status')
    .description('show what a box does, its amps and their reason')
    .option(...URL_OPTION)
    .option('--json', 'as JSON')
    .action(async (options: { url: string; json?: true }) =>
      done(await showStatus(options.url, options.json === true)),
    ),
  ['voltkeep status', 'voltkeep status --url http://192.168.1.20:8081 --json'],
)

examples(
  program
    .command('commission')
    .description(
      'set the installation limit of a box (it can be lowered later, not raised), and its schedule',
    )
    .option(...URL_OPTION)
    .requiredOption('--limit <current>', 'the lowest of wire and breaker, per phase, such as "16 A"')
    .requiredOption('--phases <1 or 3>', 'phases wired to the box')
    .requiredOption('--by <name>', 'the qualified person who answers for it')
    .addOption(pinOption())
    .option('--schedule <file>', 'when the box may charge (docs/operate/schedule.example.yaml)')
    .action(async (options: CommissionOptions) =>
      done(await commission(options, (words) => process.stderr.write(`${words}\n`))),
    ),
  [
    'voltkeep commission --limit "16 A" --phases 3 --by "Karen Holm"',
    'voltkeep commission --limit "16 A" --phases 3 --by "Karen Holm" --schedule schedule.yaml',
  ],
)

examples(
  program
    .command('override')
    .description('charge now although the schedule holds back, until the car is full or unplugged')
    .option(...URL_OPTION)
    .addOption(pinOption())
    .action(async (options: BoxAddress) => done(await override(options))),
  ['voltkeep override'],
)

examples(
  program
    .command('clear-fault <code>')
    .description('let a latched fault clear, when a technician has removed its cause')
    .option(...URL_OPTION)
    .addOption(pinOption())
    .action(async (code: string, options: BoxAddress) => done(await clearFault(code, options))),
  [
    'voltkeep clear-fault CONTACTOR_WELDED',
    'voltkeep clear-fault METER_WENT_BACK --url http://192.168.1.20:8080',
  ],
)

const outbox = program.command('outbox').description('what the server refused for good (parked)')
examples(outbox, ['voltkeep outbox list', 'voltkeep outbox retry'])
examples(
  outbox
    .command('list')
    .description('each parked fact with the words that the server refused it with')
    .option(...URL_OPTION)
    .action(async ({ url }: BoxAddress) => done(await showParked(url))),
  ['voltkeep outbox list'],
)
examples(
  outbox
    .command('retry')
    .description('have it told once more, when its cause is gone at the server')
    .option(...URL_OPTION)
    .addOption(pinOption())
    .action(async (options: BoxAddress) => done(await retryParked(options))),
  ['voltkeep outbox retry --url http://192.168.1.20:8081'],
)

for (const [name, bundle, words] of [
  ['cloud', 'cloud', 'run the cloud: OCPP server, HTTP API and console'],
  ['sim', 'hw-sim', 'run the simulated hardware: board, relay, meter and car on a pseudo terminal'],
] as const) {
  examples(
    program
      .command(`${name} [options...]`)
      .description(words)
      .helpOption(false)
      .allowUnknownOption()
      .action(async (options: string[]) => {
        process.exitCode = await runProgram(join(bundleFolder(), `${bundle}.mjs`), options)
      }),
    [],
  )
}

function prepareOptions(options: AgentOptions): PrepareOptions {
  return {
    configFile: options.config,
    firmwareVersion: packageJson.version,
    runDir: options.runDir ?? null,
    bootId: options.bootId ?? null,
    wallOffsetMs: options.clockOffsetMs ?? 0,
  }
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('expected a whole number')
  return value
}

function absolutePath(text: string): string {
  if (!text.startsWith('/')) throw new InvalidArgumentError('expected an absolute path')
  return text
}

function examples(command: Command, lines: readonly string[]): void {
  if (lines.length > 0)
    command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`)
}

function done(outcome: Outcome): void {
  if (outcome.out !== undefined) process.stdout.write(`${outcome.out}\n`)
  if (outcome.error !== undefined) process.stderr.write(`${outcome.error}\n`)
  process.exitCode = outcome.exitCode
}

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? 0 : 2
}
