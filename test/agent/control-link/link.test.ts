import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connectControl } from '../../../agent/control-link/client.ts'
import { LINE_MAX_BYTES } from '../../../agent/control-link/lines.ts'
import {
  type ControlToKeeper,
  type KeeperToControl,
  LINK_VERSION,
} from '../../../agent/control-link/messages.ts'
import { type KeeperLink, listenForKeeper } from '../../../agent/control-link/server.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { message } from '../../../shared/message.ts'
import { milliAmps, monotonicMs } from '../../../shared/units.ts'

const clock = systemClock()
const HELLO: ControlToKeeper = {
  kind: 'hello',
  version: LINK_VERSION,
  bootId: 'boot',
  permission: null,
  planVersion: null,
  facts: [],
  mirrorAgeMs: null,
  status: {
    atMonotonicMs: monotonicMs(1),
    pilot: 'A',
    plugId: null,
    chargingState: 'idle',
    relay: 'open',
    offeredMilliamps: milliAmps(0),
    binding: {
      currentMilliamps: milliAmps(0),
      source: 'installation',
      reason: message('limit.installationMissing'),
      untilMonotonicMs: null,
    },
    permissionUuid: null,
    planVersion: null,
    meter: null,
    faults: [],
    devices: [],
  },
}

let dir = ''
let socketPath = ''
const ends: (() => void)[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vk-link-'))
  socketPath = join(dir, 'control.sock')
})
afterEach(() => {
  for (const end of ends.splice(0)) end()
  rmSync(dir, { recursive: true, force: true })
})

async function until(what: string, holds: () => boolean) {
  const deadline = clock.monotonic() + 5000
  while (!holds()) {
    if (clock.monotonic() > deadline) throw new Error(`not within 5 s: ${what}`)
    await clock.sleep('poll', 5)
  }
}

function logger() {
  const lines: string[] = []
  const note = (fields: object, text: string) => lines.push(`${text} ${JSON.stringify(fields)}`)
  return { lines, info: note, warn: note }
}

/** A server that greets like control and keeps what it hears. */
async function control() {
  const heard: KeeperToControl[] = []
  const log = logger()
  let disconnects = 0
  let link: KeeperLink | null = null
  const listening = await listenForKeeper({
    socketPath,
    log,
    onMessage: (told) => {
      heard.push(told)
      if (told.kind === 'hello') link?.send(HELLO)
    },
    onDisconnected: () => {
      disconnects++
    },
  })
  if (!listening.ok) throw new Error(listening.error)
  link = listening.value
  ends.push(() => listening.value.close())
  return { heard, log, link: listening.value, disconnects: () => disconnects }
}

function keeper() {
  const heard: ControlToKeeper[] = []
  const log = logger()
  const counts = { up: 0, down: 0 }
  const link = connectControl({
    socketPath,
    clock,
    log,
    onMessage: (told) => heard.push(told),
    onConnected: () => {
      counts.up++
      link.send({ kind: 'hello', version: LINK_VERSION, bootId: 'boot' })
    },
    onDisconnected: () => counts.down++,
  })
  ends.push(() => link.close())
  return { heard, log, link, counts }
}

/** Raw bytes to the server; resolves when the server has closed the connection. */
const raw = (bytes: string | Buffer) =>
  new Promise<string>((resolve) => {
    const socket = connect(socketPath, () => socket.write(bytes))
    let got = ''
    socket.on('data', (chunk) => {
      got += chunk.toString()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(got))
    ends.push(() => socket.destroy())
  })

const hello = JSON.stringify({ kind: 'hello', version: LINK_VERSION, bootId: 'boot' })

describe('the link between control and keeper', () => {
  test('greets both ways and carries messages in order', async () => {
    const server = await control()
    const client = keeper()
    await until('both hellos', () => client.heard.length === 1)
    expect(client.heard[0]).toEqual(HELLO)
    for (let version = 1; version <= 50; version++)
      client.link.send({
        kind: 'plans',
        set: { version, bootId: 'boot', phasesWired: 3, mandatory: [], plans: [] },
      })
    await until('all sets', () => server.heard.length === 51)
    const versions = server.heard.flatMap((told) => (told.kind === 'plans' ? [told.set.version] : []))
    expect(versions).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
  })

  test('a client that starts first connects when control comes, and again after each of its deaths', async () => {
    const client = keeper()
    const first = await control()
    await until('first hello', () => client.heard.length === 1)
    first.link.close()
    await until('down', () => client.counts.down === 1)
    await control()
    await until('second hello', () => client.heard.length === 2)
    expect(client.counts).toEqual({ up: 2, down: 1 })
    expect(client.link.send({ kind: 'alive' })).toBe(true)
  })

  test('an outage is logged once, however often the connection fails', async () => {
    const client = keeper()
    await clock.sleep('several tries', 400)
    expect(client.log.lines.filter((line) => line.startsWith('no link'))).toHaveLength(1)
  })

  test('a socket file left by a killed control is replaced; one with a living owner is refused', async () => {
    writeFileSync(socketPath, '')
    const server = await control()
    expect(statSync(socketPath).mode & 0o777).toBe(0o600)
    const second = await listenForKeeper({
      socketPath,
      log: logger(),
      onMessage: () => undefined,
      onDisconnected: () => undefined,
    })
    expect(second).toMatchObject({ ok: false })
    expect(server.log.lines.join()).not.toContain('malformed')
  })

  test('a newer keeper takes the place of an older one', async () => {
    const server = await control()
    const old = keeper()
    await until('old greeted', () => old.heard.length === 1)
    const young = raw(`${hello}\n{"kind":"alive"}\n`)
    await until('young heard', () => server.heard.some((told) => told.kind === 'alive'))
    await until('old is down', () => old.counts.down >= 1)
    void young.catch(() => undefined)
  })

  test.each([
    ['no JSON', 'not json\n', 'malformed line'],
    ['no hello first', '{"kind":"alive"}\n', 'no hello'],
    ['another version', '{"kind":"hello","version":99,"new":1}\n', 'version 99'],
    ['an unknown kind', `${hello}\n{"kind":"selfDestruct"}\n`, 'malformed message'],
    ['a missing field', `${hello}\n{"kind":"revoke","uuid":"u"}\n`, '.reason'],
    ['a field too many', `${hello}\n{"kind":"alive","x":1}\n`, '.x is not known'],
    ['a line without an end', Buffer.alloc(LINE_MAX_BYTES + 10, 0x20), 'longer than'],
  ])('a peer with %s is cut off, logged once, and control lives on', async (_name, bytes, why) => {
    const server = await control()
    await raw(bytes)
    await raw(bytes)
    expect(server.log.lines.filter((line) => line.includes(why))).toHaveLength(1)
    const client = keeper()
    await until('a good one is served', () => client.heard.length === 1)
  })

  test('a line may come in any pieces', async () => {
    const server = await control()
    const socket = connect(socketPath)
    ends.push(() => socket.destroy())
    for (const byte of Buffer.from(`${hello}\n{"kind":"alive"}\n`)) {
      socket.write(Buffer.from([byte]))
      await clock.sleep('a byte', 0)
    }
    await until('both lines', () => server.heard.length === 2)
  })

  test('a client drops a control that speaks nonsense, and connects again', async () => {
    let connections = 0
    const server = createServer((socket) => {
      connections++
      socket.on('error', () => undefined)
      socket.write('{"kind":"status"}\n')
    })
    server.listen(socketPath)
    ends.push(() => server.close())
    const client = keeper()
    await until('three connections', () => connections >= 3)
    expect(client.heard).toEqual([])
    expect(client.log.lines.filter((line) => line.includes('no hello'))).toHaveLength(1)
  })

  test('a keeper that reads no more is cut off before it fills our memory', async () => {
    const server = await control()
    const socket = connect(socketPath)
    ends.push(() => socket.destroy())
    socket.pause()
    socket.write(`${hello}\n`)
    await until('greeted', () => server.heard.length === 1)
    const refusal: ControlToKeeper = { kind: 'refused', uuid: 'u', why: 'x'.repeat(4000) }
    let sent = 0
    while (server.link.send(refusal)) sent++
    expect(sent * 4000).toBeLessThan(4 * 1024 * 1024)
    await until('down', () => server.disconnects() === 1)
  })
})
