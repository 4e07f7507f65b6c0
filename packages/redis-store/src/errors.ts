import createError from '@fastify/error'

/** A second coordinator where one is already; which of the two is meant cannot be known. */
export const CoordinatorConflictError = createError('FST_OIDC_COORDINATOR_CONFLICT', 'This scope already has a session coordinator: register one only, or each in a scope of its own', 500)
