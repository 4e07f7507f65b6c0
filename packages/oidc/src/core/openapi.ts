import type { FastifySchema, RouteOptions } from 'fastify'
import { accepts } from '../policy/auth-methods.ts'
import { scopeAlternatives } from '../policy/needed-scopes.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import type { Core, CoreGround } from './core.ts'

/** How callers say who they are (OpenAPI 3, Security Scheme Object). */
export type OpenApiSecurityScheme =
  | { readonly type: 'openIdConnect', readonly openIdConnectUrl: string, readonly description: string }
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
}

/** Bearer tokens are named with the scopes that they need; a cookie cannot say any. */
function securityOf (policy: CompiledPolicy | null, isOpened: boolean, ways: Ways): OpenApiSecurity {
  if (policy === null) return []
  const { authMethods: methods, options } = policy
  const { token, session } = ways
  const takesTokens = accepts(methods, 'bearer') || accepts(methods, 'introspection')
  return [
    ...isOpened || policy.unauthAction === 'pass' ? [{}] : [],
    ...token !== null && takesTokens ? scopeAlternatives(options).map(scopes => ({ [token]: [...scopes] })) : [],
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

/** `fastify.oidc.openapi`. */
export function createOpenApi (ground: CoreGround, { policies }: Pick<Core, 'policies'>): (names?: OpenApiNames) => OpenApi {
  const { bearer_only: bearerOnly } = ground.settings
  return ({ token = 'oidc', session = 'oidcSession' } = {}) => {
    const ways: Ways = { token: policies.base.ground.acceptsBearer ? token : null, session: bearerOnly ? null : session }
    const securitySchemes = schemesOf(ground, ways)
    return {
      securitySchemes,
      transform (described) {
        const { schema, url, route } = described
        const declared = policies.declared(route)
        if (declared === null) return { schema, url }
        addSchemes(described, securitySchemes)
        if ((schema as { security?: unknown } | undefined)?.security !== undefined) return { schema, url }
        return { schema: { ...schema, security: securityOf(declared.policy, declared.openedBy.length > 0, ways) } as FastifySchema, url }
      }
    }
  }
}
