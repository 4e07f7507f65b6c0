import { acceptsBearer, introspects, namesAudience, verifiesJwts } from './bearer-options.ts'
import { isByCertificate } from './client-auth-options.ts'
import type { ResolvedOptions } from './schema.ts'
import { FAPI2_ALGORITHMS, splitAlgorithms } from './signing-key.ts'

type Written = Readonly<Record<string, unknown>>

const OAUTH_2_1: Written = { use_pkce: true, use_nonce: true, accept_unsupported_alg: false, cross_site: 'refuse' }

/** A group that is not written at all, or in which this one member is not. */
function enable (group: unknown): unknown {
  return group === undefined || (group !== null && typeof group === 'object' && !Array.isArray(group)) ? { enabled: true, ...group } : group
}

/** FAPI 2.0 Security Profile, section 5.3.3: pushed requests, bound tokens, no shared secrets. */
function fapi2 ({ tls_client_auth: certificate, client_rsa_private_key: key, bearer_only: bearerOnly, par, dpop }: Written): Written {
  const method = certificate !== undefined && key === undefined ? 'tls_client_auth' : 'private_key_jwt'
  return {
    ...OAUTH_2_1,
    token_endpoint_auth_method: method,
    introspection_endpoint_auth_method: method,
    token_signing_alg_values_expected: FAPI2_ALGORITHMS.join(' '),
    ...(bearerOnly === true ? {} : { par: enable(par) }),
    ...(bearerOnly === true || certificate !== undefined ? {} : { dpop: enable(dpop) })
  }
}

const PROFILES: Readonly<Record<string, (written: Written) => Written>> = {
  apisix: () => ({}),
  'oauth2.1': () => OAUTH_2_1,
  fapi2
}

/** What is not written is as the profile has it; a value that is written always wins. */
export function applyProfile (input: unknown): unknown {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) return input
  const written: Record<string, unknown> = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
  const profile = typeof written.security_profile === 'string' && Object.hasOwn(PROFILES, written.security_profile) ? PROFILES[written.security_profile]?.(written) : undefined
  const groups = Object.fromEntries(['par', 'dpop'].flatMap(name => profile?.[name] === undefined ? [] : [[name, profile[name]]]))
  return { ...profile, ...written, ...groups }
}

const namesOf = (weak: ReadonlyArray<readonly [name: string, isWeak: boolean]>): string[] => weak.filter(([, isWeak]) => isWeak).map(([name]) => name)

/** What is weaker than `oauth2.1` would have it. */
function weakerThanOauth21 (settings: ResolvedOptions): string[] {
  const hasLogins = !settings.bearer_only
  return namesOf([
    ['use_pkce', hasLogins && !settings.use_pkce],
    ['use_nonce', hasLogins && !settings.use_nonce],
    ['accept_none_alg', hasLogins && settings.accept_none_alg],
    ['accept_unsupported_alg', hasLogins && settings.accept_unsupported_alg],
    ['cross_site', hasLogins && settings.cross_site === 'allow'],
    ['audience', acceptsBearer(settings) && !namesAudience(settings)],
    ['accept_id_token_as_bearer', settings.accept_id_token_as_bearer],
    ['ssl_verify', !settings.ssl_verify]
  ])
}

const isStrong = (method: string | undefined): boolean => method === undefined || method === 'private_key_jwt' || isByCertificate(method)

const isWeakAlgorithm = (name: string | undefined): boolean => name !== undefined && !FAPI2_ALGORITHMS.includes(name)

function weakerLogin ({ par, dpop, tls_client_auth: certificate, token_endpoint_auth_method: method }: ResolvedOptions): string[] {
  return namesOf([
    ['par.enabled', par?.enabled !== true],
    ['par.endpoint_auth_method', !isStrong(par?.endpoint_auth_method)],
    ['dpop.enabled', dpop?.enabled !== true && certificate === undefined],
    ['dpop.signing_alg', dpop?.enabled === true && isWeakAlgorithm(dpop.signing_alg)],
    ['token_endpoint_auth_method', !isStrong(method)]
  ])
}

const LOOPBACK = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Anybody on the way reads and changes what goes there (FAPI 2.0 Security Profile, section 5.2.1); on this machine nobody is on the way. */
function isInClear (url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !LOOPBACK.test(hostname)
}

const ADDRESSES = ['discovery', 'authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'end_session_endpoint', 'revocation_endpoint', 'introspection_endpoint'] as const

function addressesInClear (settings: ResolvedOptions): string[] {
  return [...ADDRESSES.filter(name => isInClear(settings[name])), ...isInClear(settings.par?.endpoint) ? ['par.endpoint'] : []]
}

/** A bearer token proves nothing but itself, and nothing here looks at proofs of callers. */
function weakerBearer (settings: ResolvedOptions): string[] {
  const way = (['public_key', 'use_jwks', 'introspection_endpoint', 'bearer_only'] as const).find(name => settings[name] !== undefined && settings[name] !== false)
  return namesOf([
    [way ?? '', way !== undefined],
    ['introspection_endpoint_auth_method', introspects(settings) && !isStrong(settings.introspection_endpoint_auth_method)],
    ['token_signing_alg_values_expected', verifiesJwts(settings) && splitAlgorithms(settings.token_signing_alg_values_expected ?? '').some(isWeakAlgorithm)]
  ])
}

/** Options that are weaker than the profile is, or under `apisix` than the next one: by name. */
export function listWeakSettings (settings: ResolvedOptions): string[] {
  if (settings.security_profile === 'oauth2.1') return []
  const weak = weakerThanOauth21(settings)
  if (settings.security_profile === 'apisix') return weak
  return [
    ...weak,
    ...addressesInClear(settings),
    ...settings.bearer_only ? [] : weakerLogin(settings),
    ...acceptsBearer(settings) ? weakerBearer(settings) : [],
    ...namesOf([['client_jwt_assertion_alg', isWeakAlgorithm(settings.client_jwt_assertion_alg)]])
  ]
}
