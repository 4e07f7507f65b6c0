import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { freezeDeep } from '../frozen-session.ts'
import type { ColdSession, Session } from '../session.ts'
import { createDictionary } from './dictionary.ts'
import { giveToken, SEPARATOR, takeToken, type TokenParts, type TokenPlan, type TokenSource } from './token-parts.ts'
import { readVarint, writeVarint } from './varint.ts'

/** A session in as few bytes as it takes: what every request needs, and apart from it what few do. */
export interface PackedSession {
  readonly hot: Buffer
  readonly cold: Buffer
}

/** Fields of a session that are kept beside it: they are not packed, and what is packed may refer to them. */
export type KeptApart = Partial<Omit<Session, 'cold' | 'accessToken'>>

export interface SessionPacker {
  pack (session: Session, apart?: KeptApart): PackedSession
  /**
   * `cold` is asked for when somebody reads it; null there: without tokens. Only for what a seal has vouched for. null: not packed here.
   * @param apart the same as when it was packed, in the same order
   */
  unpack (hot: Buffer, cold: () => Buffer | null, apart?: KeptApart): UnpackedSession | null
}

export interface UnpackedSession {
  readonly session: Session
  /** How much there is to keep of it. */
  readonly bytes: number
}

type Plans = Readonly<Record<string, TokenPlan | null>>

/** What is larger is not deflated, since no more is inflated: a few bytes shall not become many megabytes. */
const MAX_DEFLATED_TEXT = 2 ** 20
/**
 * Most sessions have some KB. What zlib takes for larger ones by itself are 400 KB for each packing, which malloc then
 * holds on to, and a buffer of 16 KB for each result, which lives until the next collection.
 */
const ZLIB = { memLevel: 7, chunkSize: 4096 } as const
const [SMALL_WINDOW_BITS, WINDOW_BITS] = [14, 15]
/** Raw deflate has no checksum: with another dictionary it would give other words, and not an error. */
const TAG_LENGTH = 4
/** Room for what is kept apart, and for most hot parts. */
const SCRATCH_BYTES = 16384
const MAX_UTF8_BYTES = 3
const NO_TOKENS: ColdSession = Object.freeze({ refreshToken: null, idToken: null })

function planToken (token: string | null, parts: TokenParts): TokenPlan | null {
  return token === null ? null : takeToken(token, parts)
}

/** Text that is deflated, and behind it bytes that look random. Deflated is never nothing: 0 says that the text stands there as it is. */
function packPart (value: Plans, { texts, bytes }: TokenParts, dictionary: Buffer): { packed: Buffer, text: string } {
  const text = [JSON.stringify(value), ...texts].join(SEPARATOR)
  const plain = Buffer.from(text)
  if (plain.length > MAX_DEFLATED_TEXT) return { packed: Buffer.concat([writeVarint(0), writeVarint(plain.length), plain, ...bytes]), text }
  // Where not all of it fits, an ID token would not find its claims in the hot part.
  const windowBits = dictionary.length + plain.length < 2 ** SMALL_WINDOW_BITS ? SMALL_WINDOW_BITS : WINDOW_BITS
  const deflated = deflateRawSync(plain, { ...ZLIB, windowBits, dictionary, level: 9 })
  return { packed: Buffer.concat([writeVarint(deflated.length), deflated, ...bytes]), text }
}

/** The text of a part, and where the bytes behind it begin; null: there is none. */
function readText (packed: Buffer, dictionary: Buffer): { text: string, end: number } | null {
  const deflated = readVarint(packed, 0)
  if (deflated === null) return null
  const [length, start] = deflated
  if (length > 0) return { text: inflateRawSync(packed.subarray(start, start + length), { chunkSize: ZLIB.chunkSize, dictionary, maxOutputLength: MAX_DEFLATED_TEXT }).toString(), end: start + length }
  const plain = readVarint(packed, start)
  return plain === null ? null : { text: packed.toString('utf8', plain[1], plain[1] + plain[0]), end: plain[1] + plain[0] }
}

interface OpenPart {
  readonly value: Plans
  readonly source: TokenSource
  readonly text: string
}

function sourceOf (texts: readonly string[], packed: Buffer, start: number): TokenSource {
  let [nextText, nextByte] = [0, start]
  return {
    text: () => texts[nextText++] ?? '',
    bytes (count) {
      nextByte += count
      return packed.subarray(nextByte - count, nextByte)
    }
  }
}

/** null: of another layout or dictionary. */
function openPart (packed: Buffer, dictionary: Buffer): OpenPart | null {
  try {
    const read = readText(packed, dictionary)
    if (read === null) return null
    const [json = '', ...texts] = read.text.split(SEPARATOR)
    return { text: read.text, value: JSON.parse(json) as Plans, source: sourceOf(texts, packed, read.end) }
  } catch {
    return null
  }
}

const giveBack = (plan: TokenPlan | null | undefined, source: TokenSource): string | null => plan === null || plan === undefined ? null : giveToken(plan, source)

const textOf = (apart: KeptApart | undefined): string => apart === undefined ? '' : JSON.stringify(apart)

function withoutThese (plans: object, apart: KeptApart = {}): Plans {
  return Object.fromEntries(Object.entries(plans).filter(([name]) => !(name in apart))) as Plans
}

/**
 * Cuts tokens at their dots, undoes base64url and deflates what is text: with a dictionary of what many sessions
 * have, and the cold part with the hot one too, since an ID token says again what its claims say.
 * @param binding what all sessions have in common; none of another binding unpacks
 */
export function createSessionPacker (binding: string): SessionPacker {
  const common = createDictionary(binding)
  const tag = createHash('sha256').update(common).digest().subarray(0, TAG_LENGTH)
  const scratch = Buffer.concat([common, Buffer.alloc(SCRATCH_BYTES)])

  /** Behind what all have in common. Good until the next is asked for: memory of its own for each would cost more than what it saves. */
  function dictionaryOf (text: string): Buffer {
    if (text.length * MAX_UTF8_BYTES > SCRATCH_BYTES) return Buffer.concat([common, Buffer.from(text)])
    return scratch.subarray(0, common.length + scratch.write(text, common.length))
  }

  function openHot (hot: Buffer, apartText: string): OpenPart | null {
    return hot.subarray(0, TAG_LENGTH).equals(tag) ? openPart(hot.subarray(TAG_LENGTH), dictionaryOf(apartText)) : null
  }

  /** The text that the cold part was packed with is not kept for those who never read it. */
  function openCold (hot: Buffer, cold: Buffer | null, apartText: string): ColdSession {
    const hotPart = openHot(hot, apartText)
    const part = hotPart === null || cold === null ? null : openPart(cold, dictionaryOf(apartText + hotPart.text))
    if (part === null) return NO_TOKENS
    const { value, source } = part
    return Object.freeze({ refreshToken: giveBack(value.refreshToken, source), idToken: giveBack(value.idToken, source) })
  }

  return {
    pack ({ cold, ...session }, apart) {
      const apartText = textOf(apart)
      const hotParts: TokenParts = { texts: [], bytes: [] }
      const accessToken = planToken(session.accessToken, hotParts)
      const hot = packPart(withoutThese({ ...session, accessToken }, apart), hotParts, dictionaryOf(apartText))
      const coldParts: TokenParts = { texts: [], bytes: [] }
      const plans = { refreshToken: planToken(cold.refreshToken, coldParts), idToken: planToken(cold.idToken, coldParts) }
      return { hot: Buffer.concat([tag, hot.packed]), cold: packPart(plans, coldParts, dictionaryOf(apartText + hot.text)).packed }
    },
    unpack (hot, cold, apart) {
      const apartText = textOf(apart)
      const part = openHot(hot, apartText)
      if (part === null) return null
      const { value, source, text } = part
      // Not by spreading, which takes half as long again here, for every session that is opened.
      const session = freezeDeep(Object.assign({}, apart, value, { accessToken: giveBack(value.accessToken, source) })) as unknown as Omit<Session, 'cold'>
      let opened: ColdSession | null = null
      return {
        bytes: text.length + hot.length,
        session: Object.freeze({
          ...session,
          get cold () {
            opened ??= openCold(hot, cold(), apartText)
            return opened
          }
        })
      }
    }
  }
}
