import { hash } from 'node:crypto'
import type { CacheTally, Clock } from 'fastify-oidc-session-store'
import { AuthorizationMalformedError, BearerExpiredError, BearerInvalidError, ProviderUnavailableError } from '../errors.ts'
import { createFlights } from '../flights.ts'
import { acceptsBearer, introspects, verifiesJwts } from '../options/bearer-options.ts'
import type { OidcSettings } from '../options/settings.ts'
import type { Provider } from '../provider/provider.ts'
import { createIntrospection, type RequestHeaders } from './introspection.ts'
import { invalidToken, isUnmet, unmetToken } from './invalid.ts'
import { createJwtVerifier } from './jwt-verifier.ts'
import { isTokenText, readCredential } from './token.ts'
import { createJudge, type VerifiedToken } from './verdict.ts'
import { createVerificationCache } from './verification-cache.ts'

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
  readonly tally: CacheTally
}

const MAX_KEPT = 10_000
const MAX_REFUSED = 1000
/** Tokens may be large: so many of them as take 64 MB. */
const MAX_BYTES = 64 * 2 ** 20
/** A token is kept as it came, and as what it says. */
const COPIES = 4
const MAX_FLIGHTS = 1000
/** Seconds. Long enough to stop who repeats a token that is none, short enough for one that is about to be. */
const REFUSED_LIFE = 5

interface Refusal { readonly kind: 'invalid' | 'unmet', readonly reason: string }

const REFUSE: Readonly<Record<Refusal['kind'], (reason: string) => Error>> = { invalid: invalidToken, unmet: unmetToken }

/** Of the process: cores with the same settings and `cache_segment` need not ask twice. */
const kept = createVerificationCache<VerifiedToken>({ maxEntries: MAX_KEPT, maxBytes: MAX_BYTES })
const refused = createVerificationCache<Refusal>({ maxEntries: MAX_REFUSED, maxBytes: MAX_BYTES })

/** Everything that the validity of a token depends on, beside the token. */
function fingerprint (settings: OidcSettings): string {
  const { discovery, client_id: id, client_secret: secret, client_rsa_private_key: privateKey, tls_client_auth: certificate, bearer_only: only, cache_segment: segment, introspection_endpoint: endpoint, introspection_endpoint_auth_method: method, introspection_interval: interval, introspection_expiry_claim: expiry, introspection_addon_headers: addons, public_key: key, use_jwks: useJwks, jwks_uri: jwksUri, jwk_expires_in: keysLife, token_signing_alg_values_expected: algorithms, iat_slack: slack, claim_validator: validator, accept_id_token_as_bearer: idTokens, claim_schema: schema, ssl_verify: verify, proxy_opts: proxy, jwt_verification_cache_ignore: ignore } = settings
  return hash('sha256', JSON.stringify([discovery, id, secret, privateKey, certificate, only, segment, endpoint, method, interval, expiry, addons, key, useJwks, jwksUri, keysLife, algorithms, slack, validator, idTokens, schema, verify, proxy, ignore]), 'base64url')
}

function isRefusal (error: unknown): error is Error {
  return error instanceof BearerInvalidError || error instanceof BearerExpiredError
}

/** null: bearer tokens are not looked at. */
export function createBearerTokens ({ provider, settings, clock, tally }: BearerRoom): BearerTokens | null {
  if (!acceptsBearer(settings)) return null
  const jwts = verifiesJwts(settings) ? createJwtVerifier({ provider, settings, clock }) : null
  const introspection = introspects(settings) ? createIntrospection({ provider, settings, clock }) : null
  const judge = createJudge({ settings, clock, jwts, introspection })
  const prefix = fingerprint(settings)
  const hasAddons = introspection !== null && settings.introspection_addon_headers !== undefined
  const flights = createFlights<VerifiedToken>({ most: MAX_FLIGHTS, full: () => new ProviderUnavailableError() })

  function keyOf (token: string, headers: RequestHeaders): string {
    const addons = hasAddons ? JSON.stringify(introspection?.addonsOf(headers)) : ''
    return hash('sha256', `${prefix}\n${token}\n${addons}`, 'base64url')
  }

  async function settle (key: string, token: string, headers: RequestHeaders): Promise<VerifiedToken> {
    try {
      const { verified, until } = await judge(token, headers)
      if (until !== null && until > clock()) kept.set(key, verified, until, key.length + token.length * COPIES)
      return verified
    } catch (error) {
      if (introspection !== null && isRefusal(error)) {
        const reason = String((error.cause as Error | undefined)?.message)
        refused.set(key, { kind: isUnmet(error) ? 'unmet' : 'invalid', reason }, clock() + REFUSED_LIFE, key.length + reason.length)
      }
      throw error
    }
  }

  function look (token: string, headers: RequestHeaders): VerifiedToken | Promise<VerifiedToken> {
    const key = keyOf(token, headers)
    const known = kept.get(key, clock())
    const refusal = known === undefined ? refused.get(key, clock()) : undefined
    if (known !== undefined || refusal !== undefined) tally.hits++
    else tally.misses++
    if (known !== undefined) return known
    if (refusal !== undefined) throw REFUSE[refusal.kind](`${refusal.reason} (remembered)`)
    if (!isTokenText(token)) throw invalidToken('it has characters that no token has')
    return flights.share(key, async () => await settle(key, token, headers))
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
