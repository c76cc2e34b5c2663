// CRC-16 of Modbus RTU (Modbus over Serial Line V1.02, 6.2.2): polynomial 0xA001 reflected, start 0xFFFF, low byte first.

const TABLE = Uint16Array.from({ length: 256 }, (_, index) => {
  let crc = index
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  return crc
})

/** The CRC of the first `length` bytes, as the number whose low byte is sent first. */
export function crc16(bytes: Uint8Array, length = bytes.length): number {
  let crc = 0xffff
  for (let index = 0; index < length; index++) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0)
  }
  return crc
}

/** The frame with its CRC behind it. */
export function withCrc(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(body.length + 2)
  frame.set(body)
  frame.writeUInt16LE(crc16(body), body.length)
  return frame
}

/** Whether the last two bytes are the CRC of those before; false for frames shorter than 4 bytes. */
export function crcHolds(frame: Uint8Array): boolean {
  const end = frame.length - 2
  if (end < 2) return false
  const sent = (frame[end] ?? 0) | ((frame[end + 1] ?? 0) << 8)
  return crc16(frame, end) === sent
}
