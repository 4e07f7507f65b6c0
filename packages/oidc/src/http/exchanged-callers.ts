import type { FastifyRequest } from 'fastify'
import { readBasicCredential } from '../basic/credential.ts'
import type { CredentialExchange } from '../basic/exchange.ts'
import type { BearerTokens } from '../bearer/bearer-tokens.ts'
import { isUnmet } from '../bearer/invalid.ts'
import type { VerifiedToken } from '../bearer/verdict.ts'
import { AuthorizationMalformedError, BearerExpiredError, BearerInvalidError, CredentialsInvalidError } from '../errors.ts'
import type { ExchangedMethod } from '../policy/auth-methods.ts'
import { rootCause } from '../provider/fault.ts'
import { tokenInvalid } from '../provider/provider-error.ts'
import type { NameAndPassword } from '../session/local-users.ts'
import type { RequestOidc } from './request-oidc.ts'

/**
 * Who brought `Authorization: Basic`, by the access token that it is exchanged for; null: the request brings none.
 * @throws FST_OIDC_AUTHORIZATION_MALFORMED
 * @rejects FST_OIDC_CREDENTIALS_INVALID, FST_OIDC_GUESSES_TOO_MANY, FST_OIDC_BEARER_INVALID where `claim_schema` does not hold, and what the provider's faults are called
 */
export type ExchangedCallers = (request: FastifyRequest, authorization: string | undefined, methods: readonly ExchangedMethod[]) => Promise<RequestOidc> | null

export interface ExchangedCallersRoom {
  readonly exchange: CredentialExchange
  readonly bearer: BearerTokens
  viewOf (verified: VerifiedToken): RequestOidc
}

export function createExchangedCallers ({ exchange, bearer, viewOf }: ExchangedCallersRoom): ExchangedCallers {
  async function verify (request: FastifyRequest, token: string): Promise<VerifiedToken | Error> {
    try {
      return await bearer.verify(`Bearer ${token}`, request.headers) ?? new AuthorizationMalformedError()
    } catch (error) {
      if ((error instanceof BearerInvalidError || error instanceof BearerExpiredError) && !isUnmet(error)) return error
      throw error
    }
  }

  /** A token that was kept may have been taken back since: a fresh one has to hold. */
  async function identify (request: FastifyRequest, credential: NameAndPassword, methods: readonly ExchangedMethod[]): Promise<RequestOidc> {
    let exchanged = await exchange.tokenFor(methods, credential, request.ip)
    let verified = await verify(request, exchanged.token)
    if (verified instanceof Error && exchanged.origin === 'kept') {
      exchange.forget(methods, credential, exchanged.token)
      exchanged = await exchange.tokenFor(methods, credential, request.ip)
      verified = await verify(request, exchanged.token)
    }
    if (!(verified instanceof Error)) return viewOf(verified)
    const fault = tokenInvalid(`the access token that the credential was exchanged for is not one that is accepted here: ${rootCause(verified).message}`)
    exchange.reject(methods, credential, fault)
    throw fault
  }

  return (request, authorization, methods) => {
    const brought = readBasicCredential(authorization)
    switch (brought.kind) {
      case 'none': return null
      case 'malformed': throw new AuthorizationMalformedError()
      case 'nobody': throw new CredentialsInvalidError()
      case 'credential': return identify(request, brought.credential, methods)
    }
  }
}
