import type { FastifyInstance } from 'fastify'
import type { ForwardAuthOptions } from 'fastify-oidc-forward-auth'

export interface PageServer { readonly app: FastifyInstance, readonly address: string }
export function servePages (endpoints: ForwardAuthOptions): Promise<PageServer>
