import createError from '@fastify/error'

/** The upstream cannot be reached, or what it sent is no answer. The cause is in the log alone. */
export const BadGatewayError = createError('FST_OIDC_PROXY_BAD_GATEWAY', 'The upstream cannot be reached', 502)

/** The upstream did not answer in time. */
export const GatewayTimeoutError = createError('FST_OIDC_PROXY_GATEWAY_TIMEOUT', 'The upstream did not answer in time', 504)

/** What the client sent cannot be passed on as an HTTP request. */
export const BadRequestError = createError('FST_OIDC_PROXY_BAD_REQUEST', 'The request cannot be passed on', 400)

/** A body on GET or HEAD: upstreams that ignore it would read it as the next request. */
export const BodyRefusedError = createError('FST_OIDC_PROXY_BODY_REFUSED', 'GET and HEAD requests with a body are not passed on', 400)

/** A transfer coding other than chunked (RFC 9112, section 6.1). */
export const TransferCodingError = createError('FST_OIDC_PROXY_TRANSFER_CODING', 'The transfer coding of the request is not supported', 501)

/** The request body is longer than `max_body`. */
export const BodyTooLargeError = createError('FST_OIDC_PROXY_BODY_TOO_LARGE', 'The request body is too large', 413)

/** A WebSocket upgrade where `websocket` is false. */
export const UpgradeRefusedError = createError('FST_OIDC_PROXY_UPGRADE_REFUSED', 'WebSockets are not passed on here', 400)

/** `get_upstream` answered something that is no `http` or `https` origin. */
export const UpstreamInvalidError = createError('FST_OIDC_PROXY_UPSTREAM_INVALID', 'get_upstream must answer an http or https origin, such as http://127.0.0.1:8080', 500)

/** There is no core in this scope. */
export const CoreMissingError = createError('FST_OIDC_PROXY_CORE_MISSING', 'fastify-oidc-proxy needs fastify-oidc in the same or an outer scope: put `await app.register(oidc, options)` before it', 500)
