// LEB128: seven bits a byte, the lowest first, the eighth says that more come.
const MORE = 0x80
const MAX_BYTES = 8

/** A whole number from 0 on, in as few bytes as it takes. */
export function writeVarint (value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= MORE) {
    bytes.push(rest % MORE + MORE)
    rest = Math.floor(rest / MORE)
  }
  return Buffer.from([...bytes, rest])
}

/** The number at an offset, and the offset behind it; null: none stands there. */
export function readVarint (bytes: Buffer, offset: number): readonly [value: number, end: number] | null {
  let [value, scale] = [0, 1]
  for (let index = 0; index < MAX_BYTES; index++) {
    const byte = bytes[offset + index]
    if (byte === undefined) return null
    value += byte % MORE * scale
    if (byte < MORE) return [value, offset + index + 1]
    scale *= MORE
  }
  return null
}
