import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Forwarder } from './forwarder.ts'
import { onSendHooksOf } from './on-send-hooks.ts'
import type { ProxySettings } from './options.ts'

/** The `handler` of @fastify/http-proxy. */
export type ForwardingHandler = (request: FastifyRequest, reply: FastifyReply & { from (path: string, options: object): FastifyReply }, path: string, options: object) => FastifyReply | undefined

/** Whether answers are written past `onSend` hooks. */
function decide (fastify: FastifyInstance, { forwarder }: ProxySettings, preHandler: string): 'own' | 'stock' {
  if (forwarder === 'stock') return 'stock'
  const hooks = onSendHooksOf(fastify, preHandler)
  if (hooks.length === 0) return 'own'
  if (forwarder === 'own') {
    fastify.log.warn({ oidc: 'proxy.forwarder', hooks }, 'onSend hooks do not run on the answers of this upstream: remove them, or leave forwarder unset')
    return 'own'
  }
  fastify.log.info({ oidc: 'proxy.forwarder', hooks }, 'onSend hooks see the answers of this upstream, and the slower forwarder serves it: move them elsewhere, or set forwarder to own')
  return 'stock'
}

/** Makes the handler that forwards by the option `forwarder`; without it, so that no `onSend` hook is lost. */
export function createHandler (fastify: FastifyInstance, settings: ProxySettings, forward: Forwarder, preHandler: string): ForwardingHandler {
  let kind: 'own' | 'stock' = 'stock'
  fastify.addHook('onReady', async () => { kind = decide(fastify, settings, preHandler) })
  return (request, reply, path, options) => {
    if (kind === 'stock') return reply.from(path, options)
    forward(request, reply, path)
    return undefined
  }
}
