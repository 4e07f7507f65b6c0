import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ANONYMOUS, errorPageFor, stripIdentityHeaders, type FastifyOidc, type OwnCookies, type RequestOidc } from 'fastify-oidc'
import { NoCoreError } from '../errors.ts'

const NOTHING = Object.freeze({ hits: 0, misses: 0 })
const NO_COOKIES: OwnCookies = { strip: header => header, isOwn: () => false }

/** What stands in a scope of open routes for a core: nobody is ever logged in there. */
function createNobody (cookies: OwnCookies): FastifyOidc {
  const refuse = async (): Promise<never> => { throw new NoCoreError() }
  return {
    issuer: null,
    callbackPath: null,
    offerLogin: () => {},
    cookies,
    login: refuse,
    logout: refuse,
    endSession: refuse,
    hasSession: async () => false,
    isCrossSite: () => false,
    returnTarget: () => null,
    refuse: () => { throw new NoCoreError() },
    showErrors: () => {},
    errorPage: errorPageFor,
    guard: () => refuse,
    isOpen: () => false,
    routes: () => [],
    memories: { sessionReads: null, openedSessions: null, identities: NOTHING, policyDecisions: NOTHING, bearerTokens: NOTHING },
    openapi: () => ({ securitySchemes: {}, transform: ({ schema, url }) => ({ schema, url }) }),
    explain: async () => ({ verdict: 'pass', status: null, code: null, reason: 'the route is open to everyone', required: [], refusal: null, via: null }),
    issueCookie: refuse,
    useLocalUsers: () => { throw new NoCoreError() },
    establish: refuse,
    revoke: refuse,
    onSessionEnd: () => () => {},
    ready: async () => {}
  }
}

/**
 * Makes a scope for routes without a core. Identity headers that a caller sends are removed as in front of
 * protected routes, and cookies of any core in this server stay here.
 */
export function openScope (scope: FastifyInstance, cookies: OwnCookies | null): void {
  scope.decorate('oidc', createNobody(cookies ?? NO_COOKIES))
  scope.decorateRequest('oidc', undefined as unknown as RequestOidc)
  scope.addHook('onRequest', async (request: FastifyRequest) => {
    request.oidc = ANONYMOUS
    stripIdentityHeaders(request.headers)
  })
}
