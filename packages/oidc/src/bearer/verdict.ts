import type { Claims, Clock, EpochSeconds } from 'fastify-oidc-session-store'
import { acceptsBearer } from '../options/bearer-options.ts'
import { claimCheckOf } from '../options/claim-schema.ts'
import type { OidcSettings } from '../options/settings.ts'
import type { Audience } from '../policy/subject.ts'
import { audienceOf, freezeClaims, scopesOf, type AudienceRule } from './claims.ts'
import { invalidToken, unmetToken } from './invalid.ts'
import type { Introspection, RequestHeaders } from './introspection.ts'
import type { JwtVerifier } from './jwt-verifier.ts'
import { readJwtHeader, type JwtHeader } from './token.ts'

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

export interface Verdict {
  readonly verified: VerifiedToken
  /** null: not to be kept. */
  readonly until: EpochSeconds | null
}

/** Above it a number is an instant, below it a life. */
const FIRST_INSTANT = 1_000_000_000

function numberOf (claims: Claims, name: string): number | null {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** null: an answer without the claim is good for one request. */
export function introspectedUntil (claims: Claims, { introspection_expiry_claim: name, introspection_interval: interval }: Pick<OidcSettings, 'introspection_expiry_claim' | 'introspection_interval'>, now: EpochSeconds): EpochSeconds | null {
  const value = numberOf(claims, name)
  if (value === null) return null
  const end = name === 'exp' || value > FIRST_INSTANT ? value : now + value
  return Math.min(end, numberOf(claims, 'exp') ?? end, interval > 0 ? now + interval : end)
}

interface JudgeRoom {
  readonly settings: OidcSettings
  readonly clock: Clock
  readonly jwts: JwtVerifier | null
  readonly introspection: Introspection | null
}

function audienceRuleOf ({ claim_validator: validator, client_id: clientId }: OidcSettings): AudienceRule {
  const { claim, required, match_with_client_id: isClient } = validator?.audience ?? { claim: 'aud', required: false, match_with_client_id: false }
  return { claim, required, clientId: isClient ? clientId : null }
}

type Describe = (token: string, claims: Claims, verifiedBy: VerifiedToken['verifiedBy']) => VerifiedToken

function createDescription (settings: OidcSettings): Describe {
  const [checkClaims, audience] = [claimCheckOf(settings), audienceRuleOf(settings)]
  return (token, claims, verifiedBy) => {
    if (!freezeClaims(claims)) throw invalidToken('its claims are nested too deep')
    const problem = checkClaims?.(claims) ?? null
    if (problem !== null) throw unmetToken(`claim validation failed: ${problem}`)
    return Object.freeze({ token, claims, scopes: scopesOf(claims), expiresAt: numberOf(claims, 'exp'), audience: audienceOf(claims, audience), verifiedBy })
  }
}

/** A token of which nothing but the claims is known: nobody has verified it. @throws FST_OIDC_BEARER_INVALID where bearer tokens are accepted and `claim_schema` does not hold */
export function assumeToken (claims: Claims, settings: OidcSettings): VerifiedToken {
  return createDescription(acceptsBearer(settings) ? settings : { ...settings, claim_schema: undefined })('', claims, 'introspection')
}

async function verifyJwt ({ settings, clock }: JudgeRoom, describe: Describe, jwts: JwtVerifier, token: string, header: JwtHeader): Promise<Verdict> {
  const verified = describe(token, await jwts.verify(token, header), jwts.by)
  if (settings.jwt_verification_cache_ignore) return { verified, until: null }
  // A key that the provider has taken back verifies no longer than its keys are kept.
  return { verified, until: Math.min((verified.expiresAt ?? 0) + settings.iat_slack, clock() + settings.jwk_expires_in) }
}

async function introspect ({ settings, clock }: JudgeRoom, describe: Describe, introspection: Introspection, token: string, headers: RequestHeaders): Promise<Verdict> {
  const verified = describe(token, await introspection.introspect(token, headers), 'introspection')
  return { verified, until: introspectedUntil(verified.claims, settings, clock()) }
}

/** A token of three parts whose header is JSON is a JWT, wherever those are verified here; anything else is for the provider. */
export function createJudge (room: JudgeRoom): (token: string, headers: RequestHeaders) => Promise<Verdict> {
  const { jwts, introspection } = room
  const describe = createDescription(room.settings)
  return async (token, headers) => {
    const header = jwts === null ? null : readJwtHeader(token)
    if (jwts !== null && header !== null) return await verifyJwt(room, describe, jwts, token, header)
    if (introspection !== null) return await introspect(room, describe, introspection, token, headers)
    throw invalidToken('it is not a JWT, and there is no introspection_endpoint to ask')
  }
}
