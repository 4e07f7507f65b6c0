import createError from '@fastify/error'

/** What `createGateway` or `reload` was given does not hold: every problem, a line each. */
export const ConfigurationInvalidError = createError<[string]>('FST_OIDC_GATEWAY_CONFIGURATION_INVALID', 'The configuration of the gateway does not hold:\n%s', 500)

/** The file is missing or may not be read; the cause says why. */
export const ConfigurationUnreadableError = createError<[string]>('FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE', 'The configuration file %s cannot be read', 500)

/** The path has dot segments, or hidden slashes or parameters (`;x`) that would lead to another route. */
export const AmbiguousPathError = createError('FST_OIDC_GATEWAY_AMBIGUOUS_PATH', 'The path can be read in more than one way', 400)

/** No route is for this host, path and method. */
export const RouteNotFoundError = createError('FST_OIDC_GATEWAY_ROUTE_NOT_FOUND', 'No route leads there', 404)

/** The request came over http where `force_https` is set, and its host or target cannot be read, so that there is no https address to send it to. */
export const InsecureRequestError = createError('FST_OIDC_GATEWAY_INSECURE_REQUEST', 'This server is reached over https', 400)

/** Its path is not encoded as paths are, or one of its parts is too long. */
export const UnreadableRequestError = createError('FST_OIDC_GATEWAY_UNREADABLE_REQUEST', 'The request cannot be read', 400)

/** Something went wrong inside; the log has it, at the level `error`. */
export const RequestFailedError = createError('FST_OIDC_GATEWAY_REQUEST_FAILED', 'The request could not be served', 500)

/** Code of yours called `login`, `logout`, `guard`, `revoke` or `issueCookie` in the scope of open routes. */
export const NoCoreError = createError('FST_OIDC_GATEWAY_NO_CORE', 'Nobody can log in on a route without openid-connect', 500)

/** A worker of `workers` ended before it served; its own log says why. */
export const WorkerEndedError = createError<[string]>('FST_OIDC_GATEWAY_WORKER_ENDED', 'A worker ended before it listened: %s', 500)
