import { createHash, timingSafeEqual } from 'node:crypto'
import { jwtVerify, decodeProtectedHeader, type JWTPayload, type JWTVerifyOptions } from 'jose'
import type { Claims, Clock } from 'fastify-oidc-session-store'
import type { ProviderClient } from './provider.ts'
import { tokenInvalid as refuse, toProviderError } from './provider-error.ts'

const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const SYMMETRIC = ['HS256', 'HS384', 'HS512']

export interface IdTokenChecks {
  readonly clientId: string
  readonly clientSecret: string | undefined
  /** null: none was sent. */
  readonly nonce: string | null
  readonly accessToken: string | null
  /** Seconds. */
  readonly slack: number
  readonly clock: Clock
}

function allowedAlgorithms ({ configuration }: ProviderClient, clientSecret: string | undefined): string[] {
  const listed = configuration.serverMetadata().id_token_signing_alg_values_supported ?? ['RS256']
  const usable = clientSecret === undefined ? ASYMMETRIC : [...ASYMMETRIC, ...SYMMETRIC]
  return listed.filter(alg => usable.includes(alg))
}

async function verifySignature (idToken: string, provider: ProviderClient, { clientId, clientSecret, slack, clock }: IdTokenChecks): Promise<{ claims: JWTPayload, alg: string }> {
  const options: JWTVerifyOptions = {
    issuer: provider.issuer,
    audience: clientId,
    algorithms: allowedAlgorithms(provider, clientSecret),
    clockTolerance: slack,
    currentDate: new Date(clock() * 1000),
    requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat']
  }
  const { alg } = decodeProtectedHeader(idToken)
  // The client secret is only ever a key for the HMAC family: a public key never becomes one.
  if (alg !== undefined && SYMMETRIC.includes(alg)) {
    if (clientSecret === undefined) throw refuse(`the ID token is signed with ${alg}, and there is no client secret`)
    const { payload } = await jwtVerify(idToken, new TextEncoder().encode(clientSecret), options)
    return { claims: payload, alg }
  }
  if (provider.keys === null) throw refuse('the provider names no jwks_uri')
  const { payload, protectedHeader } = await jwtVerify(idToken, provider.keys, options)
  return { claims: payload, alg: protectedHeader.alg }
}

function hashFor (alg: string): string {
  const size = /(256|384|512)$/.exec(alg)?.[1]
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
  if (claims.at_hash !== undefined && (typeof claims.at_hash !== 'string' || accessToken === null || !equal(claims.at_hash, accessTokenHash(accessToken, alg)))) throw refuse('the ID token is not for this access token (at_hash)')
}

/**
 * Verifies an ID token, its signature always (OpenID Connect Core 1.0, section 3.1.3.7).
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
