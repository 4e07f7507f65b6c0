import type { FastifyInstance, FastifyRequest, LightMyRequestResponse as Response } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { withIdentity } from 'fastify-oidc-testing'
import { createApplication, optionsFor, type Application } from './support.ts'

type Scope = Parameters<typeof createApplication>[0]
export type ConsumerInput = NonNullable<OidcPluginOptions['consumer']>

export const GUID = 'e5634b31-d67f-4661-a6fb-b6cb77849bcf'
export const YODA = { id: 'c-1', username: 'Yoda', custom_id: GUID, groups: ['jedi'], tags: ['green'] }
export const GUEST = { id: 'c-2', username: 'guest' }
export const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }

/** A token that says this, under nobody's signature: as the provider gave it to a session. */
export const unsigned = (claims: object): string => ['e30', Buffer.from(JSON.stringify(claims)).toString('base64url'), 'x'].join('.')

/** An application whose routes say which consumer asks; without a provider. */
export async function consumerApp (t: Scope, consumer: ConsumerInput, more: Partial<OidcPluginOptions> = {}): Promise<Application> {
  const application = createApplication(t)
  const { app } = application
  await app.register(oidc, optionsFor(offline, { consumer, ...more }))
  const answer = async ({ oidc: { consumer, credential, groups, authenticated, user, identityHeaders } }: FastifyRequest) => ({ consumer, credential, groups, authenticated, user, headers: identityHeaders })
  app.get('/', answer)
  app.get('/received', { config: { oidc: false } }, async ({ headers }) => headers)
  app.get('/pass', { config: { oidc: { unauth_action: 'pass' } } }, answer)
  return application
}

export type Asking = (claims: Record<string, unknown>, options?: Parameters<typeof withIdentity>[2]) => Promise<Response>

/** Asks with a session of these claims. */
export function asking (app: FastifyInstance, url = '/'): Asking {
  return async (claims, options) => await app.inject({ url, headers: { ...(await withIdentity(app, claims, options)).headers, 'sec-fetch-mode': 'cors' } })
}

export const nameOf = (response: Response): unknown => response.statusCode === 200 ? (response.json() as { consumer: { username: string | null } | null }).consumer?.username ?? null : response.statusCode
