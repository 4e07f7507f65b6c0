import { SALT_HEAD_BYTES, VOUCHER_BYTES, readVarint, writeVarint, type EpochSeconds } from 'fastify-oidc-session-store'

// The first byte. Another layout gets another number.
const FORM = 1
const END_BYTES = 8
const REVISION_BYTES = 6
const END_AT = 1
const REVISION_AT = END_AT + END_BYTES + VOUCHER_BYTES
const SALT_AT = REVISION_AT + REVISION_BYTES

/** A record begins with what tells revisions and ends apart: form, end, its voucher, revision, salt. */
export const MARK_BYTES = SALT_AT + SALT_HEAD_BYTES

/** A session as one value in Redis. End and revision are in clear, for scripts; the voucher stands for them. */
export interface SessionRecord {
  readonly expiresAt: EpochSeconds
  readonly voucher: Buffer
  readonly revision: number
  readonly salt: Buffer
  readonly meta: Buffer
  readonly hot: Buffer
  readonly cold: Buffer
}

/** The end and its voucher, as `touch` writes them over the former ones. */
export function writeEnd (expiresAt: EpochSeconds, voucher: Buffer): Buffer {
  const end = Buffer.allocUnsafe(END_BYTES)
  end.writeBigUInt64BE(BigInt(expiresAt))
  return Buffer.concat([end, voucher])
}

/** The mark of a record behind its new end. */
export function markWithEnd (mark: Buffer, end: Buffer): Buffer {
  return Buffer.concat([mark.subarray(0, END_AT), end, mark.subarray(REVISION_AT)])
}

/** The salt stands at the end of the mark. */
export function saltOf (mark: Buffer): Buffer {
  return mark.subarray(SALT_AT, MARK_BYTES)
}

export function writeRecord ({ expiresAt, voucher, revision, salt, meta, hot, cold }: SessionRecord): Buffer {
  const rev = Buffer.allocUnsafe(REVISION_BYTES)
  rev.writeUIntBE(revision, 0, REVISION_BYTES)
  return Buffer.concat([Buffer.of(FORM), writeEnd(expiresAt, voucher), rev, salt, writeVarint(meta.length), meta, writeVarint(hot.length), hot, cold])
}

/** null: nothing of this layout. */
export function readRecord (bytes: Buffer): SessionRecord | null {
  if (bytes.length < MARK_BYTES || bytes[0] !== FORM) return null
  const [metaLength, metaAt] = readVarint(bytes, MARK_BYTES) ?? [0, bytes.length]
  const [hotLength, hotAt] = readVarint(bytes, metaAt + metaLength) ?? [0, bytes.length]
  return {
    expiresAt: Number(bytes.readBigUInt64BE(END_AT)),
    voucher: bytes.subarray(END_AT + END_BYTES, REVISION_AT),
    revision: bytes.readUIntBE(REVISION_AT, REVISION_BYTES),
    salt: saltOf(bytes),
    meta: bytes.subarray(metaAt, metaAt + metaLength),
    hot: bytes.subarray(hotAt, hotAt + hotLength),
    cold: bytes.subarray(hotAt + hotLength)
  }
}

/** For scripts: end and revision of the record at KEYS[1], or of the hash that a session was before; nil where neither stands. */
export const READ_MARK = `
local function read (text, first, last)
  local number = 0
  for place = first, last do number = number * 256 + string.byte(text, place) end
  return number
end
local kind = redis.call('TYPE', KEYS[1]).ok
local former = kind == 'hash'
local rev, ends
if former then
  local kept = redis.call('HMGET', KEYS[1], 'rev', 'exp')
  rev, ends = kept[1] and tonumber(kept[1]), kept[2] and tonumber(string.match(kept[2], '^%d+'))
elseif kind == 'string' then
  local mark = redis.call('GETRANGE', KEYS[1], 0, ${SALT_AT - 1})
  if #mark == ${SALT_AT} then ends, rev = read(mark, ${END_AT + 1}, ${END_AT + END_BYTES}), read(mark, ${REVISION_AT + 1}, ${SALT_AT}) end
end`

/** Where `touch` writes. */
export const END_OFFSET = END_AT
