import { createLocalJWKSet, errors, type CryptoKey, type JWSHeaderParameters } from 'jose'
import { ProviderInvalidError, ProviderUnavailableError, TokenInvalidError } from '../errors.ts'
import type { KeySet } from '../provider/discovery.ts'
import { toProviderError } from '../provider/provider-error.ts'
import { invalidToken } from './invalid.ts'

/** Finds the provider's key for a token, by its `kid` and `alg` alone. */
export type KeyFinder = (header: JWSHeaderParameters) => Promise<CryptoKey>

/** While its keys cannot be had, the provider is asked for them once in so many milliseconds. */
const PAUSE_MS = 1000

/** The token names a key that is none of theirs, or does not say which of several. */
function isTokensFault (error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys || error instanceof errors.JOSENotSupported
}

/** Keys that cannot be read are the provider's fault, not the token's. */
function keysError (error: unknown): Error {
  const known = toProviderError(error)
  return known instanceof TokenInvalidError ? Object.assign(new ProviderInvalidError(), { cause: known.cause }) : known
}

/**
 * The provider's keys: asked for again for an unknown `kid`, at most once in 30 s; the last good ones serve on while
 * new ones cannot be had.
 */
export function createKeyFinder (keys: KeySet): KeyFinder {
  let pausedUntil = 0
  let failure: Error | null = null

  async function findInLastGood (header: JWSHeaderParameters, error: Error): Promise<CryptoKey> {
    const last = keys.jwks()
    if (last === undefined) throw error
    // An unknown key may be a new one, which is for the provider to say.
    return await createLocalJWKSet(last)(header).catch(() => { throw error })
  }

  async function ask (header: JWSHeaderParameters): Promise<CryptoKey> {
    try {
      const key = await keys(header)
      failure = null
      return key
    } catch (error) {
      if (isTokensFault(error)) throw invalidToken(`no key of the provider fits it: ${(error as Error).message}`)
      failure = keysError(error)
      pausedUntil = performance.now() + PAUSE_MS
      return await findInLastGood(header, failure)
    }
  }

  return async header => {
    if (failure === null || performance.now() >= pausedUntil) return await ask(header)
    const again = failure instanceof ProviderUnavailableError ? new ProviderUnavailableError() : new ProviderInvalidError()
    return await findInLastGood(header, Object.assign(again, { cause: failure.cause }))
  }
}
