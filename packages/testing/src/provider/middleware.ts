import { createLocalJWKSet, jwtVerify, type JWK } from 'jose'
import type Provider from 'oidc-provider'
import { releasedClaims } from './claims.ts'
import type { ProviderSettings } from './options.ts'

type Middleware = Parameters<Provider['use']>[0]

const END_SESSION = '/session/end'
const USERINFO = '/me'

/**
 * Confirms a logout in the user's place: what would be a page with a question becomes the redirect behind it.
 * A login as somebody else (`/auth/…`) asks for the same, with a script that a browser without scripts does not run.
 */
export function confirmLogout (origin: string): Middleware {
  return async (ctx, next) => {
    await next()
    const asks = (ctx.path === END_SESSION || ctx.path.startsWith('/auth/')) && ctx.status === 200
    const xsrf = asks ? /name="xsrf" value="([^"]+)"/.exec(String(ctx.body))?.[1] : undefined
    if (xsrf === undefined) return
    const fresh = [ctx.response.get('set-cookie')].flat().filter(line => line !== '').map(line => line.split(';')[0] ?? '')
    const confirmed = await fetch(`${origin}${END_SESSION}/confirm`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: [ctx.get('cookie'), ...fresh].filter(pair => pair !== '').join('; ') },
      body: new URLSearchParams({ xsrf, logout: 'yes' })
    })
    ctx.set('set-cookie', [...[ctx.response.get('set-cookie')].flat().filter(line => line !== ''), ...confirmed.headers.getSetCookie()])
    ctx.redirect(confirmed.headers.get('location') ?? origin)
    ctx.body = null
    ctx.status = 303
  }
}

function publicKeys (jwks: readonly JWK[]): ReturnType<typeof createLocalJWKSet> {
  return createLocalJWKSet({ keys: jwks.map(({ d, p, q, dp, dq, qi, ...key }) => key) })
}

/** The provider accepts only opaque access tokens at userinfo; others in the field accept their JWTs as well. */
export function userinfoForJwt (issuer: string, settings: ProviderSettings, jwks: readonly JWK[]): Middleware {
  const keys = publicKeys(jwks)
  const bySubject = new Map([...settings.accounts.values()].map(account => [account.sub, account]))
  return async (ctx, next) => {
    const token = /^Bearer ([^.]+\.[^.]+\.[^.]+)$/i.exec(ctx.get('authorization'))?.[1]
    if (ctx.path !== USERINFO || token === undefined || settings.resource === null) return await next()
    const verified = await jwtVerify(token, keys, { issuer, audience: settings.resource, typ: 'at+jwt' }).catch(() => null)
    const account = bySubject.get(verified?.payload.sub ?? '')
    ctx.set('cache-control', 'no-store')
    if (verified === null || account === undefined) {
      ctx.status = 401
      ctx.set('www-authenticate', 'Bearer error="invalid_token"')
      ctx.body = { error: 'invalid_token' }
      return
    }
    ctx.body = releasedClaims(account, String(verified.payload.scope ?? '').split(' '))
  }
}
