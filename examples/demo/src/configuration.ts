import { randomBytes } from 'node:crypto'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import type { TestProvider } from 'fastify-oidc-testing'

/** The gateway's file, as an object: one route, in front of everything. */
export function demoConfiguration (port: number, provider: TestProvider, upstream: string): GatewayOptions {
  return {
    listen: { host: '127.0.0.1', port },
    log: { level: 'warn' },
    routes: [{
      uri: '/*',
      upstream,
      plugins: {
        'openid-connect': {
          security_profile: 'oauth2.1',
          discovery: provider.discovery,
          client_id: provider.clientId,
          client_secret: provider.clientSecret,
          scope: 'openid profile email groups',
          redirect_uri: '/callback',
          logout_path: '/logout',
          post_logout_redirect_uri: '/',
          renew_access_token_on_expiry: true,
          set_access_token_header: true,
          set_id_token_header: true,
          set_userinfo_header: true,
          session: { secret: randomBytes(32).toString('base64url'), storage: 'cookie' }
        }
      }
    }]
  }
}
