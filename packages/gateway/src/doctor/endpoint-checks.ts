import type { Attempt, ProviderKeys, UsedMetadata } from 'fastify-oidc'
import { listOf } from './capability-checks.ts'
import { fail, ok, warn, type Finding } from './finding.ts'
import type { CoreOptions } from './patient.ts'

type Server = UsedMetadata['server']

const UNSIGNED_WITH_SECRET = /^HS\d+$/

function checkAlgorithms (server: Server, keys: readonly string[], { accept_unsupported_alg: acceptsUnsupported }: CoreOptions): Finding {
  const check = 'signatures'
  const used = listOf(server, 'id_token_signing_alg_values_supported') ?? ['RS256']
  const verified = used.filter(name => keys.includes(name) || UNSIGNED_WITH_SECRET.test(name))
  if (verified.length > 0) return ok(check, `ID tokens are signed with ${used.join(', ')}`)
  const what = `ID tokens are signed with ${used.join(', ') || 'nothing that is listed'}, and none of the keys is for that`
  return acceptsUnsupported ? warn(check, what, 'have the provider sign with RS256 or ES256, and set security_profile: oauth2.1') : fail(check, what, 'have the provider sign with RS256 or ES256')
}

/** The provider's keys, and whether they are those that it signs with. */
export function checkKeys (keys: Attempt<ProviderKeys>, server: Server, options: CoreOptions): Finding[] {
  if (keys.kind === 'failed') return [fail('keys', keys.message, keys.remedy)]
  const { count, useless, algorithms } = keys.value
  if (algorithms.length === 0) return [fail('keys', `jwks_uri has ${count === 0 ? 'no keys' : `${count} ${count === 1 ? 'key' : 'keys'}, and none that can verify anything`}`, 'have the provider publish its signing keys: RSA of 2,048 bits or more, EC or Ed25519')]
  return [ok('keys', `${count - useless} to verify with${useless === 0 ? '' : `, and ${useless} for something else`}`), checkAlgorithms(server, algorithms, options)]
}

interface Use {
  readonly check: string
  readonly name: string
  /** Null: it is not used. */
  readonly need: string | null
  readonly without: string
}

/** Endpoints that nobody needs who does not use them. */
function usesOf ({ bearer_only: bearerOnly, revoke_tokens_on_logout: revokes, introspection_endpoint: written, public_key: key, use_jwks: useJwks }: CoreOptions): Use[] {
  const introspects = written === undefined && bearerOnly && key === undefined && !useJwks
  return [
    { check: 'logout at the provider', name: 'end_session_endpoint', need: null, without: 'a logout ends the session here and leaves that of the provider: the next login needs no password' },
    { check: 'revocation', name: 'revocation_endpoint', need: revokes ? 'set revocation_endpoint, or revoke_tokens_on_logout: false' : null, without: 'the provider has none' },
    { check: 'introspection', name: 'introspection_endpoint', need: introspects ? 'set introspection_endpoint, or use_jwks: true' : null, without: 'the provider has none' }
  ]
}

/** The endpoints that a logout and bearer tokens need. */
export function checkEndpoints (server: Server, options: CoreOptions): Finding[] {
  return usesOf(options).map(({ check, name, need, without }) => {
    const found = name === 'introspection_endpoint' ? options.introspection_endpoint ?? server[name] : server[name]
    if (typeof found === 'string') return ok(check, found)
    return need === null ? ok(check, without) : fail(check, without, need)
  })
}
