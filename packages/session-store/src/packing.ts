import { deflateRawSync, inflateRawSync } from 'node:zlib'

const MAX_PLAIN_BYTES = 2 ** 20

// The first byte. Another layout gets another number.
const PLAIN = 1
const DEFLATED = 2

/**
 * Text in as few bytes as it takes: deflated where that makes it smaller. Above a megabyte nothing is
 * deflated, since it would not be inflated again.
 */
export function packText (text: string): Buffer {
  const plain = Buffer.from(text)
  const deflated = plain.length <= MAX_PLAIN_BYTES ? deflateRawSync(plain) : plain
  return deflated.length < plain.length
    ? Buffer.concat([Buffer.of(DEFLATED), deflated])
    : Buffer.concat([Buffer.of(PLAIN), plain])
}

/** null: of a layout that is not known here. Only for what a seal has vouched for. */
export function unpackText (packed: Buffer): string | null {
  const body = packed.subarray(1)
  switch (packed[0]) {
    case PLAIN: return body.toString()
    case DEFLATED: return inflateRawSync(body, { maxOutputLength: MAX_PLAIN_BYTES }).toString()
    default: return null
  }
}
