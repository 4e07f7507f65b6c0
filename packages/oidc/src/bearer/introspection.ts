import type { ClientAuth } from 'openid-client'
import type { Claims, Clock } from 'fastify-oidc-session-store'
import { ClientRefusedError, ProviderInvalidError, ProviderUnavailableError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import { createClientAuth } from '../provider/client-auth.ts'
import { inOneLine, ProviderFault } from '../provider/fault.ts'
import type { Provider } from '../provider/provider.ts'
import { toProviderError } from '../provider/provider-error.ts'
import { checkIsForCallers } from './access-token.ts'
import { expiredToken, invalidToken } from './invalid.ts'

/** Headers of the request that brought the token. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** Asks the provider about tokens (RFC 7662). */
export interface Introspection {
  /** @throws FST_OIDC_BEARER_INVALID, FST_OIDC_CLIENT_REFUSED, FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_PROVIDER_INVALID */
  introspect (token: string, headers: RequestHeaders): Promise<Claims>
  /** The request's headers that the answer may depend on. */
  addonsOf (headers: RequestHeaders): ReadonlyArray<readonly [name: string, value: string]>
}

export interface IntrospectionRoom {
  readonly provider: Provider
  readonly settings: OidcSettings
  readonly clock: Clock
}

const MAX_ANSWER = 65_536
const CLIENT_REFUSED = new Set(['invalid_client', 'unauthorized_client'])

function fault (error: Error, reason: string): Error {
  return Object.assign(error, { cause: new ProviderFault(new Error(reason)) })
}

function parse (text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value as Record<string, unknown> : null
  } catch {
    return null
  }
}

function refusalOf (status: number, answer: Record<string, unknown> | null): Error {
  const error = typeof answer?.error === 'string' ? answer.error : ''
  const said = `the introspection endpoint answered with status ${status} ${JSON.stringify(inOneLine(error))}`
  if (status >= 500 || status === 429) return fault(new ProviderUnavailableError(), said)
  if (status === 401 || status === 403 || CLIENT_REFUSED.has(error)) return fault(new ClientRefusedError(), `${said}: check client_id, client_secret and introspection_endpoint_auth_method`)
  // RFC 6749, section 5.2: it can do nothing with this token.
  return status === 400 && error !== '' ? invalidToken(said) : fault(new ProviderInvalidError(), `${said}: check introspection_endpoint`)
}

async function readAnswer (answer: Response): Promise<Claims> {
  const text = await answer.text()
  const value = text.length > MAX_ANSWER ? null : parse(text)
  if (answer.status !== 200) throw refusalOf(answer.status, value)
  if (value === null) throw fault(new ProviderInvalidError(), 'the introspection endpoint gave no JSON object, or a huge one: check introspection_endpoint')
  return value
}

export function createIntrospection ({ provider, settings, clock }: IntrospectionRoom): Introspection {
  const method = settings.introspection_endpoint_auth_method
  const addons = (settings.introspection_addon_headers ?? []).map(name => name.toLowerCase())
  const issuers = settings.claim_validator?.issuer?.valid_issuers ?? null
  const slack = settings.iat_slack
  let known: { readonly audience: string, readonly auth: ClientAuth } | null = null

  /** Made once for an audience: reading a key costs more than signing with it. */
  async function authFor (url: string): Promise<ClientAuth> {
    const audience = settings.security_profile === 'fapi2' ? (await provider.client()).issuer : url
    if (known?.audience !== audience) known = { audience, auth: createClientAuth(settings, method, audience) }
    return known.auth
  }

  async function endpoint (): Promise<string> {
    if (settings.introspection_endpoint !== undefined) return settings.introspection_endpoint
    const url = (await provider.client()).configuration.serverMetadata().introspection_endpoint
    // As for every endpoint: what a document over https names is asked over https.
    const protocols = settings.discovery.startsWith('https:') ? /^https:$/ : /^https?:$/
    if (url === undefined || !URL.canParse(url) || !protocols.test(new URL(url).protocol)) throw fault(new ProviderInvalidError(), 'the provider has no usable introspection_endpoint: set it, or verify tokens with use_jwks')
    return url
  }

  function addonsOf (headers: RequestHeaders): Array<readonly [string, string]> {
    return addons.flatMap(name => {
      const value = headers[name]
      return typeof value === 'string' ? [[name, value] as const] : []
    })
  }

  async function ask (token: string, requestHeaders: RequestHeaders): Promise<Claims> {
    const url = await endpoint()
    const headers = new Headers({ accept: 'application/json' })
    const body = new URLSearchParams({ token })
    for (const [name, value] of addonsOf(requestHeaders)) headers.set(name, value)
    const auth = await authFor(url)
    await auth({ issuer: '' }, { client_id: settings.client_id }, body, headers)
    headers.set('content-type', 'application/x-www-form-urlencoded')
    const answer = await provider.http.fetch(url, { method: 'POST', headers, body: body.toString() }).catch((error: unknown) => { throw toProviderError(error) })
    return await readAnswer(answer)
  }

  /** What the provider's word leaves open: its clock and ours, and whose token it is. */
  function check (claims: Claims): void {
    if (claims.active !== true) throw invalidToken('the provider says that it is not active')
    const now = clock()
    if (typeof claims.exp === 'number' && claims.exp + slack <= now) throw expiredToken('the provider says that it is active, and that it has expired')
    if (typeof claims.nbf === 'number' && claims.nbf > now + slack) throw invalidToken('it is not valid yet (nbf)')
    if (issuers !== null && !issuers.includes(claims.iss as string)) throw invalidToken('its issuer is not listed in claim_validator.issuer.valid_issuers')
    checkIsForCallers(claims)
  }

  return {
    addonsOf,
    async introspect (token, headers) {
      const claims = await ask(token, headers)
      check(claims)
      return claims
    }
  }
}
