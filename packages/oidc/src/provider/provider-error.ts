import { errors as joseErrors } from 'jose'
import { AuthorizationResponseError, ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client'
import { ClientRefusedError, CodeRefusedError, ProviderInvalidError, ProviderUnavailableError, TokenInvalidError } from '../errors.ts'

const NETWORK = /^(E[A-Z_]+|UND_ERR_.+|ERR_TLS_.+|ERR_SSL_.+|CERT_.+|.*_CERT.*|SELF_SIGNED.*|UNABLE_TO_.+)$/

/** The innermost cause, which says what happened: `ECONNREFUSED`, `ENOTFOUND`, … */
export function rootCause (error: unknown): { code: string | null, message: string } {
  let current: unknown = error
  let found: { code: string | null, message: string } = { code: null, message: String(error) }
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    const code: unknown = (current as Error & { code?: unknown }).code
    found = { code: typeof code === 'string' ? code : found.code, message: current.message }
    current = current.cause
  }
  return found
}

function isTimeout (error: unknown): boolean {
  for (let current: unknown = error, depth = 0; depth < 8 && current instanceof Error; depth++, current = current.cause) {
    if (current.name === 'TimeoutError' || current instanceof joseErrors.JWKSTimeout) return true
    if (/TIMEOUT|ETIMEDOUT/.test(String((current as Error & { code?: unknown }).code))) return true
  }
  return false
}

/** What to change, for the log line. */
export function remedy (error: unknown): string {
  if (isTimeout(error)) return 'the provider did not answer in time: check that it is up, or raise timeout (seconds)'
  const { code } = rootCause(error)
  if (code === null || !NETWORK.test(code)) return 'see the cause'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host of the provider does not resolve: check discovery and the DNS settings of this machine'
  if (code === 'ECONNREFUSED') return 'nothing listens there: check the host and port in discovery'
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code)) return "the provider's certificate was not accepted: add its CA with NODE_EXTRA_CA_CERTS"
  return 'the connection to the provider failed: check the network between here and there'
}

function isOutage (error: unknown): boolean {
  if (isTimeout(error)) return true
  if (error instanceof ResponseBodyError) return error.status >= 500 || error.error === 'temporarily_unavailable' || error.error === 'server_error'
  const status = statusOf(error)
  if (status !== null) return status >= 500 || status === 429
  const { code } = rootCause(error)
  return (code !== null && NETWORK.test(code)) || (error instanceof TypeError && error.message === 'fetch failed')
}

/** An answer with an unexpected status is carried as the cause. */
function statusOf (error: unknown): number | null {
  const cause = error instanceof Error ? error.cause : null
  return cause instanceof Response ? cause.status : null
}

const BAD_CLIENT = new Set(['invalid_client', 'unauthorized_client'])

/** Maps what openid-client, jose and undici throw to this package's codes. */
export function toProviderError (error: unknown): Error {
  if (error instanceof ProviderUnavailableError || error instanceof ProviderInvalidError) return error
  const wrap = (mapped: Error): Error => Object.assign(mapped, { cause: error })
  if (isOutage(error)) return wrap(new ProviderUnavailableError())
  if (error instanceof ResponseBodyError) return wrap(BAD_CLIENT.has(error.error) ? new ClientRefusedError() : new CodeRefusedError())
  if (error instanceof WWWAuthenticateChallengeError) return wrap(new ClientRefusedError())
  if (error instanceof AuthorizationResponseError) return wrap(new CodeRefusedError())
  if (error instanceof joseErrors.JOSEError) return wrap(new TokenInvalidError())
  if (error instanceof ClientError) return wrap(/JWT|OAUTH_INVALID_RESPONSE|CLAIM|JWKS/.test(String(error.code)) ? new TokenInvalidError() : new ProviderInvalidError())
  return wrap(new ProviderInvalidError())
}

/** Did the provider itself say no to the refresh token (RFC 6749, section 5.2)? */
export function isGrantRefused (error: unknown): boolean {
  return error instanceof ResponseBodyError && error.error === 'invalid_grant'
}
