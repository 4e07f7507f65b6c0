import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { createTestProvider, type TestProvider, type TestProviderOptions } from 'fastify-oidc-testing'

interface Scope { teardown (run: () => unknown): void }

export const SECRET = 'a secret of more than thirty-two bytes, for tests'

export interface Application {
  readonly app: FastifyInstance
  /** Lines of the log, parsed. */
  readonly log: ReadonlyArray<Record<string, unknown>>
}

export interface ProviderFacts {
  readonly discovery: string
  readonly clientId: string
  readonly clientSecret: string
}

/** Options for one client of a provider, under the profile of new projects. */
export function optionsFor (provider: ProviderFacts, more: Partial<OidcPluginOptions> = {}): OidcPluginOptions {
  const { session, ...others } = more
  return {
    client_id: provider.clientId,
    client_secret: provider.clientSecret,
    discovery: provider.discovery,
    security_profile: 'oauth2.1',
    redirect_uri: '/callback',
    // A provider in the same busy process may take longer than the default of 3 seconds.
    timeout: 30,
    session: { secret: SECRET, ...session } as OidcPluginOptions['session'],
    ...others
  }
}

/** An application with a log that can be read; closed after the test. */
export function createApplication (t: Scope, server: FastifyServerOptions = {}): Application {
  const log: Array<Record<string, unknown>> = []
  const stream = { write (line: string) { log.push(JSON.parse(line) as Record<string, unknown>) } }
  const app = Fastify({ forceCloseConnections: true, logger: { level: 'debug', stream }, ...server } as FastifyServerOptions) as unknown as FastifyInstance
  t.teardown(async () => { await app.close() })
  return { app, log }
}

/** An application whose every route but `/open` needs a login, and answers who asks. */
export async function protectedApp (t: Scope, options: OidcPluginOptions, server: FastifyServerOptions = {}): Promise<Application> {
  const application = createApplication(t, server)
  const { app } = application
  await app.register(oidc, options)
  app.get('/', async request => ({ sub: request.oidc.claims?.sub ?? null, url: request.url }))
  app.get('/open', { config: { oidc: false } }, async request => ({ authenticated: request.oidc.authenticated }))
  app.all('/echo/*', async request => ({ sub: request.oidc.claims?.sub ?? null, url: request.url, headers: request.headers, identity: request.oidc.identityHeaders }))
  return application
}

export async function testProvider (t: Scope, options: TestProviderOptions = {}): Promise<TestProvider> {
  const provider = await createTestProvider({ autoLogin: 'alice', ...options })
  t.teardown(async () => { await provider.close() })
  return provider
}
