import { clientCredentialsGrant, genericGrantRequest, ResponseBodyError, WWWAuthenticateChallengeError, type TokenEndpointResponse, type TokenEndpointResponseHelpers } from 'openid-client'
import type { Clock, EpochSeconds } from 'fastify-oidc-session-store'
import { CodeRefusedError, ProviderInvalidError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import type { ExchangedMethod } from '../policy/auth-methods.ts'
import { requestedScope } from './authorization.ts'
import { inOneLine, ProviderFault } from './fault.ts'
import type { Provider, ProviderClient } from './provider.ts'
import { toProviderError } from './provider-error.ts'
import { readTokens } from './tokens.ts'

/** A name and a password, or a client and its secret, for the token endpoint. */
export interface GrantRequest {
  readonly method: ExchangedMethod
  readonly name: string
  readonly password: string
}

export type CredentialGrant =
  | { readonly kind: 'granted', readonly accessToken: string, readonly expiresAt: EpochSeconds }
  /** The provider does not know who that is; `reason` is for a log, in one line. */
  | { readonly kind: 'refused', readonly reason: string }

type Answer = TokenEndpointResponse & TokenEndpointResponseHelpers

/** Of OpenID Connect, for users alone: a client that calls in its own name has none of them. */
const OF_USERS = new Set(['openid', 'profile', 'email', 'address', 'phone', 'offline_access'])

/** What says whom the token is for: RFC 8707, and `audience` of Auth0. */
const TARGETS = ['resource', 'audience'] as const

function parametersOf (settings: OidcSettings, isAsked: (scope: string) => boolean): URLSearchParams {
  const scope = requestedScope(settings).split(/\s+/).filter(name => name !== '' && isAsked(name)).join(' ')
  const parameters = new URLSearchParams(scope === '' ? {} : { scope })
  for (const name of TARGETS) for (const value of [settings.authorization_params?.[name] ?? []].flat()) parameters.append(name, String(value))
  return parameters
}

async function askForUser ({ configuration, proofs }: ProviderClient, settings: OidcSettings, { name, password }: GrantRequest): Promise<Answer> {
  // Nobody is to renew it: a refresh token would live on without a use.
  const parameters = parametersOf(settings, scope => scope !== 'offline_access')
  parameters.set('username', name)
  parameters.set('password', password)
  return await genericGrantRequest(configuration, 'password', parameters, proofs)
}

async function askForClient (client: ProviderClient, settings: OidcSettings, { name, password }: GrantRequest): Promise<Answer> {
  return await clientCredentialsGrant(client.clientOf(name, password), parametersOf(settings, scope => !OF_USERS.has(scope)))
}

/** What the token endpoint says of a caller (RFC 6749, section 5.2); of our own client it says the same words. */
const REFUSALS: Readonly<Record<ExchangedMethod, ReadonlySet<string>>> = {
  password: new Set(['invalid_grant']),
  client_credentials: new Set(['invalid_grant', 'invalid_client', 'unauthorized_client'])
}

/** null: it is not about the caller. */
function refusalIn (error: unknown, method: ExchangedMethod): string | null {
  if (error instanceof ResponseBodyError) return error.status < 500 && REFUSALS[method].has(error.error) ? `the provider answered ${error.status} ${JSON.stringify(error.error)}` : null
  // It asks for a client's secret: whose that is depends on who was asked for.
  return error instanceof WWWAuthenticateChallengeError && error.status === 401 && method === 'client_credentials' ? 'the provider answered 401' : null
}

/** Libraries may repeat in their words what somebody brought. */
function withoutSecret (error: Error, { password }: GrantRequest): Error {
  const repeats = error.cause instanceof Error && (error.cause.message.includes(password) || error.cause.message.includes(inOneLine(JSON.stringify(password).slice(1, -1))))
  return repeats ? Object.assign(error, { cause: new ProviderFault(new Error('what the provider said repeats what it was sent, and is left out')) }) : error
}

const ERROR_CODE = /^[a-z_]{1,40}$/

/** What is said of an answer whose words may be what was sent, in any spelling; null: it has none. */
function wordlessly (error: unknown, { password }: GrantRequest): string | null {
  if (!(error instanceof ResponseBodyError || error instanceof WWWAuthenticateChallengeError)) return null
  const code = error instanceof ResponseBodyError ? error.error : error.cause[0]?.parameters.error
  const isCode = code !== undefined && ERROR_CODE.test(code) && !code.includes(password)
  return `the provider answered ${error.status}${isCode ? ` ${JSON.stringify(code)}` : ''}`
}

/** Of this exchange nobody has seen a code. */
function faultIn (error: unknown, request: GrantRequest): Error {
  const mapped = toProviderError(error)
  const known = mapped instanceof CodeRefusedError ? Object.assign(new ProviderInvalidError(), { cause: mapped.cause }) : mapped
  const said = wordlessly(error, request)
  if (said === null) return withoutSecret(known, request)
  return Object.assign(known, { cause: new ProviderFault(new Error(said), known.cause instanceof ProviderFault ? known.cause.remedy : null) })
}

/**
 * An access token for somebody's name and password (RFC 6749, section 4.3), or for a client's secret (section 4.4).
 * @throws FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_PROVIDER_INVALID, FST_OIDC_CLIENT_REFUSED, FST_OIDC_TOKEN_INVALID
 */
export async function grantForCredential (provider: Provider, settings: OidcSettings, request: GrantRequest, clock: Clock): Promise<CredentialGrant> {
  const client = await provider.client()
  const now = clock()
  try {
    const answer = request.method === 'password' ? await askForUser(client, settings, request) : await askForClient(client, settings, request)
    const { accessToken, accessTokenExpiresAt: expiresAt } = readTokens(answer, { now, lifeWhenUnsaid: settings.access_token_expires_in, isBound: false, idTokenClaims: null })
    return { kind: 'granted', accessToken, expiresAt }
  } catch (error) {
    const reason = refusalIn(error, request.method)
    if (reason !== null) return { kind: 'refused', reason }
    throw faultIn(error, request)
  }
}
