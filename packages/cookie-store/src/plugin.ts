import type { Static } from '@sinclair/typebox'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { sharedProcessCoordinator, StoreConflictError } from 'fastify-oidc-session-store'
import './augment.ts'
import { createCookieStore } from './cookie-store.ts'
import { parseCookieStoreOptions, type optionsSchema } from './options.ts'

const NAME = 'fastify-oidc-cookie-store'

const plugin: FastifyPluginAsync<Static<typeof optionsSchema>> = async (fastify, input) => {
  const { session, binding } = parseCookieStoreOptions(NAME, input)
  if (Object.hasOwn(fastify, 'oidcSessionStore')) throw new StoreConflictError()
  const store = createCookieStore({
    secret: session.secret,
    fallbacks: session.secret_fallbacks,
    binding,
    coordinator: fastify.hasDecorator('oidcSessionCoordinator') ? fastify.oidcSessionCoordinator : sharedProcessCoordinator(),
    absoluteTimeout: session.absolute_timeout
  })
  fastify.decorate('oidcSessionStore', store)
  fastify.addHook('onClose', () => store.close())
}

/**
 * Keeps sessions sealed in the browser's cookie: decorates `fastify.oidcSessionStore`.
 * @throws FST_OIDC_OPTIONS_INVALID for options that do not hold
 * @throws FST_OIDC_STORE_CONFLICT when the scope has a store already
 */
export const cookieStore = fp(plugin, { name: NAME, fastify: '5.x' })
