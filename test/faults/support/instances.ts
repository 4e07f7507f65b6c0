import type { LightMyRequestResponse as Response } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { createApplication, optionsFor, SECRET, type Application } from '../../oidc/support.ts'
import type { Owner } from '../../support/redis-process.ts'
import type { CrowdProvider } from './crowd-provider.ts'

/** `session.*`, and what of it is `session.redis`. */
export interface InstanceOptions {
  readonly redis: Readonly<Record<string, unknown>>
  readonly session?: Readonly<Record<string, unknown>>
}

/** One of the applications that share a Redis: its only route answers who asks, and with what token. */
export async function startInstance (owner: Owner, provider: CrowdProvider, { redis, session = { storage: 'redis' } }: InstanceOptions): Promise<Application> {
  const application = createApplication(owner)
  const { app } = application
  const options = { session: { secret: SECRET, ...session, redis }, backchannel_logout_path: '/backchannel', access_token_expires_leeway: 0 }
  await app.register(oidc, optionsFor(provider, options as unknown as Partial<OidcPluginOptions>))
  app.get('/', async request => ({ sub: request.oidc.claims?.sub ?? null, token: request.oidc.accessToken }))
  await app.ready()
  return application
}

/** As a script of the page asks, which is told 401 and not sent to the provider. */
export async function visit ({ app }: Pick<Application, 'app'>, cookie: string): Promise<Response> {
  return await app.inject({ url: '/', headers: { cookie, 'sec-fetch-mode': 'cors' } })
}

export async function signOut ({ app }: Pick<Application, 'app'>, cookie: string): Promise<Response> {
  return await app.inject({ method: 'POST', url: '/logout', headers: { cookie, 'sec-fetch-site': 'same-origin' } })
}

/** What the provider would send (Back-Channel Logout 1.0, section 2.5). */
export async function sendLogout ({ app }: Pick<Application, 'app'>, token: string): Promise<Response> {
  return await app.inject({ method: 'POST', url: '/backchannel', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: new URLSearchParams({ logout_token: token }).toString() })
}
