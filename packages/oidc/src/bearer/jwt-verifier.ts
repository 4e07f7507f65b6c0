import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose'
import type { Claims, Clock } from 'fastify-oidc-session-store'
import { ProviderInvalidError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import { ASYMMETRIC_ALGORITHMS, readPublicKey, splitAlgorithms } from '../options/signing-key.ts'
import type { KeySet } from '../provider/discovery.ts'
import { ProviderFault } from '../provider/fault.ts'
import type { Provider } from '../provider/provider.ts'
import { checkIsAccessToken, isIdTokenFor } from './access-token.ts'
import { expiredToken, invalidToken } from './invalid.ts'
import { createKeyFinder, type KeyFinder } from './provider-keys.ts'
import { hasRepeatedNames } from './repeated-names.ts'
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

/** Bad tokens are common, and each one costs little: what can be seen without a key is looked at first. */
function checkHeader (header: JwtHeader, algorithms: readonly string[], text: string): void {
  if (typeof header.alg !== 'string' || !algorithms.includes(header.alg)) throw invalidToken(`it is signed with ${JSON.stringify(header.alg ?? null).slice(0, 40)}, and ${algorithms.join(', ')} are accepted`)
  if (header.crit !== undefined) throw invalidToken('it demands an extension that is not known here (crit)')
  if (header.kid !== undefined && typeof header.kid !== 'string') throw invalidToken('its kid is not a string')
  if (hasRepeatedNames(text)) throw invalidToken('a member of its header comes twice')
}

function textOf (part: string | undefined): string {
  return Buffer.from(part ?? '', 'base64url').toString()
}

function toInvalid (error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return expiredToken(error.message)
  return error instanceof errors.JOSEError || error instanceof TypeError ? invalidToken(error.message) : error
}

/** The provider's keys, one finder for each set that its metadata name. */
function createProviderKeys (provider: Provider): () => Promise<KeyFinder> {
  let known: { readonly keys: KeySet, readonly find: KeyFinder } | null = null
  return async () => {
    const { keys } = await provider.client()
    if (keys === null) throw Object.assign(new ProviderInvalidError(), { cause: new ProviderFault(new Error('the provider names no jwks_uri: set it, or give the public_key')) })
    if (known?.keys !== keys) known = { keys, find: createKeyFinder(keys) }
    return known.find
  }
}

function createSignatureCheck ({ provider, settings }: VerifierRoom): { readonly by: JwtVerifier['by'], readonly algorithms: readonly string[], check (token: string, options: JWTVerifyOptions): Promise<JWTPayload> } {
  const expected = settings.token_signing_alg_values_expected
  const accepted = expected === undefined ? ASYMMETRIC_ALGORITHMS : splitAlgorithms(expected)
  const read = settings.public_key === undefined ? null : readPublicKey(settings.public_key)
  if (read?.kind === 'key') {
    const { key } = read
    return { by: 'public_key', algorithms: accepted.filter(name => read.algorithms.includes(name)), check: async (token, options) => (await jwtVerify(token, key, options)).payload }
  }
  const keys = createProviderKeys(provider)
  return { by: 'jwks', algorithms: accepted, check: async (token, options) => (await jwtVerify(token, await keys(), options)).payload }
}

export function createJwtVerifier (room: VerifierRoom): JwtVerifier {
  const { provider, settings, clock } = room
  const { by, algorithms, check } = createSignatureCheck(room)
  const listed = settings.claim_validator?.issuer?.valid_issuers ?? null

  async function optionsNow (): Promise<JWTVerifyOptions> {
    return {
      algorithms: [...algorithms],
      issuer: [...listed ?? [(await provider.client()).issuer]],
      clockTolerance: settings.iat_slack,
      currentDate: new Date(clock() * 1000),
      requiredClaims: ['iss', 'exp']
    }
  }

  return {
    by,
    async verify (token, header) {
      const [headerText, payloadText] = token.split('.', 2).map(textOf)
      checkHeader(header, algorithms, headerText ?? '')
      const options = await optionsNow()
      const claims = await check(token, options).catch((error: unknown) => { throw toInvalid(error) })
      if (hasRepeatedNames(payloadText ?? '')) throw invalidToken('a claim comes twice')
      if (!settings.accept_id_token_as_bearer || !isIdTokenFor(settings.client_id, header, claims)) checkIsAccessToken(header, claims)
      return claims
    }
  }
}
