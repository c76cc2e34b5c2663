// RDM6300: an RFID reader that sends what it reads over a serial line of its own, 9600 8N1; nobody asks it. Pure.
// Frame, 14 bytes: 02, ten ASCII hex digits (a version byte and a tag of four bytes), two more: the XOR of those five
// bytes, 03.

export const RDM6300_LINE = { baud: 9600, parity: 'none', stopBits: 1 } as const

/** Ten hex digits. */
export const TOKEN = /^[0-9A-F]{10}$/

export function tokenFrame(token: string): Uint8Array {
  const bytes = Buffer.from(token, 'hex')
  let sum = 0
  for (const byte of bytes) sum ^= byte
  const digits = `${token}${sum.toString(16).padStart(2, '0').toUpperCase()}`
  return Uint8Array.from([0x02, ...Buffer.from(digits, 'latin1'), 0x03])
}
