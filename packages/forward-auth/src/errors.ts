import createError from '@fastify/error'

/** There is no core in this scope. */
export const CoreMissingError = createError('FST_OIDC_FORWARD_AUTH_CORE_MISSING', 'fastify-oidc is not registered in this scope: write `await app.register(oidc, …)` before fastify-oidc-forward-auth', 500)

/** The core takes the provider's answers elsewhere, or, with `bearer_only`, none. */
export const CallbackMissingError = createError<[string, string]>('FST_OIDC_FORWARD_AUTH_CALLBACK_MISSING', 'nothing takes the answers of the provider at %s: write redirect_uri: "%s" in the options of fastify-oidc', 500)
