import type { ResourceServer } from 'oidc-provider'
import type { ProviderSettings } from './options.ts'

/** What the provider issues for the one API that it knows of (RFC 8707). */
export function describeResource ({ scopes, ttl, tokenFormat }: ProviderSettings, resource: string): ResourceServer {
  return { scope: scopes.join(' '), audience: resource, accessTokenTTL: ttl.accessToken, accessTokenFormat: tokenFormat, jwt: { sign: { alg: 'RS256' } } }
}
