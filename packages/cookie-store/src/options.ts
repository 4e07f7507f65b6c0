import { Type } from '@sinclair/typebox'
import { checkOptions, optionsError, sessionSchema, withDefault, type Resolved } from 'fastify-oidc-session-store'

const shared = sessionSchema.properties

const coordination: typeof shared.coordination = {
  ...shared.coordination,
  description: 'How far logouts are agreed. This store agrees within this process: anything but `process` stops the boot.'
}

/** The options of the plugin. */
export const optionsSchema = Type.Object({
  session: Type.Object({
    secret: shared.secret,
    secret_fallbacks: shared.secret_fallbacks,
    absolute_timeout: shared.absolute_timeout,
    coordination
  }, { additionalProperties: false, description: 'Session configuration, under the names that the core uses.' }),
  binding: withDefault(Type.String({ description: 'Whom the sessions are for: under the same secret a session of another binding does not open. Any text.' }), '')
}, { additionalProperties: false, description: 'Options of fastify-oidc-cookie-store.' })

export type CookieStorePluginOptions = Resolved<typeof optionsSchema>

/** @throws FST_OIDC_OPTIONS_INVALID with every problem at once */
export function parseCookieStoreOptions (name: string, input: unknown): CookieStorePluginOptions {
  const { options, problems } = checkOptions(optionsSchema, input)
  const coordinated = (options as Partial<CookieStorePluginOptions> | undefined)?.session?.coordination
  if (coordinated === 'workers' || coordinated === 'redis') {
    problems.push({ path: ['session', 'coordination'], message: 'must be "process": this store agrees on ends within one process only' })
  }
  if (problems.length > 0) throw optionsError(name, problems)
  return options
}
