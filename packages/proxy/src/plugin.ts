import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import type {} from 'fastify-oidc'
import fp from 'fastify-plugin'
import { createAdmission } from './admission.ts'
import { createBodyLimit } from './body-limit.ts'
import { CoreMissingError } from './errors.ts'
import { kReply, kUpstream, type ProxiedRequest } from './exchange.ts'
import { fail } from './failure.ts'
import { createLocationRewriter } from './location.ts'
import { parseProxyOptions, type ProxyOptions, type ProxySettings } from './options.ts'
import { createRequestHeaders } from './request-headers.ts'
import { createResponder } from './responder.ts'
import { createResponseHeaders } from './response-headers.ts'
import { Upstream } from './upstream.ts'
import { createWebSocketOptions } from './web-sockets.ts'

/** @fastify/reply-from repeats what an upstream answers with 503, unless it is told not to. */
function neverAgain (): null {
  return null
}

function chosenUpstream (request: unknown): string {
  return (request as ProxiedRequest)[kUpstream]
}

function replyOptions (fastify: FastifyInstance, settings: ProxySettings, requestHeaders: ReturnType<typeof createRequestHeaders>): FastifyHttpProxyOptions['replyOptions'] {
  const rules = { cookies: fastify.oidc.cookies, log: fastify.log }
  const responseHeaders = createResponseHeaders(rules, createLocationRewriter(fastify.prefix, settings.rewritePrefix))
  return {
    retryDelay: neverAgain,
    rewriteRequestHeaders: (request, headers) => requestHeaders(request as ProxiedRequest, headers),
    rewriteHeaders: (headers, request) => responseHeaders(headers, request as ProxiedRequest),
    onResponse: createResponder(fastify.oidc) as unknown as NonNullable<FastifyHttpProxyOptions['replyOptions']>['onResponse'],
    onError: (reply, { error }) => { fail(reply as unknown as FastifyReply, chosenUpstream(reply.request), error) },
    ...(settings.origin === null ? { getUpstream: chosenUpstream } : {})
  }
}

function webSockets (fastify: FastifyInstance, settings: ProxySettings, requestHeaders: ReturnType<typeof createRequestHeaders>): object {
  return settings.websocket ? { websocket: true, ...createWebSocketOptions(settings, fastify.oidc, requestHeaders) } : {}
}

function httpProxyOptions (fastify: FastifyInstance, settings: ProxySettings, upstream: Upstream): FastifyHttpProxyOptions {
  const requestHeaders = createRequestHeaders(settings, fastify.oidc.cookies)
  return {
    upstream: settings.origin ?? '',
    undici: upstream as unknown as FastifyHttpProxyOptions['undici'],
    disableRequestLogging: true,
    rewritePrefix: settings.rewritePrefix,
    internalRewriteLocationHeader: false,
    routes: [...settings.routes],
    httpMethods: [...settings.methods],
    constraints: { ...settings.constraints },
    config: settings.oidc === undefined ? {} : { oidc: settings.oidc },
    preHandler: createAdmission(settings) as unknown as FastifyHttpProxyOptions['preHandler'],
    replyOptions: replyOptions(fastify, settings, requestHeaders),
    ...webSockets(fastify, settings, requestHeaders)
  }
}

/**
 * Puts an upstream behind the core of this scope, and tells it who the caller is.
 * @throws FST_OIDC_OPTIONS_INVALID with every problem at once
 * @throws FST_OIDC_PROXY_CORE_MISSING without fastify-oidc in the scope
 */
const plugin: FastifyPluginAsync<ProxyOptions> = async (fastify, input) => {
  const settings = parseProxyOptions(input)
  if (!fastify.hasDecorator('oidc')) throw new CoreMissingError()
  const upstream = new Upstream(settings)
  fastify.addHook('onClose', async () => { await upstream.destroy() })
  fastify.decorateRequest(kReply, null)
  fastify.decorateRequest(kUpstream, '')
  for (const method of settings.methods) {
    if (!fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method, { hasBody: true })
  }
  if (settings.max_body !== undefined) fastify.addHook('preParsing', createBodyLimit(settings.max_body))
  // Whatever the application parses, here bodies go on as they came.
  fastify.removeAllContentTypeParsers()
  await fastify.register(httpProxy, httpProxyOptions(fastify, settings, upstream))
}

/** An upstream behind fastify-oidc. Each registration is a scope of its own. */
export const proxy = fp(plugin, { name: 'fastify-oidc-proxy', fastify: '5.x', encapsulate: true })
