import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type {} from 'fastify-oidc'
import fp from 'fastify-plugin'
import { createAdmission } from './admission.ts'
import { announceBody } from './announced-body.ts'
import { createBodyLimit } from './body-limit.ts'
import { Choice } from './choice.ts'
import { CoreMissingError } from './errors.ts'
import { kReply, kUpstream } from './exchange.ts'
import { createForwarder } from './forwarder.ts'
import { Http1Agent } from './http1-agent.ts'
import { Http2Sessions } from './http2-sessions.ts'
import { createLocationRewriter } from './location.ts'
import { enterMount } from './mounts.ts'
import { parseProxyOptions, type ProxyOptions, type ProxySettings } from './options.ts'
import { Patience } from './patience.ts'
import { createRequestHeaders, type RequestHeaders } from './request-headers.ts'
import { createResponseHeaders } from './response-headers.ts'
import { createReplyOptions, type HeaderRules } from './stock.ts'
import { inMs } from './transport.ts'
import { Upstream } from './upstream.ts'
import { createWebSocketOptions } from './web-sockets.ts'

function webSockets (fastify: FastifyInstance, settings: ProxySettings, requestHeaders: RequestHeaders): object {
  return settings.websocket ? { websocket: true, ...createWebSocketOptions(settings, fastify.oidc, requestHeaders) } : {}
}

function createRules (fastify: FastifyInstance, settings: ProxySettings): HeaderRules {
  const { cookies } = fastify.oidc
  return {
    requestHeaders: createRequestHeaders(settings, cookies),
    responseHeaders: createResponseHeaders({ cookies, log: fastify.log }, createLocationRewriter(fastify.prefix, settings.rewritePrefix))
  }
}

function httpProxyOptions (fastify: FastifyInstance, settings: ProxySettings, transport: Http1Agent | Http2Sessions): FastifyHttpProxyOptions {
  const rules = createRules(fastify, settings)
  const admission = createAdmission(settings, enterMount(fastify, { routes: settings.routes, methods: settings.methods, constraints: settings.constraints ?? {} }))
  return {
    upstream: settings.origin ?? '',
    undici: new Upstream(transport) as unknown as FastifyHttpProxyOptions['undici'],
    disableRequestLogging: true,
    rewritePrefix: settings.rewritePrefix,
    internalRewriteLocationHeader: false,
    routes: [...settings.routes],
    httpMethods: [...settings.methods],
    constraints: { ...settings.constraints },
    config: settings.oidc === undefined ? {} : { oidc: settings.oidc },
    preHandler: admission as unknown as FastifyHttpProxyOptions['preHandler'],
    replyOptions: createReplyOptions(settings, fastify.oidc, rules),
    ...(transport instanceof Http1Agent ? { handler: new Choice(fastify, settings, createForwarder(transport, fastify.oidc, new Patience(inMs(settings.headers_timeout), inMs(settings.body_timeout)), rules), admission.name).handler as unknown as NonNullable<FastifyHttpProxyOptions['handler']> } : {}),
    ...webSockets(fastify, settings, rules.requestHeaders)
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
  const transport = settings.http2 ? new Http2Sessions(settings) : new Http1Agent(settings)
  fastify.addHook('onClose', async () => { await transport.destroy() })
  fastify.decorateRequest(kReply, null)
  fastify.decorateRequest(kUpstream, '')
  for (const method of settings.methods) {
    if (!fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method, { hasBody: true })
  }
  fastify.addHook('preParsing', announceBody)
  if (settings.max_body !== undefined) fastify.addHook('preParsing', createBodyLimit(settings.max_body))
  // Whatever the application parses, here bodies go on as they came.
  fastify.removeAllContentTypeParsers()
  await fastify.register(httpProxy, httpProxyOptions(fastify, settings, transport))
}

/** An upstream behind fastify-oidc. Each registration is a scope of its own. */
export const proxy = fp(plugin, { name: 'fastify-oidc-proxy', fastify: '5.x', encapsulate: true })
