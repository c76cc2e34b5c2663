// npm run bench -- [--only NAME] [--rounds N] [--minutes N] [--seed S] [--json]
// Prints one line a figure; exit code 1 when a goal is missed. Nothing here is a test: machines differ and are shared.
import { parseArgs } from 'node:util'
import { benchAgent } from './agent.ts'
import { benchBus } from './bus.ts'
import type { Figure } from './figure.ts'
import { benchModbus } from './modbus.ts'
import { benchReaction } from './reaction.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
const minutes = values.minutes === undefined ? undefined : Number(values.minutes)

/** Benchmarks by name; each runs for minutes. */
const BENCHES: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  reaction: () => benchReaction({ rounds: rounds ?? 500, seed }),
  agent: () => benchAgent({ minutes: minutes ?? 10 }),
  bus: () => benchBus({ seed, ...(rounds === undefined ? {} : { rounds }) }),
  modbus: () => benchModbus({ seed, ...(rounds === undefined ? {} : { rounds }) }),
}

const print = (figure: Figure) => {
  if (values.json) {
    console.log(JSON.stringify(figure))
    return
  }
  const verdict =
    figure.goal === '' ? '' : figure.met ? `  (goal ${figure.goal})` : `  MISSED, goal ${figure.goal}`
  console.log(`${figure.name.padEnd(28)} ${figure.value} ${figure.unit}${verdict}  ${figure.how}`)
}

const wanted = values.only === undefined ? Object.keys(BENCHES) : [values.only]
let missed = 0
for (const name of wanted) {
  const bench = BENCHES[name]
  if (!bench) {
    console.error(`--only ${name}: expected one of ${Object.keys(BENCHES).join(', ')}`)
    process.exit(2)
  }
  for (const figure of await bench()) {
    print(figure)
    if (!figure.met) missed++
  }
}
process.exit(missed === 0 ? 0 : 1)
