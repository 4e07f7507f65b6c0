import { randomBytes } from 'node:crypto'
import { genericGrantRequest } from 'openid-client'
import { ClientRefusedError, ProviderUnavailableError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import { failed, failedBy, type Attempt } from './attempt.ts'
import { authorize } from './authorization.ts'
import { inOneLine } from './fault.ts'
import type { Provider } from './provider.ts'
import { isGrantRefused, toProviderError } from './provider-error.ts'
import { remedyForRefusal } from './refusal.ts'

/** What a provider made of an authorization request that no browser brought. */
export type AuthorizationTrial =
  /** It answered at the redirect URI: that one is registered. */
  | { readonly kind: 'returned' }
  /** It sends the browser on, to its sign-in page as it seems. */
  | { readonly kind: 'sent_on', readonly status: number, readonly host: string }
  /** A page, which may be its sign-in page or an error in words. */
  | { readonly kind: 'page', readonly status: number }

/** `unclear`: it complained of something else than who asks. */
export type CredentialTrial = 'accepted' | 'unclear'

/** Nobody is signed in, and `prompt=none` lets nobody sign in: that is the answer which says that all else is right (OpenID Connect Core 1.0, section 3.1.2.6). */
const NOBODY_SIGNED_IN = new Set(['login_required', 'interaction_required', 'consent_required', 'account_selection_required'])

/** What pages of providers say of a redirect URI, and of a client, that they do not know. */
const UNKNOWN_REDIRECT_URI = /AADSTS50011(?!\d)|AADSTS500113|redirect_uri_mismatch|invalid_redirect_uri|unregistered redirect_uri|invalid parameter: redirect_uri|callback url mismatch|redirect_uri is missing in the client|redirect_uri'? (?:parameter must be a login redirect|did not match|does not match)/i
const UNKNOWN_CLIENT = /AADSTS700016|invalid_client|unauthorized_client|deleted_client|unknown client|client not found|invalid client_id/i
/** Entra ID says so with status 200, which a sign-in page has too. */
const OF_ENTRA = /AADSTS\d/
const OTHER = /\b(invalid_scope|unsupported_response_type|invalid_request|invalid_target|AADSTS\d{4,9})\b/

const REGISTER = 'register the redirect URI at the provider as it is sent: scheme, host, port and path, letter by letter'

/** Google packs its error into the address of a page. */
function unpacked (location: URL): string {
  return Buffer.from(location.searchParams.get('authError') ?? '', 'base64url').toString('latin1')
}

function complaintIn (text: string): Attempt<never> | null {
  if (UNKNOWN_REDIRECT_URI.test(text)) return failed('the provider does not know the redirect URI of this client', REGISTER)
  if (UNKNOWN_CLIENT.test(text)) return failed('the provider does not know the client', 'check client_id, and that discovery is that of the provider (tenant, realm, authorization server) where the client is')
  return null
}

function judgeReturn (parameters: URLSearchParams): Attempt<AuthorizationTrial> {
  const error = parameters.get('error')
  if (error === null || NOBODY_SIGNED_IN.has(error)) return { kind: 'done', value: { kind: 'returned' } }
  const description = parameters.get('error_description') ?? ''
  return failed(`the provider refuses logins: ${JSON.stringify(inOneLine(error))} ${JSON.stringify(inOneLine(description))}`, remedyForRefusal(error, description))
}

function isSamePlace (one: URL, other: URL): boolean {
  return one.origin === other.origin && one.pathname === other.pathname
}

function judgeRedirect (status: number, location: URL, redirectUri: string): Attempt<AuthorizationTrial> {
  if (isSamePlace(location, new URL(redirectUri))) return judgeReturn(location.searchParams)
  return complaintIn(`${location.search} ${unpacked(location)}`) ?? { kind: 'done', value: { kind: 'sent_on', status, host: location.host } }
}

async function judgePage (answer: Response): Promise<Attempt<AuthorizationTrial>> {
  const { status } = answer
  const text = (await answer.text()).replaceAll(/&#(?:39|x27);|&apos;/g, "'")
  const complaint = status >= 400 || OF_ENTRA.test(text) ? complaintIn(text) : null
  if (complaint !== null) return complaint
  if (status < 400) return { kind: 'done', value: { kind: 'page', status } }
  const named = OTHER.exec(text)?.[1]
  return failed(`the provider answers an authorization request with status ${status}${named === undefined ? '' : ` (${named})`}`, status >= 500 ? 'look into the log of the provider' : 'check client_id and scope, and the redirect URIs of the client at the provider')
}

/**
 * Makes an authorization request as a login would, and follows nothing: with `prompt=none` whoever knows the client and
 * its redirect URI answers there that nobody is signed in.
 */
export async function tryAuthorization (provider: Provider, settings: OidcSettings, redirectUri: string): Promise<Attempt<AuthorizationTrial>> {
  try {
    const { location } = await authorize(provider, settings, { redirectUri, attempt: 0, seed: randomBytes(16).toString('base64url'), prompt: 'none', asked: {} })
    const answer = await provider.http.fetch(location, { headers: { accept: 'text/html,*/*;q=0.1' } })
    const target = answer.headers.get('location')
    return target !== null && URL.canParse(target, location) ? judgeRedirect(answer.status, new URL(target, location), redirectUri) : await judgePage(answer)
  } catch (error) {
    return failedBy(error)
  }
}

/** Brings the token endpoint a code that nobody issued: who complains of the code has believed who asks (RFC 6749, section 5.2). */
export async function tryCredentials (provider: Provider, settings: OidcSettings, redirectUri: string): Promise<Attempt<CredentialTrial>> {
  try {
    const { configuration, proofs } = await provider.client()
    const parameters = { code: randomBytes(16).toString('base64url'), redirect_uri: redirectUri, ...(settings.use_pkce ? { code_verifier: randomBytes(32).toString('base64url') } : {}) }
    await genericGrantRequest(configuration, 'authorization_code', parameters, proofs)
    return { kind: 'done', value: 'unclear' }
  } catch (error) {
    if (isGrantRefused(error)) return { kind: 'done', value: 'accepted' }
    const known = toProviderError(error)
    return known instanceof ClientRefusedError || known instanceof ProviderUnavailableError ? failedBy(known) : { kind: 'done', value: 'unclear' }
  }
}
