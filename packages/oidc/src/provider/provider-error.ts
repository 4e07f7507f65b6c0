import { errors as joseErrors } from 'jose'
import { AuthorizationResponseError, ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client'
import { ClientRefusedError, CodeRefusedError, ProviderInvalidError, ProviderUnavailableError, TokenInvalidError } from '../errors.ts'
import { isNetworkFailure, isTimeout, ProviderFault, statusOf } from './fault.ts'

function isOutage (error: unknown): boolean {
  if (isTimeout(error)) return true
  if (error instanceof ResponseBodyError) return error.status >= 500 || error.error === 'temporarily_unavailable' || error.error === 'server_error'
  const status = statusOf(error)
  return status === null ? isNetworkFailure(error) : status >= 500 || status === 429
}

/** A proof that does not hold is of a key, an algorithm or a clock of ours (RFC 9449, section 5). */
const BAD_CLIENT = new Set(['invalid_client', 'unauthorized_client', 'invalid_dpop_proof'])

function refusalOf (code: string): Error {
  if (BAD_CLIENT.has(code)) return new ClientRefusedError()
  // The proof was made again with the nonce that it wanted.
  return code === 'use_dpop_nonce' ? new ProviderInvalidError() : new CodeRefusedError()
}

function mapError (error: unknown): Error {
  if (isOutage(error)) return new ProviderUnavailableError()
  if (error instanceof ResponseBodyError) return refusalOf(error.error)
  if (error instanceof WWWAuthenticateChallengeError) return new ClientRefusedError()
  if (error instanceof AuthorizationResponseError) return new CodeRefusedError()
  if (error instanceof joseErrors.JOSEError) return new TokenInvalidError()
  if (error instanceof ClientError) return /JWT|OAUTH_INVALID_RESPONSE|CLAIM|JWKS/.test(String(error.code)) ? new TokenInvalidError() : new ProviderInvalidError()
  return new ProviderInvalidError()
}

/** Maps what openid-client, jose and undici throw to this package's codes; the cause is fit for a log. */
export function toProviderError (error: unknown): Error {
  if (error instanceof ProviderUnavailableError || error instanceof ProviderInvalidError || error instanceof TokenInvalidError) return error
  return Object.assign(mapError(error), { cause: new ProviderFault(error) })
}

/** An answer of the provider that does not hold, by our own judgement. */
export function tokenInvalid (reason: string): Error {
  return Object.assign(new TokenInvalidError(), { cause: new ProviderFault(new Error(reason)) })
}

/** Did the provider itself say no to the refresh token (RFC 6749, section 5.2)? */
export function isGrantRefused (error: unknown): boolean {
  return error instanceof ResponseBodyError && error.error === 'invalid_grant'
}
