import { SerialPort } from 'serialport'
import { afterEach, expect, test } from 'vitest'
import { startTokenReader, type TokenReader } from '../../../hw-sim/bus/token-reader.ts'
import { TOKEN, tokenFrame } from '../../../hw-sim/devices/rdm6300.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'

const clock = systemClock()
const open: { readers: TokenReader[]; ports: SerialPort[] } = { readers: [], ports: [] }
afterEach(async () => {
  for (const port of open.ports.splice(0)) {
    await new Promise<void>((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve()))
  }
  for (const reader of open.readers.splice(0)) reader.close()
})

test('a frame is 02, ten digits, the XOR of the five bytes in two digits, 03', () => {
  expect(Buffer.from(tokenFrame('0A00B8C2F1')).toString('latin1')).toBe('\u00020A00B8C2F181\u0003')
  expect(tokenFrame('0000000000').length).toBe(14)
  expect(TOKEN.test('0A00B8C2F')).toBe(false)
})

test('a touched reader sends its frame on its terminal, as often as it is told', async () => {
  const reader = startTokenReader({
    name: 'reader',
    clock,
    linkPath: null,
    onTrouble: (detail) => {
      throw new Error(detail)
    },
  })
  open.readers.push(reader)
  const port = new SerialPort({ path: reader.path() ?? '', baudRate: 9600, autoOpen: false })
  open.ports.push(port)
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
  let heard = Buffer.alloc(0)
  port.on('data', (chunk: Buffer) => {
    heard = Buffer.concat([heard, chunk])
  })
  reader.touch('0A00B8C2F1', 3)
  const endMs = clock.monotonic() + 3000
  while (heard.length < 42 && clock.monotonic() < endMs) await clock.sleep('listen', 5)
  const frame = Buffer.from(tokenFrame('0A00B8C2F1'))
  expect(heard).toEqual(Buffer.concat([frame, frame, frame]))
})
