import { Ledger } from '../report.ts'
import type { ForeignFormat } from '../origins.ts'
import type { Imported } from '../imported.ts'
import { isObject } from '../apisix/source.ts'
import { openAlpha, type AlphaDocument } from './alpha/document.ts'
import { translateLoginParameters } from './alpha/login-parameters.ts'
import { translateAlphaRoutes } from './alpha/upstreams.ts'
import { collectSettings, type Sources } from './collect.ts'
import { Draft } from './draft.ts'
import { translateEndpoints } from './endpoints.ts'
import { findPlaceholder } from './placeholders.ts'
import type { Context } from './row.ts'
import { translateRules } from './rules.ts'
import { translateClient, translateCookieSecret, type SecretRules } from './secrets.ts'
import { isLoopback, translateListen, translateLog, translateMetrics, translateTrust } from './server.ts'
import { translateSession } from './session.ts'
import { translateUpstreams } from './upstreams.ts'

type Parts = Omit<Context, 'path'>

/** What stands in no file. */
export interface OAuth2ProxyChoices extends SecretRules {
  readonly listen: NonNullable<ForeignFormat['listen']> | null
}

/** Headers of this gateway that no file of OAuth2 Proxy asks for. */
const OWN_HEADERS = ['set_access_token_header', 'set_id_token_header', 'set_userinfo_header', 'set_refresh_token_header', 'set_raw_id_token_header']
const PLACEHOLDERS_ELSEWHERE = ['client_id', 'client_secret', 'cookie_secret']
const NOTES = [
  'runs with PKCE, a nonce and no unsafe requests from other sites where its options do not say otherwise: OAuth2 Proxy has them off',
  'has one path more under its prefix, logout, which also ends the session at the provider'
]

/** Those that are HTML, or have a placeholder of their own. */
const WITH_BRACES = new Set(['backend_logout_url', 'banner', 'footer'])

function judgePlaceholders ({ settings, ledger }: Parts): void {
  for (const { row, path, value } of settings) {
    if (PLACEHOLDERS_ELSEWHERE.includes(row.name)) continue
    for (const text of Array.isArray(value) ? value as readonly string[] : [String(value)]) {
      const placeholder = findPlaceholder(text)
      if (placeholder !== null && !WITH_BRACES.has(row.name)) ledger.refuse(path, `has the placeholder ${placeholder} in it: write what it stands for`)
    }
  }
}

function translatePkce ({ settings, ledger, draft }: Parts): void {
  const name = settings.text('code_challenge_method') === null && settings.text('force_code_challenge_method') !== null ? 'force_code_challenge_method' : 'code_challenge_method'
  if (settings.find(name) === null) return
  const [method, path] = [settings.text(name), settings.pathOf(name)]
  if (method !== null && method !== 'S256' && method !== 'plain') return ledger.refuse(path, 'must be S256 or plain')
  draft.setOption(['use_pkce'], method !== null, path)
  if (method === 'plain') ledger.approximate(path, 'is use_pkce here, with S256')
  else ledger.exact(path, `is use_pkce: ${String(method !== null)} here`)
}

function translateScope ({ settings, draft }: Parts): void {
  const groups = settings.list('allowed_groups').some(group => group !== '') ? ' groups' : ''
  draft.setOption(['scope'], settings.text('scope') ?? `openid email profile${groups}`, settings.pathOf('scope'))
}

function judgeRequired ({ settings, ledger, draft }: Parts): void {
  if (settings.find('provider') === null) ledger.refuse(settings.pathOf('provider'), 'is missing, and google then: write oidc')
  draft.trace(['discovery'], settings.pathOf('oidc_issuer_url'))
  if (settings.text('oidc_issuer_url') === null) ledger.refuse(settings.pathOf('oidc_issuer_url'), 'is missing')
}

function translateSettings (choices: OAuth2ProxyChoices, alpha: AlphaDocument | null, parts: Parts): void {
  const { settings, ledger, draft } = parts
  draft.setOption(['security_profile'], 'oauth2.1', [])
  for (const name of OWN_HEADERS) draft.setOption([name], false, [])
  judgeRequired(parts)
  judgePlaceholders(parts)
  const listen = translateListen(choices.listen, parts)
  const dev = choices.dev && isLoopback(listen)
  if (choices.dev && !dev) ledger.refuse(settings.pathOf('http_address'), '--dev is for 127.0.0.1, [::1] and localhost: others could reach this address')
  translateClient({ ...choices, dev }, parts)
  translateCookieSecret({ ...choices, dev }, parts)
  for (const translate of [translateEndpoints, translatePkce, translateScope, translateRules, translateTrust, translateMetrics, translateLog]) translate(parts)
  if (alpha === null) translateUpstreams(parts)
  else {
    translateLoginParameters(alpha, parts)
    translateAlphaRoutes(alpha, parts)
  }
  translateSession(choices, parts)
  for (const { row, path, value } of settings) row.translate(value, { ...parts, path })
  for (const note of NOTES) ledger.note([], note)
}

/** Translates what OAuth2 Proxy reads: a file, the environment and its command line. */
export function importOAuth2Proxy (sources: Sources, choices: OAuth2ProxyChoices): Imported {
  const ledger = new Ledger()
  const draft = new Draft()
  const alpha = sources.alpha === undefined || sources.alpha === null ? null : openAlpha(sources.alpha, sources.environment, ledger)
  const settings = collectSettings(sources, ledger, alpha)
  translateSettings(choices, alpha, { settings, ledger, draft })
  const roots = [sources.file, alpha?.value].filter(isObject)
  return { value: draft.finish(), report: ledger.finish(Object.assign({}, ...roots)), originOf: path => draft.originOf(path) }
}
