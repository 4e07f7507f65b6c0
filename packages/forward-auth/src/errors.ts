import createError from '@fastify/error'

/** There is no core in this scope. */
export const CoreMissingError = createError('FST_OIDC_FORWARD_AUTH_CORE_MISSING', 'fastify-oidc is not registered in this scope: write `await app.register(oidc, …)` before fastify-oidc-forward-auth', 500)

/** The core takes the provider's answers elsewhere, or, with `bearer_only`, none. */
export const CallbackMissingError = createError<[string, string]>('FST_OIDC_FORWARD_AUTH_CALLBACK_MISSING', 'nothing takes the answers of the provider at %s: write redirect_uri: "%s" in the options of fastify-oidc', 500)

/** From this address, or at this name, too many passwords were wrong; or too many are being looked at. The answer says when to try again (`Retry-After`). */
export const GuessesTooManyError = createError('FST_OIDC_FORWARD_AUTH_GUESSES_TOO_MANY', 'Too many passwords were tried; please wait a while and try again', 429)
