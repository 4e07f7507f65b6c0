import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import forwardAuth, { type ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import { createApplication, optionsFor, type Application, type ProviderFacts } from '../oidc/support.ts'

export const OFFLINE: ProviderFacts = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }

interface Scope { teardown (run: () => unknown): void }

interface Settings {
  readonly provider?: ProviderFacts
  readonly core?: Partial<OidcPluginOptions>
  readonly endpoints?: ForwardAuthOptions
  readonly server?: FastifyServerOptions
}

/** The endpoints, and a page that stands behind a core. */
export async function gate (t: Scope, { provider = OFFLINE, core = {}, endpoints = {}, server = {} }: Settings = {}): Promise<Application> {
  const application = createApplication(t, server)
  const { app } = application
  await app.register(oidc, optionsFor(provider, { redirect_uri: `${endpoints.prefix ?? '/oauth2'}/callback`, ...core }))
  await app.register(forwardAuth, endpoints)
  app.get('/*', async request => ({ sub: request.oidc.claims?.sub ?? null, url: request.url }))
  return application
}

/** What a browser makes of the link on the sign-in page. */
export function buttonOf (body: string): { readonly label: string, readonly start: URL } {
  const [, href = '', label = ''] = /<a class="b" href="([^"]*)">(.*?)<\/a>/.exec(body) ?? []
  return { label: label.replace(/<\/?bdi>/g, ''), start: new URL(href.replaceAll('&amp;', '&').replaceAll('&#39;', "'"), 'http://localhost/oauth2/sign_in') }
}

export async function statusOf (app: FastifyInstance, url: string, headers: Record<string, string> = {}): Promise<number> {
  return (await app.inject({ url, headers })).statusCode
}
