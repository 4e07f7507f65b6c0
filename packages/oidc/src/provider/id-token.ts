import { createHash, timingSafeEqual } from 'node:crypto'
import { errors as joseErrors, jwtVerify, decodeProtectedHeader, UnsecuredJWT, type JWTPayload, type JWTVerifyOptions } from 'jose'
import type { Claims, Clock } from 'fastify-oidc-session-store'
import { FAPI2_ALGORITHMS } from '../options/signing-key.ts'
import type { KeySet } from './discovery.ts'
import type { ProviderClient } from './provider.ts'
import { tokenInvalid as refuse, toProviderError } from './provider-error.ts'
import { readVouchedClaims } from './vouched-claims.ts'

const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const SYMMETRIC = ['HS256', 'HS384', 'HS512']

export interface SignatureChecks {
  readonly clientId: string
  readonly clientSecret: string | undefined
  /** Seconds. */
  readonly slack: number
  /** `accept_unsupported_alg`. */
  readonly acceptsUnsupported: boolean
  /** `accept_none_alg`. */
  readonly acceptsUnsigned: boolean
  /** `security_profile`. */
  readonly profile: string
  /** `ssl_verify`. */
  readonly verifiesTls: boolean
  readonly clock: Clock
}

export interface IdTokenChecks extends SignatureChecks {
  /** null: none was sent. */
  readonly nonce: string | null
  readonly accessToken: string | null
}

function allowedAlgorithms ({ configuration }: ProviderClient, { clientSecret, acceptsUnsupported, profile }: SignatureChecks): string[] {
  const listed = configuration.serverMetadata().id_token_signing_alg_values_supported ?? ['RS256']
  const isUnsupported = (alg: string): boolean => acceptsUnsupported && !ASYMMETRIC.includes(alg) && !SYMMETRIC.includes(alg) && alg.toLowerCase() !== 'none'
  if (profile === 'fapi2') return listed.filter(alg => FAPI2_ALGORITHMS.includes(alg) || isUnsupported(alg))
  return listed.filter(alg => ASYMMETRIC.includes(alg) || (clientSecret !== undefined && SYMMETRIC.includes(alg)) || isUnsupported(alg))
}

const LOOPBACK = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** OpenID Connect Core 1.0, section 3.1.3.7, 6: the token endpoint itself vouches for it, if nobody else can answer in its place. */
function isVouchedFor ({ configuration }: ProviderClient, { verifiesTls }: SignatureChecks): boolean {
  const { protocol, hostname } = new URL(configuration.serverMetadata().token_endpoint ?? '')
  return (protocol === 'https:' && verifiesTls) || LOOPBACK.test(hostname)
}

function readUnsigned (idToken: string, provider: ProviderClient, checks: SignatureChecks, options: JWTVerifyOptions): { claims: JWTPayload, alg: string } {
  if (!isVouchedFor(provider, checks)) throw refuse('the ID token is not signed, and accept_none_alg is for token endpoints over https with ssl_verify, or on this machine')
  return { claims: UnsecuredJWT.decode(idToken, options).payload, alg: 'none' }
}

/** A signature that can be checked always is: only what jose has no means for is taken from the token endpoint's TLS alone. */
async function verifyIfSupported (idToken: string, keys: KeySet, options: JWTVerifyOptions, alg: string): Promise<{ claims: JWTPayload, alg: string }> {
  try {
    const { payload, protectedHeader } = await jwtVerify(idToken, keys, options)
    return { claims: payload, alg: protectedHeader.alg }
  } catch (error) {
    const isAllowed = options.algorithms?.includes(alg) === true && !ASYMMETRIC.includes(alg)
    if (!isAllowed || !(error instanceof joseErrors.JOSENotSupported)) throw error
    return { claims: readVouchedClaims(idToken, options), alg }
  }
}

const REQUIRED = ['iss', 'sub', 'aud', 'exp', 'iat']

/** What ID tokens and logout tokens share: the signature, for whom, by whom and until when. */
export async function verifySignature (idToken: string, provider: ProviderClient, checks: SignatureChecks, requiredClaims: readonly string[] = REQUIRED): Promise<{ claims: JWTPayload, alg: string }> {
  const { clientId, clientSecret, slack, clock } = checks
  const options: JWTVerifyOptions = {
    issuer: provider.issuer,
    audience: clientId,
    algorithms: allowedAlgorithms(provider, checks),
    clockTolerance: slack,
    currentDate: new Date(clock() * 1000),
    requiredClaims: [...requiredClaims]
  }
  const { alg } = decodeProtectedHeader(idToken)
  if (alg === 'none' && checks.acceptsUnsigned) return readUnsigned(idToken, provider, checks, options)
  // The client secret is only ever a key for the HMAC family: a public key never becomes one.
  if (alg !== undefined && SYMMETRIC.includes(alg)) {
    if (clientSecret === undefined) throw refuse(`the token is signed with ${alg}, and there is no client secret`)
    const { payload } = await jwtVerify(idToken, new TextEncoder().encode(clientSecret), options)
    return { claims: payload, alg }
  }
  if (provider.keys === null) throw refuse('the provider names no jwks_uri')
  return await verifyIfSupported(idToken, provider.keys, options, alg ?? '')
}

function hashFor (alg: string): string {
  const size = /(256|384|512)K?$/.exec(alg)?.[1]
  return alg === 'Ed25519' || size === undefined ? 'sha512' : `sha${size}`
}

/** OpenID Connect Core 1.0, section 3.1.3.6: the left half of the hash. */
function accessTokenHash (accessToken: string, alg: string): string {
  const digest = createHash(hashFor(alg)).update(accessToken, 'ascii').digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}

function equal (left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** What jose leaves to us of OpenID Connect Core 1.0, section 3.1.3.7. */
function checkClaims (claims: JWTPayload, alg: string, { clientId, nonce, accessToken, slack, clock }: IdTokenChecks): void {
  if (typeof claims.sub !== 'string' || claims.sub === '' || claims.sub.length > 255) throw refuse('the ID token has no usable sub')
  if (typeof claims.iat !== 'number' || claims.iat > clock() + slack) throw refuse('the ID token was issued in the future (iat)')
  if (nonce !== null && (typeof claims.nonce !== 'string' || !equal(claims.nonce, nonce))) throw refuse('the ID token is for another login (nonce)')
  if (claims.azp !== undefined && claims.azp !== clientId) throw refuse('the ID token is for another client (azp)')
  if (Array.isArray(claims.aud) && claims.aud.length > 1 && claims.azp === undefined) throw refuse('the ID token has several audiences and no azp')
  // The hash goes by the signature's algorithm: without one there is none to go by.
  if (alg !== 'none' && claims.at_hash !== undefined && (typeof claims.at_hash !== 'string' || accessToken === null || !equal(claims.at_hash, accessTokenHash(accessToken, alg)))) throw refuse('the ID token is not for this access token (at_hash)')
}

/**
 * Verifies an ID token, its signature too unless it may have none (OpenID Connect Core 1.0, section 3.1.3.7).
 * @throws FST_OIDC_TOKEN_INVALID, or FST_OIDC_PROVIDER_UNAVAILABLE when the keys cannot be had
 */
export async function verifyIdToken (idToken: string, provider: ProviderClient, checks: IdTokenChecks): Promise<Claims> {
  try {
    const { claims, alg } = await verifySignature(idToken, provider, checks)
    checkClaims(claims, alg, checks)
    return claims
  } catch (error) {
    throw toProviderError(error)
  }
}
