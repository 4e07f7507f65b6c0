import createError from '@fastify/error'

/** `withIdentity` got an instance on which `fastify-oidc` is not registered. */
export const OidcMissingError = createError('FST_OIDC_TESTING_NO_OIDC', 'this Fastify instance has no fastify-oidc: pass the instance (or scope) on which it is registered', 500)

/** A login did not come back to the application. The detail names the hops, without their query strings. */
export const LoginIncompleteError = createError<[string]>('FST_OIDC_TESTING_LOGIN_INCOMPLETE', 'the login did not come back to the application: %s', 500)

/** A response broke a rule that browsers enforce for `__Host-` and `__Secure-` cookies. */
export const CookiePrefixError = createError<[string]>('FST_OIDC_TESTING_COOKIE_PREFIX', 'a browser refuses this cookie: %s', 500)

/** More redirects than a browser follows. */
export const TooManyRedirectsError = createError<[string]>('FST_OIDC_TESTING_REDIRECTS', 'too many redirects: %s', 500)

/** `submit` was called for a page without the form. */
export const FormMissingError = createError<[string]>('FST_OIDC_TESTING_NO_FORM', 'no such form on this page: %s', 500)

/** The provider's options contradict each other. */
export const TestProviderOptionsError = createError<[string]>('FST_OIDC_TESTING_OPTIONS', 'createTestProvider: %s', 500)
