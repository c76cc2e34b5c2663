// The words of `voltkeep modbus`: its commands, options and examples. What they do is in the files beside this one, loaded
// only then: serialport's native part is not wanted by the other commands.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../../shared/io/system-clock.ts'
import type { Outcome } from './agent-command.ts'
import type { ReadOptions, WriteOptions } from './modbus-exchange.ts'
import type { MonitorOptions } from './modbus-monitor.ts'
import { showPlan } from './modbus-plan.ts'
import type { ScanOptions } from './modbus-scan.ts'
import type { PrepareOptions } from './prepare.ts'

export interface ModbusCommandParts {
  readonly done: (outcome: Outcome) => void
  readonly examples: (command: Command, lines: readonly string[]) => void
  readonly prepareOptions: (configFile: string) => PrepareOptions
}

const PLACE = '<port or host>'
const PLACE_WORDS = 'a serial port, such as /dev/ttyUSB0, or a host, such as 192.168.1.30:502'
const ALONE =
  '\nIt opens the port by itself. A port that a running agent has open is in use: end the agent first.\n' +
  'A gateway or station on TCP may serve one connection only; then end the agent too.'

export function addModbusCommands(program: Command, parts: ModbusCommandParts): void {
  const { done, examples, prepareOptions } = parts
  const clock = systemClock()
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  const modbus = program
    .command('modbus')
    .description('look at a Modbus bus: what is planned, what is there, and what is said')
  examples(modbus, ['voltkeep modbus plan agent.yaml', 'voltkeep modbus scan /dev/ttyUSB0 --baud 9600'])
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
  examples(
    line(modbus.command('scan').argument(PLACE, PLACE_WORDS))
      .description('find the units that answer, and tell which known device each is; it only reads')
      .addOption(new Option('--from <id>', 'first unit id').argParser(whole).default(1))
      .addOption(new Option('--to <id>', 'last unit id').argParser(whole).default(32))
      .addOption(timeout(100))
      .addHelpText('after', ALONE)
      .action(async (place: string, options: ScanOptions) => {
        const { scan } = await import('./modbus-scan.ts')
        done(await scan(place, options, clock, say))
      }),
    [
      'voltkeep modbus scan /dev/ttyUSB0 --baud 9600 --to 247',
      'voltkeep modbus scan 192.168.1.30 --from 255 --to 255',
    ],
  )
  examples(
    exchange(modbus.command('read').argument(PLACE, PLACE_WORDS))
      .description('read registers or coils: raw bytes, check sum, round trip, values')
      .addOption(
        new Option('--fc <code>', '1 coils, 2 inputs, 3 holding registers, 4 input registers')
          .argParser(whole)
          .default(3),
      )
      .addOption(new Option('--count <n>', 'registers or coils').argParser(whole).default(1))
      .addHelpText('after', ALONE)
      .action(async (place: string, options: ReadOptions) => {
        const { readOnce } = await import('./modbus-exchange.ts')
        done(await readOnce(place, options, clock))
      }),
    [
      'voltkeep modbus read /dev/ttyUSB0 --unit 1 --address 24000 --count 5',
      'voltkeep modbus read 192.168.1.30 --unit 255 --address 1000 --count 2',
    ],
  )
  examples(
    exchange(modbus.command('write').argument(PLACE, PLACE_WORDS))
      .description('write a register or a coil; asks first, and warns of registers that wear')
      .addOption(new Option('--fc <code>', '5 coil, 6 register, 16 registers').argParser(whole).default(6))
      .addOption(
        new Option('--value <n,...>', 'decimal or 0x...; a coil: 0, 1 or the raw word')
          .argParser(wholes)
          .makeOptionMandatory(),
      )
      .option('--yes', 'write without asking')
      .addHelpText('after', ALONE)
      .action(async (place: string, options: WriteOptions) => {
        const { writeOnce } = await import('./modbus-exchange.ts')
        done(await writeOnce(place, options, clock))
      }),
    [
      'voltkeep modbus write /dev/ttyUSB0 --unit 1 --address 22000 --value 16',
      'voltkeep modbus write /dev/ttyUSB0 --unit 3 --fc 5 --address 0 --value 1 --yes',
    ],
  )
  examples(
    line(modbus.command('monitor').argument('[port]', 'a serial port, such as /dev/ttyUSB1'))
      .description('listen to a serial line without sending, or watch a running agent')
      .option('--agent', "in place of a port: a running agent's devices, once a second, from its own status")
      .option('--url <url>', "address of the agent's page", 'http://127.0.0.1:8081')
      .addOption(new Option('--seconds <n>', 'end by itself').argParser(whole))
      .addHelpText(
        'after',
        '\nA serial port has one reader. While an agent runs, its own port cannot be listened to: take a second adapter on\n' +
          'the same two wires, or --agent, which tells requests, failures and reachability, but no frames. Nobody can listen\n' +
          'to a TCP connection from outside: there only --agent helps.',
      )
      .action(async (port: string | undefined, options: MonitorOptions & { agent?: true; url: string }) => {
        const { monitor, monitorAgent } = await import('./modbus-monitor.ts')
        if (options.agent) return done(await monitorAgent(options.url, options.seconds, clock, say))
        if (port !== undefined) return done(await monitor(port, options, clock, say))
        done({
          exitCode: 2,
          error: 'monitor\n  expected  a serial port, or --agent\n  got       neither\n  do        name one',
        })
      }),
    ['voltkeep modbus monitor /dev/ttyUSB1 --baud 9600', 'voltkeep modbus monitor --agent'],
  )
}

const line = (command: Command): Command =>
  command
    .option('--ascii', 'Modbus ASCII; 7 data bits and even parity where not given')
    .addOption(new Option('--baud <n>', 'of a serial port; 19200 where not given').argParser(whole))
    .addOption(new Option('--data-bits <n>', '7 or 8').argParser(whole).choices(['7', '8']).argParser(whole))
    .addOption(new Option('--parity <parity>', 'none where not given').choices(['none', 'even', 'odd']))
    .addOption(new Option('--stop-bits <n>', '1 or 2').argParser(whole))

const timeout = (ms: number) =>
  new Option('--timeout-ms <n>', 'how long a unit may think').argParser(whole).default(ms)

const exchange = (command: Command): Command =>
  line(command)
    .addOption(new Option('--unit <id>', 'unit id').argParser(whole).makeOptionMandatory())
    .addOption(
      new Option('--address <n>', 'PDU address, from 0; decimal or 0x...')
        .argParser(whole)
        .makeOptionMandatory(),
    )
    .addOption(timeout(500))
    .addOption(
      new Option('--reply-start <c>', 'ASCII: what replies begin with; an ABL: ">"').choices([':', '>']),
    )

function whole(text: string): number {
  const value = Number(text)
  if (!/^(\d+|0x[0-9a-f]+)$/i.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('expected a whole number, decimal or 0x...')
  }
  return value
}

const wholes = (text: string): readonly number[] => text.split(',').map(whole)
