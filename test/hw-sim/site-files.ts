// Sites for tests, by what differs from the built-in one.
import { type BoardId, boardKindOf } from '../../hw-sim/devices/boards.ts'
import { parseSite, problemText } from '../../hw-sim/site.ts'
import type { Site } from '../../hw-sim/site-shape.ts'

/** A site from YAML text; fails with the problems. */
export function siteOf(text: string): Site {
  const parsed = parseSite(text, 'site.yaml')
  if (!parsed.ok) throw new Error(parsed.error.map(problemText).join('\n'))
  return parsed.value
}

export const BUS_AND_DEVICES = `
buses:
  - { name: main }
devices:
  - { name: board, device: phoenix-ev-cc-ac1-m3-rtu, bus: main, unitId: 1, xr: { relay: relay, channel: 1 } }
  - { name: meter, device: eastron-sdm630-v2, bus: main, unitId: 2 }
  - { name: relay, device: waveshare-modbus-rtu-relay-8ch, bus: main, unitId: 3 }
  - { name: inputs, device: waveshare-modbus-rtu-io-8ch, bus: main, unitId: 4 }
`

/** A socket box with everything that can hang on a relay and an input module. */
export const WIRED_SOCKET = `${BUS_AND_DEVICES}
cable: { kind: socket, ratingMilliamps: 20000 }
lock:
  drive: { lock: { relay: relay, channel: 2 }, unlock: { relay: relay, channel: 3 } }
  feedback: { input: { inputs: inputs, channel: 1 } }
release:
  coil: { relay: relay, channel: 4 }
  mirror: { input: { inputs: inputs, channel: 2 } }
residualMonitor:
  trip: { input: { inputs: inputs, channel: 3 } }
  test: { relay: relay, channel: 5 }
gridLimit: { input: { inputs: inputs, channel: 4 } }
stopButton: { input: { inputs: inputs, channel: 5 }, closedWhen: released }
readers: [{ name: reader, device: rdm6300 }]
`

/** A tethered site with a board of this make, wired as the make needs it, and nothing else but its meter. */
export function siteWithBoard(id: BoardId): Site {
  const { transport, bauds, deadman } = boardKindOf(id)
  const wire = {
    release: 'xr: { relay: relay, channel: 1 },',
    supply: 'supply: { relay: relay, channel: 1 },',
    own: '',
  }
  const baud = transport === 'tcp' ? '' : `, baud: ${bauds[0]}`
  return siteOf(`
buses:
  - { name: main, kind: ${transport}${baud} }
  - { name: modules }
devices:
  - { name: board, device: ${id}, bus: main, ${wire[deadman]} unitId: ${transport === 'tcp' ? 255 : 1} }
  - { name: meter, device: eastron-sdm630-v2, bus: modules, unitId: 2 }
  - { name: relay, device: waveshare-modbus-rtu-relay-8ch, bus: modules, unitId: 3 }
`)
}
