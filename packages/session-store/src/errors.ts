import createError from '@fastify/error'

/** The place where sessions live cannot be reached. Never taken for "no session". */
export const StoreUnavailableError = createError('FST_OIDC_STORE_UNAVAILABLE', 'The session store cannot be reached', 503)

/** `revoke` on a store whose sessions nothing can end from outside. */
export const StoreNotRevocableError = createError('FST_OIDC_STORE_NOT_REVOCABLE', 'This session store cannot end sessions from outside: set session.coordination, or session.storage: redis', 501)

/** `inspect` on a store whose sessions live in browsers. */
export const StoreNotInspectableError = createError('FST_OIDC_STORE_NOT_INSPECTABLE', 'Sessions of this store live in browsers and cannot be listed: use session.storage: redis', 501)

/** A second store where one is already; which of the two is meant cannot be known. */
export const StoreConflictError = createError('FST_OIDC_STORE_CONFLICT', 'This scope already has a session store: register one only, or each in a scope of its own', 500)

/** Options that do not hold. The message lists every problem, one a line. */
export const OptionsInvalidError = createError<[string, string]>('FST_OIDC_OPTIONS_INVALID', '%s: invalid options\n%s', 500)

/** `session.coordination: workers` where nobody coordinates. */
export const NotCoordinatedError = createError('FST_OIDC_NOT_COORDINATED', 'session.coordination: workers is for workers of node:cluster whose primary called coordinateWorkers() of fastify-oidc-session-store before it forked', 500)
