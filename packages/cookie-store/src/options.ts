import { Type } from '@sinclair/typebox'
import { parseOptions, sessionSchema, withDefault, type Resolved } from 'fastify-oidc-session-store'

const shared = sessionSchema.properties

/** The options of the plugin. */
export const optionsSchema = Type.Object({
  session: Type.Object({
    secret: shared.secret,
    secret_fallbacks: shared.secret_fallbacks,
    absolute_timeout: shared.absolute_timeout
  }, { additionalProperties: false, description: 'Session configuration, under the names that the core uses.' }),
  binding: withDefault(Type.String({ description: 'Whom the sessions are for: under the same secret a session of another binding does not open. Any text.' }), '')
}, { additionalProperties: false, description: 'Options of fastify-oidc-cookie-store.' })

export type CookieStorePluginOptions = Resolved<typeof optionsSchema>

/** @throws FST_OIDC_OPTIONS_INVALID with every problem at once */
export function parseCookieStoreOptions (name: string, input: unknown): CookieStorePluginOptions {
  return parseOptions(name, optionsSchema, input)
}
