import { Type, type Static } from '@sinclair/typebox'
import type { OptionProblem } from 'fastify-oidc-session-store'
import { findSameResources, readResource, resourceProblem, type ProtectedResource } from '../policy/protected-resource.ts'
import { acceptsBearer } from './bearer-options.ts'
import type { ResolvedOptions } from './schema.ts'

const address = (description: string) => Type.Optional(Type.String({ pattern: '^https?://', description }))
const names = (description: string) => Type.Optional(Type.Array(Type.String({ minLength: 1, pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$' }), { minItems: 1, description }))

const resourceSchema = Type.Object({
  resource: Type.String({ minLength: 1, description: 'URI of what is protected, as clients and tokens name it: `https://api.example.com/mcp`; https, or http on this machine. Routes below its path belong to it. Tokens have to be for it (`aud`), unless `audience` says whom else they are for.' }),
  authorization_servers: Type.Optional(Type.Array(Type.String({ pattern: '^https?://' }), { minItems: 1, description: 'Issuers that give tokens for it. Default: the issuer of the provider, or `claim_validator.issuer.valid_issuers` where the provider is not asked for anything.' })),
  scopes_supported: names('Scopes that clients may ask for. Default: those that `required_scopes` of its routes name.'),
  bearer_methods_supported: Type.Optional(Type.Array(Type.Literal('header'), { minItems: 1, maxItems: 1, description: 'How tokens may come: `header`, the one way there is, and the default.' })),
  resource_name: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'What people call it.' })),
  resource_documentation: address('Where developers read about it.'),
  resource_policy_uri: address('What its data may be used for.'),
  resource_tos_uri: address('Its terms of service.')
}, { additionalProperties: false })

/** One resource, as its metadata are written. */
export type ResourceOptions = Static<typeof resourceSchema>

export const resourceMetadataSchema = Type.Optional(Type.Union([resourceSchema, Type.Array(resourceSchema, { minItems: 1 })], { description: 'OAuth 2.0 Protected Resource Metadata (RFC 9728), by which clients that know nothing but a URL, such as those of the Model Context Protocol, find out where to get a token: served to everybody at `/.well-known/oauth-protected-resource` and the path of `resource`, and named in the `WWW-Authenticate` of each 401 and 403. For bearer tokens. An object, or a list of them where one host has several resources: a route belongs to the one that it is below, else to the first. Not in a scope with a prefix.' }))

/** Options whose shape holds. */
export interface WrittenResources { readonly resource_metadata?: unknown }

/** As a list. */
export function resourceOptions ({ resource_metadata: written }: WrittenResources): readonly ResourceOptions[] {
  return written === undefined ? [] : [written as ResourceOptions | ResourceOptions[]].flat()
}

/** Resources that hold. */
export function resourcesOf (options: WrittenResources): readonly ProtectedResource[] {
  return resourceOptions(options).filter(({ resource }) => resourceProblem(resource) === null).map(({ resource }) => readResource(resource))
}

function issuerProblem (issuer: string): string | null {
  return URL.canParse(issuer) && !/[?#]/.test(issuer) ? null : 'must be an issuer: a URL without a query and a fragment'
}

/** What the metadata of resources have to agree on with the rest. */
export function checkResourceMetadata (options: ResolvedOptions): OptionProblem[] {
  const written = resourceOptions(options)
  if (written.length === 0) return []
  const isList = Array.isArray(options.resource_metadata)
  const problem = (index: number, name: string, message: string): OptionProblem => ({ path: ['resource_metadata', ...isList ? [String(index)] : [], ...name.split('.')], message })
  const own = written.flatMap(({ resource, authorization_servers: issuers = [] }, index) => {
    const wrong = resourceProblem(resource)
    const wrongIssuers = issuers.flatMap((issuer, at) => {
      const message = issuerProblem(issuer)
      return message === null ? [] : [problem(index, `authorization_servers.${at}`, message)]
    })
    return [...wrong === null ? [] : [problem(index, 'resource', wrong)], ...wrongIssuers]
  })
  const idle = acceptsBearer(options) ? [] : [{ path: ['resource_metadata'], message: 'has no effect where no bearer tokens are accepted: set use_jwks, public_key or introspection_endpoint' }]
  const same = own.length > 0 ? [] : findSameResources(resourcesOf(options)).map(({ path, message }) => ({ path: ['resource_metadata', ...path], message }))
  return [...idle, ...own, ...same]
}
