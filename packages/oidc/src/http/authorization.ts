import type { FastifyRequest } from 'fastify'
import type { BearerTokens } from '../bearer/bearer-tokens.ts'
import type { VerifiedToken } from '../bearer/verdict.ts'
import { exchangedMethods, type AcceptedMethods } from '../policy/auth-methods.ts'
import { checkKind, takesTokens } from './accepted-methods.ts'
import { checkClaims } from './claim-problem.ts'
import type { ExchangedCallers } from './exchanged-callers.ts'
import { stripIdentityHeaders } from './identity-headers.ts'
import type { LocalCallers } from './local-callers.ts'
import type { RequestOidc } from './request-oidc.ts'

export interface AuthorizationRoom {
  /** null: bearer tokens are not looked at. */
  readonly bearer: BearerTokens | null
  /** null: nothing verifies the tokens that a name and a password are exchanged for. */
  readonly exchangedCallers: ExchangedCallers | null
  readonly localCallers: LocalCallers
  /** With `access_token_in_authorization_header`, only we say who is authorized. */
  readonly ownsAuthorization: boolean
  bearerViewOf (verified: VerifiedToken): RequestOidc
}

/** What the header `Authorization` says of who calls. */
export interface Authorization {
  /** Only we say who calls, and who is authorized; but a route that is open may still be guarded by its own code. */
  strip (request: FastifyRequest): void
  /** Is there a bearer token, good or bad? */
  hasToken (request: FastifyRequest): boolean
  /**
   * Sets who it is. False: it does not say.
   * @throws FST_OIDC_AUTHORIZATION_MALFORMED, FST_OIDC_BEARER_INVALID, FST_OIDC_CREDENTIALS_INVALID, FST_OIDC_CLAIMS_INVALID, and others
   */
  identify (request: FastifyRequest, methods: AcceptedMethods): boolean | Promise<boolean>
  /** Did they bring name and password, and nobody's? */
  isMistaken (request: FastifyRequest): boolean
}

export function createAuthorization (room: AuthorizationRoom): Authorization {
  const { bearer, exchangedCallers } = room
  const withheld = new WeakMap<FastifyRequest, string>()
  const mistaken = new WeakSet<FastifyRequest>()

  const valueOf = (request: FastifyRequest): string | undefined => request.headers.authorization ?? withheld.get(request)

  function stripFrom (headers: FastifyRequest['headers']): void {
    stripIdentityHeaders(headers)
    if (room.ownsAuthorization) delete headers.authorization
  }

  /** A password is for us, and no upstream learns it. Another policy may ask again. */
  function takeAway (request: FastifyRequest, authorization: string): void {
    withheld.set(request, authorization)
    delete request.raw.headers.authorization
    delete request.headers.authorization
  }

  /** False: the request has no token. */
  async function identifyBearer (request: FastifyRequest, tokens: BearerTokens, methods: AcceptedMethods): Promise<boolean> {
    const looked = tokens.verify(valueOf(request), request.headers)
    if (looked === null) return false
    const verified = looked instanceof Promise ? await looked : looked
    if (looked !== verified) request.log.debug({ oidc: 'bearer' }, `the bearer token was validated by ${verified.verifiedBy}`)
    checkKind(methods, verified)
    request.oidc = room.bearerViewOf(verified)
    return true
  }

  /** True: the provider knows the name and the password. */
  async function identifyExchanged (request: FastifyRequest, callers: ExchangedCallers, methods: AcceptedMethods): Promise<boolean> {
    const authorization = valueOf(request)
    const exchanged = exchangedMethods(methods)
    const asked = callers(request, authorization, exchanged)
    if (asked === null || authorization === undefined) return false
    takeAway(request, authorization)
    request.oidc = await asked
    return true
  }

  /** True: the application itself knows them. */
  async function identifyLocal (request: FastifyRequest): Promise<boolean> {
    if (bearer?.only === true) return false
    const authorization = valueOf(request)
    const asked = room.localCallers(request, authorization)
    if (asked === null || authorization === undefined) return false
    const caller = await asked
    if (caller === null) {
      mistaken.add(request)
      return false
    }
    takeAway(request, authorization)
    request.oidc = caller.oidc
    checkClaims(caller.claimProblem)
    return true
  }

  async function identifyPresented (request: FastifyRequest, methods: AcceptedMethods): Promise<boolean> {
    if (bearer !== null && takesTokens(methods) && await identifyBearer(request, bearer, methods)) return true
    const exchanges = exchangedCallers !== null && exchangedMethods(methods).length > 0
    return exchanges ? await identifyExchanged(request, exchangedCallers, methods) : await identifyLocal(request)
  }

  return {
    strip (request) {
      const { headers, raw } = request
      const { authorization } = headers
      if (room.ownsAuthorization && authorization !== undefined) withheld.set(request, authorization)
      stripFrom(raw.headers)
      if (headers === raw.headers) return
      // A hook before us has put the headers anew: those are a copy, and proxies read what came.
      stripFrom(headers)
      request.headers = headers
    },
    hasToken: request => bearer?.isPresented(valueOf(request)) === true,
    isMistaken: request => mistaken.has(request),
    identify: (request, methods) => valueOf(request) !== undefined && identifyPresented(request, methods)
  }
}
