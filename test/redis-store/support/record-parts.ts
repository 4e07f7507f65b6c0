import type { Redis } from 'ioredis'

/** A session as it stands in Redis, taken apart: form, end in clear, its voucher, revision in clear, salt, and the sealed parts. */
export interface RecordParts {
  readonly form: Buffer
  readonly end: Buffer
  readonly voucher: Buffer
  readonly rev: Buffer
  readonly salt: Buffer
  readonly meta: Buffer
  readonly hot: Buffer
  readonly cold: Buffer
}

function readLength (bytes: Buffer, at: number): [length: number, end: number] {
  const [low = 0, high = 0] = bytes.subarray(at)
  return low < 128 ? [low, at + 1] : [low - 128 + high * 128, at + 2]
}

const writeLength = (length: number): Buffer => length < 128 ? Buffer.of(length) : Buffer.of(length % 128 + 128, Math.floor(length / 128))

export function splitRecord (record: Buffer): RecordParts {
  const [metaLength, metaAt] = readLength(record, 51)
  const [hotLength, hotAt] = readLength(record, metaAt + metaLength)
  const part = (start: number, length: number): Buffer => Buffer.from(record.subarray(start, start + length))
  return { form: part(0, 1), end: part(1, 8), voucher: part(9, 16), rev: part(25, 6), salt: part(31, 20), meta: part(metaAt, metaLength), hot: part(hotAt, hotLength), cold: part(hotAt + hotLength, Infinity) }
}

export function joinRecord ({ form, end, voucher, rev, salt, meta, hot, cold }: RecordParts): Buffer {
  return Buffer.concat([form, end, voucher, rev, salt, writeLength(meta.length), meta, writeLength(hot.length), hot, cold])
}

export function writtenEnd (end: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(end))
  return bytes
}

export function writtenRevision (revision: number): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeUIntBE(revision, 0, 6)
  return bytes
}

/** What someone who may read everything sees of a session. */
export async function readParts (client: Redis, key: string): Promise<RecordParts> {
  return splitRecord(await client.getBuffer(key) ?? Buffer.alloc(0))
}

/** What someone who may write everything makes of a session; it lives as long as it did. */
export async function writeParts (client: Redis, key: string, parts: RecordParts): Promise<void> {
  await client.set(key, joinRecord(parts), 'KEEPTTL')
}
