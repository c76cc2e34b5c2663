// docs/drivers/quality.md from the drivers, the facts and the grades below.
import type { UnitLine } from '../../agent/control/ports/bus.ts'
import { camelCase, factsOf } from '../facts/facts.ts'

interface Graded {
  readonly id: string
  readonly line: UnitLine
  readonly rows: readonly { readonly name: string; readonly address: number }[]
}

/** What is known to be open, by driver. */
const OPEN: Readonly<Record<string, readonly string[]>> = {
  'phoenix-ev-cc-ac1-m3-rtu': [
    'no register tells whether the contactor is closed or the plug is locked: safety infers "open" from pilot and current',
    'the value of 22000 after a restart is not stated by the vendor: it is read before the first offer',
    'function code of 24000 ff.: the vendor lists holding registers (3), evcc reads with 4; this driver uses 3',
    'error bits are taken as numbered from 1, as the manual prints them; not yet seen on a device',
    'the DIP switch maximum (24027) is not read: the installation limit is the agent’s own',
  ],
  'heidelberg-energy-control': [
    'dead-man: its own watchdog (257, 4 to 15 s, else 15 s is written), fed by any valid request; then 0 A (262) and state F',
    'no register tells whether the contactor is closed: safety infers "open" from pilot and current',
    'tethered: no proximity contact, no lock; no serial number',
    'the current that the pilot shows is not told: what is set (261) is told in its place, at most what the hardware gives',
    'whether 257, 258, 259 and 262 wear is not published: written only where they differ; on layout 1.0.7 stand-by and ' +
      'lock cannot be read, so both are written at the start and where the board may have restarted, 4 times at most',
    'state 11 (error) has no number; state 8 (derating) is a charge whose real offer is not told',
    'after the watchdog it is in F for about 10 s and then goes on with 261 as it stands: control pauses before it holds',
  ],
  'evracing-evse-din': [
    'no watchdog and no release input: a relay cuts the board’s supply, and register 2000 (6 A at least) is what it offers when the supply is back',
    'bits 4 and 5 of 1007 are told in two ways: bit 4 is an error only while no self-test runs; bit 0 (relay) is told in both polarities and is not used',
    'states E and F are both "failure" (told as F); no serial number: a board is known by its unit id, its firmware and the ranges of its settings',
    'register 2005: bit 7 is set (0.01 A, firmware 17 or later) and bit 3 cleared (no charging with ventilation), by read, change and write; bits 13 to 15 are never written',
    'the self-test is offered only where bit 4 of 2005 (feedback of a residual current monitor) is set; 1009 as its countdown is of medium confidence',
    'an error of its residual current monitor stays until a new self-test is started (1004 bit 2 goes before it) or the supply is cut; where no monitor is connected nothing else clears it',
  ],
  'viridian-epc2-plus': [
    'no register tells the contactor, the lock’s feedback, x1 from x2, or state E: paused means register 5 = 0, read back',
    'whether registers 28 and 30 (watchdog) outlive a loss of supply is not stated: compared at each start, written where they differ',
    'register 12 (lock at power loss) is left as it was found; register 13 is made 0, so that no charge begins by itself after a power cut',
    'offers are at most register 44 (16 A as delivered), which is left as it was found',
    'no serial number: a board is known by its unit id and line settings in 21 to 23',
  ],
  'keba-p30': [
    'dead-man: its own watchdog (5018 = 10 s, 5016 = 0 A, both written to RAM at each start), fed by writes only: 5018 and ' +
      'the order that stands, each 3 s; the time-out is read back (1602), the current is not (later guides have it at 1600)',
    'no pilot letter: A to C follow from 1000 and 1004, an error with a car is F; while 1000 is 0 (start) there is no reading',
    'x1 and x2 are not told: it offers where 1000 is 2 or 3, and 1100 is taken for what the pilot tells',
    '1000 = 5 is a pause as well as heat: over-temperature is not told apart; error numbers (1006) are not published',
    'no register tells whether the contactor is closed: safety infers "open" from pilot and current',
    'each register is a request of its own: a reading is 1000 and one more, the cable (1004) with every second one, or at once ' +
      'where 1000 has changed',
    'its own meter (1008 to 1044) is not read here; phase switching (5052) is not used',
  ],
  'abl-emh1': [
    'dead-man: its upstream time-out, fed by any request; its length is published nowhere and what is left then cannot be ' +
      'read (register 0x06 bit 15 chooses F4 or F14): a silence test at commissioning proves both, and without it on it is refused',
    'the first request after a silence is often lost: the driver makes its first one twice',
    'a duty of 0.1 % is 60 mA: offers are multiples of 60 mA, 16 A becomes 15.96 A',
    'no register tells contactor, lock or the rating of the plug; the board trips by itself on over-current (F9: more than ' +
      '105 % for 1000 s, 110 % for 100 s, 120 % for 10 s)',
    'F14 to F17 and class 0 to 7 of the over-current are told as raw flags only; how it leaves F4 is not published',
    'its own current transformers (0x2E) may be absent and are not read here',
  ],
  'mennekes-amtron-compact-2s': [
    'dead-man: a heartbeat (0x0D00) is written each 5 s; 10 s without it and the station pauses (0x073A = 1), 0 A',
    'what the fallback 0 ("disabled") does is not published: it is set to 1, or the station is refused',
    'which word of a float comes first is disputed: found from the voltages at each start; without a voltage it is refused',
    'the pause is 0x0D05 = 0; 0x0302 = 0 is unlimited and is never written. A station that starts released and unlimited by ' +
      'itself is paused when control finds it, or by its own watchdog',
    'at least 5 s between changes of the current: kept for increases, decreases never wait',
    'the station locks its plug by itself; its status is told, but no register moves it: as a socket box it is refused so far',
    'no proximity, no relay register; error numbers are not published and are told as they are',
    'no register tells what 0x0302 resolves: steps of 0.1 A are asked for, what is signalled is read back',
  ],
  'eastron-sdm630-v2': [
    'float32 register: 2 Wh steps from 16,384 kWh, 4 Wh from 32,768 kWh',
    'a sum of powers that does not fit the total is not judged here',
    'some lots of the sister model SDM72 answer 10 words at most; no shorter blocks for this one',
  ],
  'waveshare-modbus-rtu-relay-8ch': [
    'whether a running flash-on is extended by a new one is not stated by the vendor: commissioning proves it',
    'the relay’s own state is not read back: the board’s input XR tells what counts',
  ],
  'waveshare-modbus-rtu-io-8ch': [
    'its outputs are not used: none of them ends by itself',
    'one description only, not seen on a device: which level of a contact reads as 1 is set per input, by activeWhen',
  ],
}

const row = (...cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`

function section(driver: Graded): readonly string[] {
  const facts = factsOf(driver.id)
  const used = new Set(driver.rows.map((it) => `${it.name} ${it.address}`))
  const unused = facts.registers.filter((fact) => !used.has(`${camelCase(fact.name)} ${fact.address}`))
  const { silenceMs, turnaroundWorstMs, latenessWorstMs } = driver.line
  return [
    `## ${driver.id}`,
    '',
    `${facts.vendor}, ${facts.model}.`,
    '',
    '**Bronze.** Silver wants a register dump of a real device in `test/golden/`; no hardware was used yet.',
    '',
    `- Sources: ${facts.sources.join('; ')}.`,
    `- Confidence of the map: ${facts.confidence}.`,
    `- Bus: ${silenceMs} ms of silence after its own reply. Answers within ${turnaroundWorstMs} ms, or up to ` +
      `${latenessWorstMs} ms late after it was given up: figures of ours, to be measured on a device.`,
    ...(OPEN[driver.id] ?? []).map((line) => `- Open: ${line}.`),
    '',
    `Rows used: ${driver.rows.length} (${driver.rows.map((it) => it.name).join(', ')}).`,
    '',
    `Rows of the facts that nothing uses: ${unused.length}.`,
    '',
    row('address', 'function code', 'name', 'unit', 'meaning'),
    row('---', '---', '---', '---', '---'),
    ...unused.map((fact) =>
      row(fact.address, fact.fc, camelCase(fact.name), fact.unit, fact.meaning.replaceAll('|', '/')),
    ),
    '',
  ]
}

const KEPT = /retentive|EEPROM|persistent|non-volatile/i

/** agent/cli/driver-facts.json: what `voltkeep drivers` and `voltkeep modbus write` tell. */
export const driverFactsFile = (drivers: readonly Graded[]): string => {
  const entries = drivers.map(({ id }) => {
    const facts = factsOf(id)
    return {
      id,
      vendor: facts.vendor,
      model: facts.model,
      grade: 'bronze',
      confidence: facts.confidence,
      sources: facts.sources.join('; '),
      gaps: (OPEN[id] ?? []).join('\n'),
      wears: facts.registers
        .filter((fact) => KEPT.test(fact.memory ?? '') && fact.access.includes('W'))
        .map((fact) => ({
          address: fact.address,
          count: fact.count,
          isCoil: [1, 2, 5, 15].includes(fact.fc),
          name: camelCase(fact.name),
          memory: fact.memory,
        })),
    }
  })
  return `${JSON.stringify(entries, null, 2)}\n`
}

export const qualityPage = (drivers: readonly Graded[]): string =>
  [
    '# Drivers and their grades',
    '',
    'Bronze: the map cites the vendor’s document or two independent sources, the contract suite passes on hw-sim, a',
    'failure leaves no stale reading. Silver: also one register dump of a real device. Gold: also a wiring note, and',
    'tested under injected bus faults on hardware. `test/contract/drivers-facts.test.ts` holds this page against the',
    'drivers and the facts, and `vitest -u` on it writes the page anew.',
    '',
    ...drivers.flatMap(section),
  ].join('\n')
