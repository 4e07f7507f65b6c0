import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ResourceOptions } from '../options/resource-metadata.ts'

export interface ResourceMetadataRoom {
  readonly options: ResourceOptions
  /** Who gives tokens. */
  issuers (): Promise<readonly string[]>
  /** What the resource's routes ask for. */
  scopes (): readonly string[]
  refuse (request: FastifyRequest, reply: FastifyReply, error: unknown, event: string): FastifyReply
}

/** Public, and asked for by scripts of other origins as well. */
const ANYBODY = { 'access-control-allow-origin': '*', 'cache-control': 'no-store' }
const PREFLIGHT = { ...ANYBODY, 'access-control-allow-methods': 'GET, HEAD, OPTIONS', 'access-control-allow-headers': '*', 'access-control-max-age': '600' }

/** The route of a resource's metadata (RFC 9728, section 3.2). */
export function createResourceMetadata ({ options, issuers, scopes, refuse }: ResourceMetadataRoom): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  return async (request, reply) => {
    if (request.method === 'OPTIONS') return reply.code(204).headers(PREFLIGHT).send()
    try {
      const { authorization_servers: written, scopes_supported: chosen, ...others } = options
      const supported = chosen ?? scopes()
      const metadata = { bearer_methods_supported: ['header'], ...others, authorization_servers: written ?? await issuers(), ...supported.length === 0 ? {} : { scopes_supported: supported } }
      return reply.headers({ ...ANYBODY, 'x-content-type-options': 'nosniff' }).send(metadata)
    } catch (error) {
      return refuse(request, reply.headers(ANYBODY), error, 'resource.metadata')
    }
  }
}
