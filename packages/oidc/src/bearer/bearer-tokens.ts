import { hash } from 'node:crypto'
import type { Claims, Clock, EpochSeconds } from 'fastify-oidc-session-store'
import { AuthorizationMalformedError, BearerExpiredError, BearerInvalidError, ProviderUnavailableError } from '../errors.ts'
import { acceptsBearer, introspects, verifiesJwts } from '../options/bearer-options.ts'
import type { OidcSettings } from '../options/settings.ts'
import type { Provider } from '../provider/provider.ts'
import { audienceOf, freezeClaims, scopesOf, type Audience } from './claims.ts'
import { createIntrospection, type Introspection, type RequestHeaders } from './introspection.ts'
import { invalidToken } from './invalid.ts'
import { createJwtVerifier, type JwtVerifier } from './jwt-verifier.ts'
import { isTokenText, readCredential, readJwtHeader, type JwtHeader } from './token.ts'
import { createVerificationCache } from './verification-cache.ts'

/** A token that holds, and what it says. Requests that bring the same token share it. */
export interface VerifiedToken {
  readonly token: string
  readonly claims: Claims
  readonly scopes: readonly string[]
  /** null: it does not say. */
  readonly expiresAt: EpochSeconds | null
  readonly audience: Audience
  readonly verifiedBy: 'public_key' | 'jwks' | 'introspection'
}

/** Verifies the bearer tokens of requests. */
export interface BearerTokens {
  /** There is no other way in. */
  readonly only: boolean
  /** Is there one, good or bad? */
  isPresented (authorization: string | undefined): boolean
  /**
   * null: the request has none. A promise only where there is something to do for it.
   * @throws FST_OIDC_AUTHORIZATION_MALFORMED, FST_OIDC_BEARER_INVALID, FST_OIDC_CLIENT_REFUSED, FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_PROVIDER_INVALID
   */
  verify (authorization: string | undefined, headers: RequestHeaders): VerifiedToken | null | Promise<VerifiedToken>
}

export interface BearerRoom {
  readonly provider: Provider
  readonly settings: OidcSettings
  readonly clock: Clock
}

interface Verdict {
  readonly verified: VerifiedToken
  /** null: not to be kept. */
  readonly until: EpochSeconds | null
}

const MAX_KEPT = 10_000
const MAX_REFUSED = 1000
const MAX_FLIGHTS = 1000
/** Seconds. Long enough to stop who repeats a token that is none, short enough for one that is about to be. */
const REFUSED_LIFE = 5
/** Above it a number is an instant, below it a life. */
const FIRST_INSTANT = 1_000_000_000

/** Of the process: cores with the same settings and `cache_segment` need not ask twice. */
const kept = createVerificationCache<VerifiedToken>(MAX_KEPT)
const refused = createVerificationCache<string>(MAX_REFUSED)

/** Everything that the validity of a token depends on, beside the token. */
function fingerprint (settings: OidcSettings): string {
  const { discovery, client_id: id, client_secret: secret, bearer_only: only, cache_segment: segment, introspection_endpoint: endpoint, introspection_endpoint_auth_method: method, introspection_interval: interval, introspection_expiry_claim: expiry, introspection_addon_headers: addons, public_key: key, use_jwks: useJwks, jwks_uri: jwksUri, jwk_expires_in: keysLife, token_signing_alg_values_expected: algorithms, iat_slack: slack, claim_validator: validator, ssl_verify: verify, jwt_verification_cache_ignore: ignore } = settings
  return hash('sha256', JSON.stringify([discovery, id, secret, only, segment, endpoint, method, interval, expiry, addons, key, useJwks, jwksUri, keysLife, algorithms, slack, validator, verify, ignore]), 'base64url')
}

function numberOf (claims: Claims, name: string): number | null {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** null: an answer without the claim is good for one request. */
export function introspectedUntil (claims: Claims, { introspection_expiry_claim: name, introspection_interval: interval }: Pick<OidcSettings, 'introspection_expiry_claim' | 'introspection_interval'>, now: EpochSeconds): EpochSeconds | null {
  const value = numberOf(claims, name)
  if (value === null) return null
  const end = name === 'exp' || value > FIRST_INSTANT ? value : now + value
  return interval > 0 ? Math.min(end, now + interval) : end
}

interface Rooms {
  readonly settings: OidcSettings
  readonly clock: Clock
  readonly jwts: JwtVerifier | null
  readonly introspection: Introspection | null
}

function describe (token: string, claims: Claims, verifiedBy: VerifiedToken['verifiedBy'], settings: OidcSettings): VerifiedToken {
  if (!freezeClaims(claims)) throw invalidToken('its claims are nested too deep')
  return Object.freeze({
    token,
    claims,
    scopes: scopesOf(claims),
    expiresAt: numberOf(claims, 'exp'),
    audience: audienceOf(claims, settings.claim_validator?.audience, settings.client_id),
    verifiedBy
  })
}

async function verifyJwt ({ settings, clock }: Rooms, jwts: JwtVerifier, token: string, header: JwtHeader): Promise<Verdict> {
  const verified = describe(token, await jwts.verify(token, header), jwts.by, settings)
  if (settings.jwt_verification_cache_ignore) return { verified, until: null }
  // A key that the provider has taken back verifies no longer than its keys are kept.
  return { verified, until: Math.min((verified.expiresAt ?? 0) + settings.iat_slack, clock() + settings.jwk_expires_in) }
}

async function introspect ({ settings, clock }: Rooms, introspection: Introspection, token: string, headers: RequestHeaders): Promise<Verdict> {
  const verified = describe(token, await introspection.introspect(token, headers), 'introspection', settings)
  return { verified, until: introspectedUntil(verified.claims, settings, clock()) }
}

/** A token of three parts whose header is JSON is a JWT, wherever those are verified here; anything else is for the provider. */
async function judge (rooms: Rooms, token: string, headers: RequestHeaders): Promise<Verdict> {
  const { jwts, introspection } = rooms
  const header = jwts === null ? null : readJwtHeader(token)
  if (jwts !== null && header !== null) return await verifyJwt(rooms, jwts, token, header)
  if (introspection !== null) return await introspect(rooms, introspection, token, headers)
  throw invalidToken('it is not a JWT, and there is no introspection_endpoint to ask')
}

function isRefusal (error: unknown): error is Error {
  return error instanceof BearerInvalidError || error instanceof BearerExpiredError
}

/** null: bearer tokens are not looked at. */
export function createBearerTokens ({ provider, settings, clock }: BearerRoom): BearerTokens | null {
  if (!acceptsBearer(settings)) return null
  const rooms: Rooms = {
    settings,
    clock,
    jwts: verifiesJwts(settings) ? createJwtVerifier({ provider, settings, clock }) : null,
    introspection: introspects(settings) ? createIntrospection({ provider, settings, clock }) : null
  }
  const prefix = fingerprint(settings)
  const hasAddons = rooms.introspection !== null && settings.introspection_addon_headers !== undefined
  const flights = new Map<string, Promise<VerifiedToken>>()

  function keyOf (token: string, headers: RequestHeaders): string {
    const addons = hasAddons ? JSON.stringify(rooms.introspection?.addonsOf(headers)) : ''
    return hash('sha256', `${prefix}\n${token}\n${addons}`, 'base64url')
  }

  async function settle (key: string, token: string, headers: RequestHeaders): Promise<VerifiedToken> {
    try {
      const { verified, until } = await judge(rooms, token, headers)
      if (until !== null && until > clock()) kept.set(key, verified, until)
      return verified
    } catch (error) {
      if (rooms.introspection !== null && isRefusal(error)) refused.set(key, String((error.cause as Error | undefined)?.message), clock() + REFUSED_LIFE)
      throw error
    }
  }

  /** However many ask about a token at once, it is looked at once. */
  function share (key: string, token: string, headers: RequestHeaders): Promise<VerifiedToken> {
    const running = flights.get(key)
    if (running !== undefined) return running
    if (flights.size >= MAX_FLIGHTS) throw new ProviderUnavailableError()
    const started = settle(key, token, headers).finally(() => { flights.delete(key) })
    flights.set(key, started)
    return started
  }

  function look (token: string, headers: RequestHeaders): VerifiedToken | Promise<VerifiedToken> {
    const key = keyOf(token, headers)
    const known = kept.get(key, clock())
    if (known !== undefined) return known
    const reason = refused.get(key, clock())
    if (reason !== undefined) throw invalidToken(`${reason} (remembered)`)
    if (!isTokenText(token)) throw invalidToken('it has characters that no token has')
    return share(key, token, headers)
  }

  return {
    only: settings.bearer_only,
    isPresented: authorization => readCredential(authorization).kind !== 'none',
    verify (authorization, headers) {
      const credential = readCredential(authorization)
      switch (credential.kind) {
        case 'none': return null
        case 'malformed': throw new AuthorizationMalformedError()
        case 'too long': throw invalidToken('it is longer than any token')
        case 'token': return look(credential.token, headers)
      }
    }
  }
}
