import { errors as joseErrors } from 'jose'
import { ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client'
import { remedyForRefusal } from './refusal.ts'

const MAX_TEXT = 300
const MAX_STACK = 1500
const MAX_DEPTH = 8
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g // eslint-disable-line no-control-regex -- what would break out of a line
const NETWORK = /^(E(?!RR_)[A-Z_]+|UND_ERR_.+|HPE_.+|ERR_(?:TLS|SSL)_.+|CERT_.+|.*_CERT.*|SELF_SIGNED.*|UNABLE_TO_.+)$/

/** The error and its causes, outermost first. */
export function causesOf (error: unknown): Error[] {
  const causes: Error[] = []
  for (let current: unknown = error; current instanceof Error && causes.length < MAX_DEPTH; current = current.cause) {
    causes.push(current)
    // One name, several addresses: each failed, and the first says how.
    if (current instanceof AggregateError && current.cause === undefined && current.errors[0] instanceof Error) causes.push(current.errors[0])
  }
  return causes
}

function codesOf (error: unknown): string[] {
  return causesOf(error).map(cause => (cause as Error & { code?: unknown }).code).filter(code => typeof code === 'string')
}

/** Text of others in one line and bounded. */
export function inOneLine (text: string): string {
  const line = text.slice(0, MAX_TEXT * 2).replace(CONTROL, ' ')
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT)}…` : line
}

export function isTimeout (error: unknown): boolean {
  return causesOf(error).some(cause => cause.name === 'TimeoutError' || cause instanceof joseErrors.JWKSTimeout) || codesOf(error).some(code => /TIMEOUT|ETIMEDOUT/.test(code))
}

export function isNetworkFailure (error: unknown): boolean {
  return codesOf(error).some(code => NETWORK.test(code))
}

/** The status of an answer that nobody expected: libraries carry the answer as the cause. */
export function statusOf (error: unknown): number | null {
  const answer = causesOf(error).map(({ cause }) => cause).find(cause => cause instanceof Response)
  return answer instanceof Response ? answer.status : null
}

function networkRemedy (error: unknown): string | null {
  if (isTimeout(error)) return 'the provider did not answer in time: check that it is up, or raise timeout (seconds)'
  if (!isNetworkFailure(error)) return null
  if (causesOf(error).some(({ message }) => message.startsWith('Proxy response'))) return 'the proxy does not let this through: check the proxies and their authorization in proxy_opts'
  const codes = codesOf(error).join(' ')
  if (/ENOTFOUND|EAI_AGAIN/.test(codes)) return 'the host of the provider does not resolve: check discovery and the DNS settings of this machine'
  if (codes.includes('ECONNREFUSED')) return 'nothing listens there: check the host and port in discovery, and in proxy_opts where that is set'
  if (/ERR_SSL_WRONG_VERSION|ERR_SSL_PACKET/.test(codes)) return 'the provider does not speak TLS there: check the scheme and port in discovery'
  if (/ALERT_(?:\w+_)?(?:CERTIFICATE|CA|DENIED)/.test(codes)) return 'the provider did not accept our certificate: check tls_client_auth, and whether the provider knows who vouches for it'
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(codes)) return "the provider's certificate was not accepted: add its CA with NODE_EXTRA_CA_CERTS"
  return 'the connection to the provider failed: check the network between here and there'
}

interface Refusal { readonly status: number, readonly error: string, readonly description: string }

/** In a body (RFC 6749, section 5.2), or in a challenge: of another scheme than Bearer it is about the client. */
function refusalOf (error: unknown): Refusal | null {
  for (const cause of causesOf(error)) {
    if (cause instanceof ResponseBodyError) return { status: cause.status, error: cause.error, description: cause.error_description ?? '' }
    if (!(cause instanceof WWWAuthenticateChallengeError)) continue
    const [challenge] = cause.cause
    const { error: said, error_description: description = '' } = challenge?.parameters ?? {}
    return { status: cause.status, error: said ?? (challenge?.scheme === 'bearer' ? 'invalid_token' : 'invalid_client'), description }
  }
  return null
}

/** By what is wrong with an answer or a token; the first that fits. */
const REMEDIES: ReadonlyArray<readonly [pattern: RegExp, remedy: string]> = [
  [/token_type/, 'let the provider bind the tokens of this client to dpop.private_key (dpop_bound_access_tokens), and only where dpop.enabled is true'],
  [/signature|applicable key|matching keys/i, 'check that jwks_uri, or discovery, is that of the provider that signs'],
  [/"alg"/, 'the provider has to list the algorithm in id_token_signing_alg_values_supported, none is never accepted, and under security_profile: fapi2 nothing but PS256, ES256 and EdDSA is'],
  [/iss(uer)?\b/, 'check discovery: another issuer answered'],
  [/aud|azp/, 'check client_id: the token is for another client'],
  [/"(exp|nbf|iat)"|timestamp|\biat\b/, 'compare the clocks, or raise iat_slack'],
  [/nonce|at_hash/, 'the answer does not belong to this login: somebody may be replaying one'],
  [/larger than/, 'check discovery: no provider sends so much']
]

function answerRemedy (error: unknown): string {
  const status = statusOf(error)
  if (status !== null) return `the provider answered with status ${status}: check discovery, and the endpoints that it names`
  const text = causesOf(error).map(({ message }) => message).join(' ')
  return REMEDIES.find(([pattern]) => pattern.test(text))?.[1] ?? 'the answer does not follow the specifications: check that discovery is that of an OpenID Provider'
}

/** What to change, for the log line. */
function remedyFor (error: unknown): string | null {
  const refusal = refusalOf(error)
  return networkRemedy(error) ?? (refusal === null ? answerRemedy(error) : remedyForRefusal(refusal.error, refusal.description))
}

function describe (error: unknown): string {
  const causes = causesOf(error)
  const refusal = refusalOf(error)
  if (refusal !== null) return `the provider answered ${refusal.status} ${JSON.stringify(inOneLine(refusal.error))} ${JSON.stringify(inOneLine(refusal.description))}`
  // A parser quotes what it does not understand, which may be half a token.
  return inOneLine(causes.findLast(cause => cause.message !== '' && !(cause instanceof SyntaxError))?.message ?? (causes.length === 0 ? String(error) : 'the answer is not JSON'))
}

/**
 * What failed at the provider, fit for a log: in one line and bounded, with what to change, and without the claims,
 * codes and answers that libraries hang on their errors.
 */
export class ProviderFault extends Error {
  readonly code: string | null
  /** null: there is nothing to change. */
  readonly remedy: string | null

  constructor (error: unknown, remedy: string | null = remedyFor(error)) {
    super(describe(error))
    this.name = 'ProviderFault'
    this.code = codesOf(error).at(-1) ?? null
    this.remedy = remedy
    const frames = /\n {4}at [\s\S]*$/.exec(causesOf(error)[0]?.stack ?? '')?.[0] ?? ''
    this.stack = `${this.name}: ${this.message}${frames.slice(0, MAX_STACK)}`
  }
}

/** The innermost cause, which says what happened: `ECONNREFUSED`, `ENOTFOUND`, … */
export function rootCause (error: unknown): { code: string | null, message: string } {
  const message = causesOf(error).findLast(cause => cause.message !== '')?.message ?? String(error)
  return { code: codesOf(error).at(-1) ?? null, message: inOneLine(message) }
}

/** A sentence for the log: what failed, why, and what to change. */
export function explain (text: string, error: unknown): string {
  const remedy = causesOf(error).find(cause => cause instanceof ProviderFault)?.remedy ?? null
  return `${text}: ${rootCause(error).message}${remedy === null ? '' : ` (${remedy})`}`
}
