import type { OptionProblem } from 'fastify-oidc-session-store'
import { namesAudiences } from '../policy/protected-resource.ts'
import type { ResolvedOptions } from './schema.ts'
import { ASYMMETRIC_ALGORITHMS, readPublicKey, splitAlgorithms } from './signing-key.ts'

const problem = (path: string, message: string): OptionProblem => ({ path: path.split('.'), message })

/** Are bearer tokens verified here, by their signature? */
export function verifiesJwts ({ public_key: publicKey, use_jwks: useJwks }: Pick<ResolvedOptions, 'public_key' | 'use_jwks'>): boolean {
  return publicKey !== undefined || useJwks
}

/** Is the provider asked about them? */
export function introspects (options: Pick<ResolvedOptions, 'bearer_only' | 'introspection_endpoint' | 'public_key' | 'use_jwks'>): boolean {
  return options.introspection_endpoint !== undefined || (options.bearer_only && !verifiesJwts(options))
}

/** Without any of this, a bearer token is not looked at. */
export function acceptsBearer (options: Parameters<typeof introspects>[0]): boolean {
  return verifiesJwts(options) || introspects(options)
}

/** Does anything here need the discovery document? A key and its issuers say all that there is to know. */
export function needsDiscovery (options: ResolvedOptions): boolean {
  const hasIssuers = options.claim_validator?.issuer?.valid_issuers !== undefined
  return !options.bearer_only || introspects(options) || options.public_key === undefined || !hasIssuers
}

function checkAlgorithms ({ token_signing_alg_values_expected: expected, public_key: publicKey }: ResolvedOptions): OptionProblem[] {
  const names = expected === undefined ? null : splitAlgorithms(expected)
  const unknown = (names ?? []).filter(name => !ASYMMETRIC_ALGORITHMS.includes(name))
  const problems: OptionProblem[] = []
  if (names?.length === 0 || unknown.length > 0) problems.push(problem('token_signing_alg_values_expected', `must be one or more of ${ASYMMETRIC_ALGORITHMS.join(', ')}, with blanks between them`))
  if (publicKey === undefined) return problems
  const read = readPublicKey(publicKey)
  if (read.kind === 'problem') problems.push(problem('public_key', read.message))
  else if (names !== null && problems.length === 0 && !read.algorithms.some(name => names.includes(name))) problems.push(problem('token_signing_alg_values_expected', `does not fit public_key, which verifies ${read.algorithms.join(', ')}`))
  return problems
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Of our own request, which a client's header must not change: who we are, and what is sent. */
const OWN_HEADERS = new Set(['authorization', 'accept', 'content-type', 'content-length', 'content-encoding', 'transfer-encoding', 'host', 'connection', 'keep-alive', 'te', 'trailer', 'upgrade', 'expect'])

function checkAddonHeaders ({ introspection_addon_headers: names = [] }: ResolvedOptions): OptionProblem[] {
  return names.flatMap((name, index) => {
    const path = `introspection_addon_headers.${index}`
    if (!HEADER_NAME.test(name)) return [problem(path, 'is not the name of a header')]
    return OWN_HEADERS.has(name.toLowerCase()) ? [problem(path, 'is a header of the introspection request itself')] : []
  })
}

/** Is a token that was issued for somebody else refused? */
export function namesAudience ({ audience, claim_validator: validator, resource_metadata: resources }: Pick<ResolvedOptions, 'audience' | 'claim_validator' | 'resource_metadata'>): boolean {
  return namesAudiences(audience) || resources !== undefined || validator?.audience?.match_with_client_id === true
}

function checkIdle (options: ResolvedOptions): OptionProblem[] {
  const problems: OptionProblem[] = []
  if (options.accept_id_token_as_bearer && !verifiesJwts(options)) problems.push(problem('accept_id_token_as_bearer', 'has no effect where no tokens are verified by their signature: set use_jwks or public_key'))
  return problems
}

function checkAudience (options: ResolvedOptions): OptionProblem[] {
  if (options.security_profile === 'apisix' || !acceptsBearer(options)) return []
  return namesAudience(options)
    ? []
    : [problem('audience', `or claim_validator.audience.match_with_client_id: true is required under security_profile ${options.security_profile} where bearer tokens are accepted: else a token that was issued for another API would do`)]
}

/** What the options about bearer tokens have to agree on. */
export function checkBearerOptions (options: ResolvedOptions): OptionProblem[] {
  return [checkAlgorithms, checkAddonHeaders, checkAudience, checkIdle].flatMap(check => check(options))
}
