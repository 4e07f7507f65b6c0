import { createCredentialExchange } from '../basic/exchange.ts'
import { createBearerTokens, type BearerTokens } from '../bearer/bearer-tokens.ts'
import type { VerifiedToken } from '../bearer/verdict.ts'
import { createAuthorization, type Authorization } from '../http/authorization.ts'
import { createBearerViews } from '../http/bearer-oidc.ts'
import { createExchangedCallers, type ExchangedCallers } from '../http/exchanged-callers.ts'
import { createLocalCallers } from '../http/local-callers.ts'
import type { RequestOidc } from '../http/request-oidc.ts'
import type { createSessionViews } from '../http/session-view.ts'
import type { MemoryTallies } from '../memories.ts'
import { grantForCredential } from '../provider/credential-grant.ts'
import type { CoreGround } from './core.ts'

/** Who calls, where the request says so itself. */
export interface Callers {
  /** null: bearer tokens are not looked at. */
  readonly bearer: BearerTokens | null
  readonly authorization: Authorization
  bearerViewOf (verified: VerifiedToken): RequestOidc
}

/** Made when the first password comes: few routes take any, and what counts guesses takes room. */
function createExchanged ({ provider, settings, clock }: CoreGround, bearer: BearerTokens, tallies: MemoryTallies): ExchangedCallers {
  let callers: ExchangedCallers | null = null
  return (request, authorization, methods) => {
    callers ??= createExchangedCallers({
      bearer,
      viewOf: createBearerViews(settings, 'basic', tallies.identities),
      exchange: createCredentialExchange({
        grant: async (method, credential) => await grantForCredential(provider, settings, { method, ...credential }, clock),
        leeway: settings.access_token_expires_leeway,
        clock,
        nowMs: () => performance.now()
      })
    })
    return callers(request, authorization, methods)
  }
}

export function createCallers (ground: CoreGround, viewOf: ReturnType<typeof createSessionViews>, tallies: MemoryTallies): Callers {
  const { provider, settings, clock } = ground
  const bearer = createBearerTokens({ provider, settings, clock, tally: tallies.bearerTokens })
  const bearerViewOf = createBearerViews(settings, 'bearer', tallies.identities)
  const authorization = createAuthorization({
    bearer,
    exchangedCallers: bearer === null ? null : createExchanged(ground, bearer, tallies),
    localCallers: createLocalCallers(ground.localUsers, settings, viewOf, clock),
    ownsAuthorization: settings.set_access_token_header && settings.access_token_in_authorization_header,
    bearerViewOf
  })
  return { bearer, authorization, bearerViewOf }
}
