import { escapeHtml } from 'fastify-oidc'
import { emailClaimOf } from './headers.ts'
import type { Context } from './row.ts'

type Parts = Omit<Context, 'path'>

/** Where the browser is sent back to: OAuth2 Proxy takes the provider's answers below its prefix alone. */
function translateCallback (prefix: string, { settings, ledger, draft }: Parts): void {
  const callback = `${prefix}/callback`
  const written = settings.text('redirect_url')
  const path = settings.pathOf('redirect_url')
  const redirect = written !== null && /^https?:\/\/[^/?#]+$/i.test(written) ? written + callback : written ?? callback
  if (URL.canParse(redirect, 'http://localhost') && new URL(redirect, 'http://localhost').pathname !== callback) return ledger.refuse(path, `must have the path ${callback}: answers are taken there alone`)
  draft.setOption(['redirect_uri'], redirect, path)
}

/** Who somebody is, for what `auth` and `userinfo` say. */
function translateClaims ({ settings, draft }: Parts): void {
  const email = emailClaimOf({ settings })
  const groups = settings.text('oidc_groups_claim') ?? 'groups'
  if (email !== 'email') draft.setOption(['email_claim'], email, settings.pathOf(settings.text('oidc_email_claim') === email ? 'oidc_email_claim' : 'user_id_claim'))
  if (groups !== 'groups') draft.setOption(['groups_claim'], groups, settings.pathOf('oidc_groups_claim'))
}

/** What `auth` answers; the same as every answer of a route, without Basic credentials. */
function translateAuth ({ settings, draft }: Parts): void {
  const sets = settings.flag('set_xauthrequest', false)
  draft.set(['endpoints', 'set_xauthrequest'], sets, settings.pathOf('set_xauthrequest'))
  if (sets && settings.flag('pass_access_token', false)) draft.set(['endpoints', 'pass_access_token'], true, settings.pathOf('pass_access_token'))
  if (settings.flag('set_authorization_header', false)) draft.set(['endpoints', 'set_authorization_header'], true, settings.pathOf('set_authorization_header'))
}

/** Where there is no `banner`, OAuth2 Proxy names the domains that people may come from, unless that is everybody or a file has a list. */
function translateDomains ({ settings, draft }: Parts): void {
  const domains = settings.list('email_domains').filter(domain => domain !== '')
  if (domains.length === 0 || domains.includes('*') || settings.text('banner') !== null || settings.text('authenticated_emails_file') !== null) return
  draft.set(['endpoints', 'banner'], escapeHtml(`Sign in with an account of ${domains.join(', ')}.`), settings.pathOf('email_domains'))
}

/** The endpoints under `proxy_prefix`, and beside them a logout that ends the provider's session too. */
export function translateEndpoints (parts: Parts): void {
  const { settings, ledger, draft } = parts
  const prefix = settings.text('proxy_prefix') ?? '/oauth2'
  const path = settings.pathOf('proxy_prefix')
  if (!/^\/.*[^/]$/.test(prefix)) return ledger.refuse(path, 'must begin with / and not end with it')
  draft.set(['endpoints', 'prefix'], prefix, path)
  draft.setOption(['logout_path'], `${prefix}/logout`, path)
  translateCallback(prefix, parts)
  translateClaims(parts)
  translateAuth(parts)
  translateDomains(parts)
}
