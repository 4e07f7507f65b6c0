import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { FastifyOidc, RequestOidc } from 'fastify-oidc'

/** Cookies of the fake: `session`, and its chunks. */
const OWN = /^(?:__Host-)?session(?:_\d)?$/
const IDENTITY = new Set(['x-access-token', 'x-userinfo', 'x-id-token', 'x-forwarded-user'])

/** What a test sees of the sessions. */
export interface FakeSessions {
  /** Ends the session of this user: logout, revocation or expiry. */
  end (user: string): void
  /** Listeners that are registered now. */
  listening (user: string): number
  /** Registrations ever made. */
  registered (): number
}

const anonymous: RequestOidc = {
  authenticated: false, via: null, claims: null, userinfo: null, scopes: [], groups: [], user: null, email: null, consumer: null, credential: null, sessionId: null, expiresAt: null, accessToken: null, idToken: null, identityHeaders: {}, freshAccessToken: async () => null
}

function identityOf (user: string, via: 'session' | 'bearer'): RequestOidc {
  const userinfo = Buffer.from(JSON.stringify({ sub: user })).toString('base64')
  return { ...anonymous, authenticated: true, via, sessionId: user, identityHeaders: { 'x-access-token': `token-of-${user}`, 'x-userinfo': userinfo } }
}

function callerOf (request: FastifyRequest): RequestOidc {
  const session = /(?:^|; *)session=([a-z]+)/.exec(request.headers.cookie ?? '')?.[1]
  if (session !== undefined) return identityOf(session, 'session')
  const bearer = /^Bearer ([a-z]+)$/.exec(request.headers.authorization ?? '')?.[1]
  return bearer === undefined ? anonymous : identityOf(bearer, 'bearer')
}

function nameOf (pair: string): string {
  return pair.split('=', 1).join('').trim()
}

/** Stands in for the core: the cookie `session=<user>` is a session, `Bearer <user>` a token; all others get a 401. `/renew` in the path renews the cookie. */
export function registerFakeCore (app: FastifyInstance): FakeSessions {
  const listeners = new Map<string, Set<() => void>>()
  let registered = 0
  const oidc: Pick<FastifyOidc, 'cookies' | 'onSessionEnd'> = {
    cookies: {
      isOwn: name => OWN.test(name),
      strip: header => header.split(';').map(pair => pair.trim()).filter(pair => pair !== '' && !OWN.test(nameOf(pair))).join('; ') || undefined
    },
    onSessionEnd (request, listener) {
      const of = listeners.get(request.oidc.sessionId ?? '') ?? new Set()
      listeners.set(request.oidc.sessionId ?? '', of.add(listener))
      registered++
      return () => { of.delete(listener) }
    }
  }
  app.decorate('oidc', oidc as FastifyOidc)
  app.decorateRequest('oidc', null as unknown as RequestOidc)
  app.addHook('onRequest', async (request, reply) => {
    request.oidc = anonymous
    for (const name of Object.keys(request.headers)) if (IDENTITY.has(name.replaceAll('_', '-'))) delete request.headers[name]
    const policy = request.routeOptions.config.oidc
    if (policy === false) return undefined
    request.oidc = callerOf(request)
    if (!request.oidc.authenticated && policy?.unauth_action !== 'pass') return await reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'unauthorized' })
    if (request.url.includes('/renew')) reply.header('set-cookie', 'session=alice; Path=/; HttpOnly').header('cache-control', 'private, no-cache')
    return undefined
  })
  return {
    end: user => { for (const listener of [...listeners.get(user) ?? []]) listener() },
    listening: user => listeners.get(user)?.size ?? 0,
    registered: () => registered
  }
}
