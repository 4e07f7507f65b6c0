import type { FastifySchema, RouteOptions } from 'fastify'
import { accepts, exchangedMethods } from '../policy/auth-methods.ts'
import { scopeAlternatives } from '../policy/needed-scopes.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import type { Core, CoreGround } from './core.ts'

/** How callers say who they are (OpenAPI 3, Security Scheme Object). */
export type OpenApiSecurityScheme =
  | { readonly type: 'openIdConnect', readonly openIdConnectUrl: string, readonly description: string }
  | { readonly type: 'http', readonly scheme: 'basic', readonly description: string }
  | { readonly type: 'apiKey', readonly in: 'cookie', readonly name: string, readonly description: string }

/** One of these is enough; of each, all that it names (OpenAPI 3, Security Requirement Object). */
export type OpenApiSecurity = ReadonlyArray<Readonly<Record<string, readonly string[]>>>

/** What @fastify/swagger hands to a `transform`. */
export interface DescribedRoute {
  readonly schema: FastifySchema
  readonly url: string
  readonly route: RouteOptions
}

/** What the schemes are called in the document. */
export interface OpenApiNames {
  /** Default: `oidc`. */
  readonly token?: string
  /** Default: `oidcSession`. */
  readonly session?: string
  /** Of names and passwords, and clients and their secrets, where `auth_methods` takes them. Default: `oidcBasic`. */
  readonly basic?: string
}

/** The policies of a scope for an OpenAPI document. */
export interface OpenApi {
  /** For `components.securitySchemes`: the ways in that the options make possible. */
  readonly securitySchemes: Readonly<Record<string, OpenApiSecurityScheme>>
  /**
   * The `transform` of @fastify/swagger: each route's policy becomes its `security`, and the schemes stand in the document.
   * Routes of another scope, and those with a `security` of their own, stay as they are.
   * @throws TypeError for a document of Swagger 2.0, which knows neither scheme
   */
  transform (this: void, described: DescribedRoute): { schema: FastifySchema, url: string }
}

interface Ways {
  /** null: bearer tokens are not looked at. */
  readonly token: string | null
  /** null: there are no sessions. */
  readonly session: string | null
  readonly basic: string
}

const takesPasswords = ({ authMethods }: CompiledPolicy): boolean => exchangedMethods(authMethods).length > 0

/** Bearer tokens are named with the scopes that they need; a cookie cannot say any. */
function securityOf (policy: CompiledPolicy | null, isOpened: boolean, ways: Ways): OpenApiSecurity {
  if (policy === null) return []
  const { authMethods: methods, options } = policy
  const { token, session, basic } = ways
  const takesTokens = accepts(methods, 'bearer') || accepts(methods, 'introspection')
  return [
    ...isOpened || policy.unauthAction === 'pass' ? [{}] : [],
    ...token !== null && takesTokens ? scopeAlternatives(options).map(scopes => ({ [token]: [...scopes] })) : [],
    ...takesPasswords(policy) ? [{ [basic]: [] }] : [],
    ...session !== null && accepts(methods, 'session') ? [{ [session]: [] }] : []
  ]
}

interface Components { components?: { securitySchemes?: Record<string, unknown> } }

/** The document's own go before ours. */
function addSchemes (described: object, schemes: OpenApi['securitySchemes']): void {
  const { openapiObject: document } = described as { openapiObject?: Components }
  if (document === undefined) throw new TypeError('fastify.oidc.openapi() describes OpenAPI 3: give @fastify/swagger the option openapi')
  document.components = { ...document.components, securitySchemes: { ...schemes, ...document.components?.securitySchemes } }
}

function schemesOf ({ settings, names }: CoreGround, { token, session }: Ways): OpenApi['securitySchemes'] {
  return {
    ...token === null ? {} : { [token]: { type: 'openIdConnect' as const, openIdConnectUrl: settings.discovery, description: 'An access token of this provider, as Authorization: Bearer' } },
    ...session === null ? {} : { [session]: { type: 'apiKey' as const, in: 'cookie' as const, name: names.session(settings.session.cookie_secure !== false), description: 'The session of a browser that has signed in' } }
  }
}

/** Where a route takes it, and nowhere else: it is never on by itself. */
function basicScheme ({ basic }: Ways): OpenApi['securitySchemes'] {
  return { [basic]: { type: 'http', scheme: 'basic', description: 'A name and a password, or a client and its secret, of this provider' } }
}

/** `fastify.oidc.openapi`. */
export function createOpenApi (ground: CoreGround, { policies }: Pick<Core, 'policies'>): (names?: OpenApiNames) => OpenApi {
  const { bearer_only: bearerOnly } = ground.settings
  return ({ token = 'oidc', session = 'oidcSession', basic = 'oidcBasic' } = {}) => {
    const ways: Ways = { token: policies.base.ground.acceptsBearer ? token : null, session: bearerOnly ? null : session, basic }
    const securitySchemes = { ...schemesOf(ground, ways), ...takesPasswords(policies.base) ? basicScheme(ways) : {} }
    return {
      securitySchemes,
      transform (described) {
        const { schema, url, route } = described
        const declared = policies.declared(route)
        if (declared === null) return { schema, url }
        addSchemes(described, declared.policy !== null && takesPasswords(declared.policy) ? { ...securitySchemes, ...basicScheme(ways) } : securitySchemes)
        if ((schema as { security?: unknown } | undefined)?.security !== undefined) return { schema, url }
        return { schema: { ...schema, security: securityOf(declared.policy, declared.openedBy.length > 0, ways) } as FastifySchema, url }
      }
    }
  }
}
