import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod, RouteOptions } from 'fastify'
import type { Forwarder } from './forwarder.ts'
import { onSendHooksOf } from './on-send-hooks.ts'
import type { ProxySettings } from './options.ts'
import { createPathMap } from './plain-path.ts'

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

function pathOf (url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

/** Forwards by the option `forwarder`; without it, so that no `onSend` hook is lost. */
export class Choice {
  #kind: 'own' | 'stock' = 'stock'
  readonly #forward: Forwarder

  constructor (fastify: FastifyInstance, settings: ProxySettings, forward: Forwarder, preHandler: string) {
    this.#forward = forward
    fastify.addHook('onReady', async () => { this.#kind = decide(fastify, settings, preHandler) })
    const mapPath = createPathMap(fastify.prefix, settings.rewritePrefix)
    // Other plugins put routes beside ours, such as the core its callbacks.
    const isOurs = (route: RouteOptions): boolean => [route.preHandler].flat().some(hook => hook?.name === preHandler)
    fastify.addHook('onRoute', route => { if (isOurs(route)) this.#shorten(route, mapPath) })
  }

  readonly handler: ForwardingHandler = (request, reply, path, options) => {
    if (this.#kind === 'stock') return reply.from(path, options)
    // Empty where the prefix alone was asked for, and nothing stands in for it.
    this.#forward(request, reply, path === '' ? '/' : path)
    return undefined
  }

  /** Most paths need none of what the handler of @fastify/http-proxy does with them before it comes to ours. */
  #shorten (route: RouteOptions, mapPath: (path: string) => string | null): void {
    const choice = this
    const long = route.handler
    const short: RouteHandlerMethod = function (request, reply) {
      const { raw } = request
      const path = choice.#kind === 'own' && (raw as { upgrade?: boolean }).upgrade !== true ? mapPath(pathOf(raw.url as string)) : null
      if (path === null) return long.call(this, request, reply)
      choice.#forward(request, reply, path)
      return undefined
    }
    route.handler = short
  }
}
