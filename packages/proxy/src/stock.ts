import type { FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyReply } from 'fastify'
import type { FastifyOidc } from 'fastify-oidc'
import { kReply, kUpstream, type ProxiedRequest } from './exchange.ts'
import { fail } from './failure.ts'
import { NONE_NAMED } from './header-names.ts'
import { http2RecordOf } from './http2-record.ts'
import type { ProxySettings } from './options.ts'
import { recordOf as requestRecordOf, type RequestHeaders } from './request-headers.ts'
import { createResponder } from './responder.ts'
import { listOf, recordOf, type ResponseHeaders } from './response-headers.ts'
import type { UpstreamHeaders } from './transport.ts'

type ReplyOptions = NonNullable<FastifyHttpProxyOptions['replyOptions']>

/** @fastify/reply-from repeats what an upstream answers with 503, unless it is told not to. */
function neverAgain (): null {
  return null
}

function chosenUpstream (request: unknown): string {
  return (request as ProxiedRequest)[kUpstream]
}

/** What both forwarders need. */
export interface HeaderRules {
  readonly requestHeaders: RequestHeaders
  readonly responseHeaders: ResponseHeaders
}

/** What @fastify/reply-from is told, for forwarding through Fastify's own replies. */
export function createReplyOptions (settings: ProxySettings, core: FastifyOidc, { requestHeaders, responseHeaders }: HeaderRules): ReplyOptions {
  return {
    retryDelay: neverAgain,
    // What Connection names is gone from `received`.
    rewriteRequestHeaders: (request, received) => {
      const headers: UpstreamHeaders = requestRecordOf(requestHeaders(request as ProxiedRequest, received, NONE_NAMED))
      headers.host ??= received.host
      headers[kReply] = (request as ProxiedRequest)[kReply]
      return headers
    },
    rewriteHeaders: (received, request) => {
      const proxied = request as ProxiedRequest
      const { list, length } = responseHeaders(listOf(received), proxied)
      if (length !== null) list.push('content-length', length)
      return proxied.raw.httpVersionMajor === 2 ? http2RecordOf(list) : recordOf(list)
    },
    onResponse: createResponder(core) as unknown as NonNullable<ReplyOptions['onResponse']>,
    onError: (reply, { error }) => { fail(reply as unknown as FastifyReply, chosenUpstream(reply.request), error) },
    ...(settings.origin === null ? { getUpstream: chosenUpstream } : {})
  }
}
