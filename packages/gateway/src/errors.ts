import createError from '@fastify/error'

export const ConfigurationInvalidError = createError<[string]>('FST_OIDC_GATEWAY_CONFIGURATION_INVALID', 'The configuration of the gateway does not hold:\n%s', 500)
export const ConfigurationUnreadableError = createError<[string]>('FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE', 'The configuration file %s cannot be read', 500)
export const AmbiguousPathError = createError('FST_OIDC_GATEWAY_AMBIGUOUS_PATH', 'The path can be read in more than one way', 400)
export const RouteNotFoundError = createError('FST_OIDC_GATEWAY_ROUTE_NOT_FOUND', 'No route leads there', 404)
export const NoCoreError = createError('FST_OIDC_GATEWAY_NO_CORE', 'Nobody can log in on a route without openid-connect', 500)
