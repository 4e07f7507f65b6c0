import { KeyObject } from 'node:crypto'
import { errors, type CryptoKey } from 'jose'
import type { Claims, Clock } from 'fastify-oidc-session-store'
import { ProviderInvalidError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import { algorithmsFor, ASYMMETRIC_ALGORITHMS, readPublicKey, splitAlgorithms } from '../options/signing-key.ts'
import type { KeySet } from '../provider/discovery.ts'
import { ProviderFault } from '../provider/fault.ts'
import type { Provider } from '../provider/provider.ts'
import { readVouchedClaims } from '../provider/vouched-claims.ts'
import { checkIsAccessToken, isIdTokenFor } from './access-token.ts'
import { expiredToken, invalidToken } from './invalid.ts'
import { createKeyFinder, type KeyFinder } from './provider-keys.ts'
import { hasRepeatedNames } from './repeated-names.ts'
import { prepareKey, verifySignature, type SignatureKey } from './signature.ts'
import type { JwtHeader } from './token.ts'

/** Verifies JWTs by their signature (RFC 7519, section 7.2; RFC 8725; RFC 9068, section 4). */
export interface JwtVerifier {
  readonly by: 'public_key' | 'jwks'
  /** @throws FST_OIDC_BEARER_INVALID, FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_PROVIDER_INVALID */
  verify (token: string, header: JwtHeader): Promise<Claims>
}

export interface VerifierRoom {
  readonly provider: Provider
  readonly settings: OidcSettings
  readonly clock: Clock
}

type SignedHeader = JwtHeader & { readonly alg: string, readonly kid?: string }

const PARTS = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/
/** Providers sign with a few keys, and the headers of what they sign differ in little else. */
const MAX_HEADERS = 64
const MAX_HEADER_LENGTH = 1024

function textOf (part: string): string {
  return Buffer.from(part, 'base64url').toString()
}

/** Bad tokens are common, and each one costs little: what can be seen without a key is looked at first. */
function checkHeader (header: JwtHeader, algorithms: readonly string[], part: string): asserts header is SignedHeader {
  if (typeof header.alg !== 'string' || !algorithms.includes(header.alg)) throw invalidToken(`it is signed with ${JSON.stringify(header.alg ?? null).slice(0, 40)}, and ${algorithms.join(', ')} are accepted`)
  if (header.crit !== undefined) throw invalidToken('it demands an extension that is not known here (crit)')
  if (header.kid !== undefined && typeof header.kid !== 'string') throw invalidToken('its kid is not a string')
  if (hasRepeatedNames(textOf(part), header)) throw invalidToken('a member of its header comes twice')
}

function toInvalid (error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return expiredToken(error.message)
  return error instanceof errors.JOSEError || error instanceof TypeError ? invalidToken(error.message) : error
}

/** The provider's keys, one finder for each set that its metadata name. */
function createProviderKeys (provider: Provider): (header: SignedHeader) => Promise<SignatureKey> {
  let known: { readonly keys: KeySet, readonly find: KeyFinder } | null = null
  const prepared = new WeakMap<CryptoKey, SignatureKey>()

  function prepare (found: CryptoKey, alg: string): SignatureKey {
    const key = KeyObject.from(found)
    if (!algorithmsFor(key).includes(alg)) throw invalidToken(`the provider's key for it is none for ${alg}, or an RSA key of less than 2048 bits`)
    return prepareKey(key, alg)
  }

  return async header => {
    const { keys } = await provider.client()
    if (keys === null) throw Object.assign(new ProviderInvalidError(), { cause: new ProviderFault(new Error('the provider names no jwks_uri: set it, or give the public_key')) })
    if (known?.keys !== keys) known = { keys, find: createKeyFinder(keys) }
    // Read for one algorithm: another of the same key is another one here.
    const found = await known.find(header)
    const key = prepared.get(found) ?? prepare(found, header.alg)
    prepared.set(found, key)
    return key
  }
}

interface Keys {
  readonly by: JwtVerifier['by']
  readonly algorithms: readonly string[]
  find (header: SignedHeader): SignatureKey | Promise<SignatureKey>
}

function chooseKeys ({ provider, settings }: VerifierRoom): Keys {
  const expected = settings.token_signing_alg_values_expected
  const accepted = expected === undefined ? ASYMMETRIC_ALGORITHMS : splitAlgorithms(expected)
  const read = settings.public_key === undefined ? null : readPublicKey(settings.public_key)
  if (read?.kind !== 'key') return { by: 'jwks', algorithms: accepted, find: createProviderKeys(provider) }
  const prepared = new Map(read.algorithms.filter(name => accepted.includes(name)).map(name => [name, prepareKey(read.key, name)]))
  return {
    by: 'public_key',
    algorithms: [...prepared.keys()],
    find ({ alg }) {
      const key = prepared.get(alg)
      if (key === undefined) throw invalidToken(`the public_key is none for ${alg}`)
      return key
    }
  }
}

export function createJwtVerifier (room: VerifierRoom): JwtVerifier {
  const { provider, settings, clock } = room
  const { by, algorithms, find } = chooseKeys(room)
  const listed = settings.claim_validator?.issuer?.valid_issuers ?? null
  /** Of tokens that held: they need not be read again. */
  const sound = new Map<string, SignedHeader>()

  function readHeader (header: JwtHeader, part: string): SignedHeader {
    const known = sound.get(part)
    if (known !== undefined) return known
    checkHeader(header, algorithms, part)
    return header
  }

  function keepHeader (header: SignedHeader, part: string): void {
    if (part.length <= MAX_HEADER_LENGTH && sound.size < MAX_HEADERS) sound.set(part, header)
  }

  async function readClaims (token: string, part: string): Promise<Claims> {
    const claims = readVouchedClaims(token, {
      issuer: [...listed ?? [(await provider.client()).issuer]],
      clockTolerance: settings.iat_slack,
      currentDate: new Date(clock() * 1000),
      requiredClaims: ['iss', 'exp']
    })
    if (hasRepeatedNames(textOf(part), claims)) throw invalidToken('a claim comes twice')
    return claims
  }

  return {
    by,
    async verify (token, given) {
      const [, headerPart = '', claimsPart = '', signature = ''] = PARTS.exec(token) ?? []
      if (signature === '') throw invalidToken('a part of it is missing, or not in base64url')
      const header = readHeader(given, headerPart)
      const key = await find(header)
      const signed = Buffer.from(token.slice(0, -signature.length - 1), 'latin1')
      if (!await verifySignature(key, signed, Buffer.from(signature, 'base64url'))) throw invalidToken('signature verification failed')
      const claims = await readClaims(token, claimsPart).catch((error: unknown) => { throw toInvalid(error) })
      keepHeader(header, headerPart)
      if (!settings.accept_id_token_as_bearer || !isIdTokenFor(settings.client_id, header, claims)) checkIsAccessToken(header, claims)
      return claims
    }
  }
}
