import type { UsedMetadata } from 'fastify-oidc'
import { fail, ok, warn, type Finding } from './finding.ts'
import type { CoreOptions } from './patient.ts'

type Server = UsedMetadata['server']

/** A list of the discovery document; null: it does not say. */
export function listOf (server: Server, name: string): readonly string[] | null {
  const value = server[name]
  return Array.isArray(value) ? value.filter(member => typeof member === 'string') : null
}

function checkPkce (server: Server, { use_pkce: isOn }: CoreOptions): Finding {
  const methods = listOf(server, 'code_challenge_methods_supported')
  const knows = methods?.includes('S256') === true
  if (isOn) {
    if (knows) return ok('PKCE', 'sent, and the provider knows S256')
    return methods === null
      ? warn('PKCE', 'sent, and the provider does not say that it looks at it', 'nothing where its manual says that it does (Entra ID for one); else ask for a client that requires it')
      : fail('PKCE', `sent with S256, and the provider knows ${methods.join(', ') || 'no method'} alone`, 'set use_pkce: false, or have S256 allowed at the provider')
  }
  return knows ? warn('PKCE', 'not sent, and the provider knows it', 'set use_pkce: true, or security_profile: oauth2.1') : ok('PKCE', 'not sent')
}

function requestedScopes ({ scope, authorization_params: parameters }: CoreOptions): string[] {
  const written = typeof parameters?.scope === 'string' ? parameters.scope : scope
  return written.split(/\s+/).filter(name => name !== '')
}

function checkScopes (server: Server, options: CoreOptions): Finding {
  const wanted = requestedScopes(options)
  const known = listOf(server, 'scopes_supported')
  if (known === null) return ok('scope', `${wanted.join(' ')}; the provider does not list what it knows`)
  const strange = wanted.filter(name => !known.includes(name))
  if (!wanted.includes('openid')) return fail('scope', `${wanted.join(' ')}: without openid there is no ID token`, 'add openid to scope')
  if (strange.length > 0) return warn('scope', `the provider does not list ${strange.join(', ')}`, `define it at the provider, or take it out of scope; known: ${known.slice(0, 12).join(', ')}`)
  const mayRefresh = known.includes('offline_access') && !wanted.includes('offline_access') && options.renew_access_token_on_expiry
  return ok('scope', `${wanted.join(' ')}${mayRefresh ? '; many providers give a refresh token for offline_access alone' : ''}`)
}

function checkFlow (server: Server): Finding {
  const types = listOf(server, 'response_types_supported')
  const grants = listOf(server, 'grant_types_supported')
  if (types !== null && !types.includes('code')) return fail('response type', `the provider does not list code, but ${types.join(', ')}`, 'have the authorization code flow allowed at the provider')
  if (grants !== null && !grants.includes('authorization_code')) return fail('response type', 'the provider does not list the grant authorization_code', 'have the authorization code flow allowed at the provider')
  return ok('response type', `code${grants !== null && !grants.includes('refresh_token') ? '; the provider gives no refresh tokens' : ''}`)
}

function checkAuthMethod ({ server, authMethod }: UsedMetadata, { token_endpoint_auth_method: configured, client_secret: secret }: CoreOptions): Finding {
  const check = 'client authentication'
  const listed = listOf(server, 'token_endpoint_auth_methods_supported')
  if (authMethod === 'client_secret_jwt' && Buffer.byteLength(secret ?? '') < 32) return fail(check, 'client_secret_jwt needs a client_secret of 32 bytes or more', 'have a longer secret made at the provider, or set token_endpoint_auth_method')
  if (authMethod === configured) return listed === null || listed.includes(configured) ? ok(check, configured) : fail(check, `${configured}, and the provider takes ${listed.join(', ')}`, 'set token_endpoint_auth_method to one of these, with what it needs')
  if (authMethod === 'none') return fail(check, `none can be used of what the provider takes: ${listed?.join(', ') ?? 'nothing'}`, 'set token_endpoint_auth_method, and client_secret or client_rsa_private_key for it')
  return warn(check, `${authMethod} will be used: the provider does not list ${configured}`, `write token_endpoint_auth_method: ${authMethod}`)
}

function checkIssInAnswer (server: Server, { security_profile: profile }: CoreOptions): Finding {
  const check = 'iss in answers'
  if (server.authorization_response_iss_parameter_supported === true) return ok(check, 'the provider says so, and it is required (RFC 9207)')
  return profile === 'fapi2' ? fail(check, 'the provider does not say that it names itself, and fapi2 requires it (RFC 9207)', 'have it switched on at the provider') : ok(check, 'not announced, and not required')
}

function checkPush (server: Server, { par, discovery }: CoreOptions): Finding[] {
  const endpoint = server.pushed_authorization_request_endpoint
  const check = 'pushed requests'
  if (par?.enabled !== true) return server.require_pushed_authorization_requests === true ? [fail(check, 'the provider takes no other requests', 'set par.enabled: true')] : []
  if (typeof endpoint !== 'string') return [fail(check, 'the provider names no pushed_authorization_request_endpoint', 'set par.endpoint, or par.enabled: false')]
  const isInClear = discovery.startsWith('https:') && endpoint.startsWith('http:')
  return [isInClear ? fail(check, `${endpoint} is not https`, 'set par.endpoint') : ok(check, endpoint)]
}

function checkDpop (server: Server, { dpop }: CoreOptions): Finding[] {
  if (dpop?.enabled !== true) return []
  const algorithms = listOf(server, 'dpop_signing_alg_values_supported')
  if (algorithms === null) return [warn('DPoP', 'the provider does not say that it knows it: tokens that it does not bind are refused', 'have it switched on at the provider, or set dpop.enabled: false')]
  return [algorithms.includes(dpop.signing_alg) ? ok('DPoP', dpop.signing_alg) : fail('DPoP', `${dpop.signing_alg}, and the provider takes ${algorithms.join(', ')}`, 'set dpop.signing_alg and a key for it')]
}

/** What the provider can, held against what logins use of it. */
export function checkCapabilities (metadata: UsedMetadata, options: CoreOptions): Finding[] {
  const { server } = metadata
  return [
    checkFlow(server),
    checkPkce(server, options),
    checkScopes(server, options),
    checkAuthMethod(metadata, options),
    checkIssInAnswer(server, options),
    ...checkPush(server, options),
    ...checkDpop(server, options)
  ]
}
