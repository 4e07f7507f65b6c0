import type { Test } from 'tap'
import { createGateway, type Gateway } from 'fastify-oidc-gateway'
import type { TestProvider } from 'fastify-oidc-testing'

/** A gateway that listens, with one route: everything goes to the upstream, and a login at the provider comes first. */
export async function startGuardedGateway (t: Test, provider: TestProvider, upstream: string, options: Readonly<Record<string, unknown>> = {}): Promise<{ readonly gateway: Gateway, readonly origin: string }> {
  const { discovery, clientId, clientSecret } = provider
  const gateway = await createGateway({
    listen: { host: '127.0.0.1', port: 0 },
    log: { level: 'silent' },
    routes: [{
      uri: '/*',
      upstream,
      plugins: { 'openid-connect': { discovery, client_id: clientId, client_secret: clientSecret, redirect_uri: '/callback', timeout: 20, session: { secret: 'a secret of more than thirty-two bytes, for tests' }, ...options } }
    }]
  }, { drainTimeout: 1 })
  t.teardown(async () => { await gateway.close() })
  return { gateway, origin: await gateway.listen() }
}
