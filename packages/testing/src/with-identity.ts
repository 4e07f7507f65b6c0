import type { FastifyInstance } from 'fastify'
import type {} from 'fastify-oidc'
import type { Claims } from 'fastify-oidc-session-store'
import { OidcMissingError } from './errors.ts'

export interface IdentityOptions {
  /** Default: none. */
  readonly accessToken?: string
  /** Life of the access token in seconds. Default 3600. */
  readonly expiresIn?: number
  /** Scopes that were granted, separated by spaces. Default: those that the application asks for. */
  readonly scope?: string
  readonly userinfo?: Claims
  /** The ID token as it would have been received (a signed JWT). Default: none. */
  readonly idToken?: string
}

/** What a request needs in order to be this caller's. */
export interface Identity {
  /** `Cookie` header. */
  readonly cookie: string
  /** For `app.inject({ headers })`. */
  readonly headers: { readonly cookie: string }
}

const DEFAULT_SUBJECT = 'test-user'
const DEFAULT_EXPIRES_IN = 3600

/**
 * Makes a real session with these claims in the application's own store, without any provider, so that the real guard and
 * the real policy decide about requests that carry it.
 * @param claims of the ID token; `sub` is `test-user` unless it is given
 * @rejects FST_OIDC_TESTING_NO_OIDC when `fastify-oidc` is not registered on this instance or around it
 * @example
 * const { headers } = await withIdentity(app, { sub: 'alice', groups: ['admin'] }, { scope: 'openid read' })
 * const response = await app.inject({ url: '/reports', headers })
 */
export async function withIdentity (app: FastifyInstance, claims: Claims, options: IdentityOptions = {}): Promise<Identity> {
  // Once it is there nothing is left to wait for, and a scope of an application that is ready already cannot be asked to be.
  if (!app.hasDecorator('oidc')) await app.ready()
  if (!app.hasDecorator('oidc')) throw new OidcMissingError()
  const subject = typeof claims.sub === 'string' ? claims.sub : DEFAULT_SUBJECT
  const now = Math.floor(Date.now() / 1000)
  const cookie = await app.oidc.issueCookie({
    subject,
    providerSessionId: typeof claims.sid === 'string' ? claims.sid : null,
    idTokenClaims: { ...claims, sub: subject },
    userinfo: options.userinfo ?? null,
    ...(options.scope === undefined ? {} : { scope: options.scope }),
    accessToken: options.accessToken ?? null,
    accessTokenExpiresAt: options.accessToken === undefined ? null : now + (options.expiresIn ?? DEFAULT_EXPIRES_IN),
    cold: { idToken: options.idToken ?? null, refreshToken: null }
  })
  return { cookie, headers: { cookie } }
}
