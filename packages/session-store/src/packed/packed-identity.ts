import type { SessionSummary } from '../session.ts'
import { readVarint, writeVarint } from './varint.ts'

/** Who a session is and since when, without the end, which moves. */
export type SessionMeta = Omit<SessionSummary, 'expiresAt'>

// How a value stands there: the rest of its first number says how long it is, or what.
const NULL = 0
const TEXT = 1
const BASE64URL = 2
const UUID = 3
/** So much of the binding, from an offset on. */
const BOUND = 4
const NUMBER = 5
const AS_JSON = 6
const KINDS = 8

const UUID_TEXT = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
const UUID_HEX = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/
const MAX_NUMBER = Math.floor(Number.MAX_SAFE_INTEGER / KINDS)

const kept = (kind: number, bytes: Buffer): readonly Buffer[] => [writeVarint(bytes.length * KINDS + kind), bytes]

const asJson = (value: string | number): readonly Buffer[] => kept(AS_JSON, Buffer.from(JSON.stringify(value)))

function packString (text: string, binding: string): readonly Buffer[] {
  const offset = binding.indexOf(text)
  if (offset >= 0) return [writeVarint(text.length * KINDS + BOUND), writeVarint(offset)]
  if (UUID_TEXT.test(text)) return kept(UUID, Buffer.from(text.replaceAll('-', ''), 'hex'))
  const decoded = Buffer.from(text, 'base64url')
  // Another spelling of the same bytes would come back as another text.
  if (decoded.toString('base64url') === text) return kept(BASE64URL, decoded)
  const utf8 = Buffer.from(text)
  return utf8.toString() === text ? kept(TEXT, utf8) : asJson(text)
}

function packValue (value: string | number | null, binding: string): readonly Buffer[] {
  if (value === null) return [writeVarint(NULL)]
  if (typeof value === 'string') return packString(value, binding)
  return Number.isInteger(value) && value >= 0 && value <= MAX_NUMBER ? [writeVarint(value * KINDS + NUMBER)] : asJson(value)
}

interface Place { offset: number }

function takeVarint (packed: Buffer, place: Place): number {
  const [value, end] = readVarint(packed, place.offset) ?? [NULL, Infinity]
  place.offset = end
  return value
}

function takeValue (packed: Buffer, place: Place, binding: string): string | number | null {
  const first = takeVarint(packed, place)
  const rest = Math.floor(first / KINDS)
  const take = (): Buffer => {
    place.offset += rest
    return packed.subarray(place.offset - rest, place.offset)
  }
  switch (first % KINDS) {
    case TEXT: return take().toString()
    case BASE64URL: return take().toString('base64url')
    case UUID: return take().toString('hex').replace(UUID_HEX, '$1-$2-$3-$4-$5')
    case BOUND: {
      const start = takeVarint(packed, place)
      return binding.slice(start, start + rest)
    }
    case NUMBER: return rest
    case AS_JSON: return JSON.parse(take().toString()) as string | number
    default: return null
  }
}

export interface IdentityPacker {
  pack (meta: SessionMeta): Buffer
  /** Only for what a seal has vouched for. */
  unpack (packed: Buffer): SessionMeta
}

/**
 * Writes down who a session is in as few bytes as it takes without deflating: it is read with every session.
 * @param binding what all sessions have in common, by which they are shorter; none of another binding unpacks
 */
export function createIdentityPacker (binding: string): IdentityPacker {
  return {
    pack: ({ id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt }) =>
      Buffer.concat([id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt].flatMap(value => packValue(value, binding))),
    unpack (packed) {
      const place = { offset: 0 }
      const next = (): unknown => takeValue(packed, place, binding)
      return { id: next(), issuer: next(), subject: next(), providerSessionId: next(), issuedAt: next(), clientId: next(), createdAt: next() } as SessionMeta
    }
  }
}
