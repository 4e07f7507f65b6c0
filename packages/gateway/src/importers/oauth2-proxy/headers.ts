import type { Context } from './row.ts'

type Parts = Omit<Context, 'path'>
type Headers = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Headers of every route. */
export interface ImportedHeaders {
  readonly request: Headers
  readonly response: Headers
}

/** The claim that OAuth2 Proxy takes for the e-mail address. */
export function emailClaimOf ({ settings }: Pick<Parts, 'settings'>): string {
  const claim = settings.text('oidc_email_claim') ?? 'email'
  return claim === 'email' ? settings.text('user_id_claim') ?? 'email' : claim
}

function userHeaders (prefix: string, user: string, parts: Parts): Headers {
  const groups = parts.settings.text('oidc_groups_claim') ?? 'groups'
  return { [`${prefix}-User`]: { claim: user }, [`${prefix}-Email`]: { claim: emailClaimOf(parts) }, [`${prefix}-Groups`]: { claim: groups }, [`${prefix}-Preferred-Username`]: { claim: 'preferred_username' } }
}

/** Headers that the options send to the upstream, and with the answer. */
export function headersOf (parts: Parts): ImportedHeaders {
  const { settings, ledger } = parts
  const prefersEmail = settings.flag('prefer_email_to_user', false)
  const user = prefersEmail ? emailClaimOf(parts) : 'sub'
  const variable = settings.find('basic_auth_password')?.variable ?? null
  const password = settings.text('basic_auth_password') === null || variable === null ? settings.text('basic_auth_password') : `$ENV://${variable}`
  const passBasic = settings.flag('pass_basic_auth', true)
  const basic: Headers = password === null ? {} : { Authorization: { claim: user, basic_password: password } }
  const bearer = { Authorization: { claim: 'id_token', prefix: 'Bearer ' } }
  const { 'X-Forwarded-Email': email, ...others } = userHeaders('X-Forwarded', user, parts)
  const users = prefersEmail || email === undefined ? others : { ...others, 'X-Forwarded-Email': email }
  const on = (name: string, headers: Headers): Headers => settings.flag(name, false) ? headers : {}
  for (const [name, isBasic] of [['pass_authorization_header', passBasic && password !== null], ['set_authorization_header', settings.flag('set_basic_auth', false)]] as const) {
    if (settings.flag(name, false) && isBasic) ledger.refuse(settings.pathOf(name), 'cannot stand beside Basic credentials in the same header')
  }
  return {
    request: { ...passBasic || settings.flag('pass_user_headers', true) ? users : {}, ...passBasic ? basic : {}, ...on('pass_access_token', { 'X-Forwarded-Access-Token': { claim: 'access_token' } }), ...on('pass_authorization_header', bearer) },
    response: { ...on('set_xauthrequest', { ...userHeaders('X-Auth-Request', 'sub', parts), ...on('pass_access_token', { 'X-Auth-Request-Access-Token': { claim: 'access_token' } }) }), ...on('set_basic_auth', basic), ...on('set_authorization_header', bearer) }
  }
}
