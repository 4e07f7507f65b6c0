import t from 'tap'
import type { Session, StoredSession } from 'fastify-oidc-session-store'
import { expiryOf, isTouchDue, tokenState, type Lifetimes } from '../../packages/oidc/src/session/lifetime.ts'
import { optionsFor, protectedApp, SECRET } from './support.ts'
import { cookieAfter, now, setCookies, storedOf } from './session-parts.ts'

const CREATED = 1_000_000
const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }

function session (change: Partial<Session> = {}): Session {
  return {
    id: 'id',
    issuer: 'issuer',
    subject: 'alice',
    providerSessionId: null,
    issuedAt: CREATED,
    discovery: '',
    clientId: '',
    createdAt: CREATED,
    authenticatedAt: CREATED,
    accessToken: 'token',
    accessTokenExpiresAt: null,
    assurance: null,
    scope: null,
    idTokenClaims: null,
    userinfo: null,
    renewedFrom: null,
    cold: { refreshToken: null, idToken: null },
    ...change
  }
}

const stored = (expiresAt: number): StoredSession => ({ handle: 'handle', revision: 1, expiresAt, session: session() })
const lifetimes = (change: Partial<Lifetimes> = {}): Lifetimes => ({ lifetime: 3600, idling: null, rolling: null, absolute: 86400, ...change })

t.test('a session ends a lifetime after its last use, and at the latest at its absolute end', async t => {
  const table: Array<[string, Lifetimes, number, number]> = [
    ['at the login', lifetimes(), 0, 3600],
    ['used later', lifetimes(), 5000, 8600],
    ['the absolute end is near', lifetimes(), 85_000, 86_400],
    ['no absolute end', lifetimes({ absolute: 0 }), 500_000, 503_600],
    ['an absolute end within the lifetime', lifetimes({ absolute: 60 }), 0, 60],
    ['an idle limit', lifetimes({ idling: 900 }), 100, 1000],
    ['an idle limit of 0 is none', lifetimes({ idling: 0 }), 100, 3700],
    ['an idle limit above the lifetime', lifetimes({ idling: 7200 }), 100, 3700],
    ['an idle limit, and the absolute end is near', lifetimes({ idling: 900 }), 86_000, 86_400],
    ['a rolling limit', lifetimes({ rolling: 600 }), 100, 700],
    ['a rolling limit of 0 is none', lifetimes({ rolling: 0 }), 100, 3700],
    ['a rolling limit above the lifetime', lifetimes({ rolling: 7200 }), 100, 3700],
    ['a rolling limit below an idle limit', lifetimes({ rolling: 600, idling: 900 }), 100, 700],
    ['a rolling limit above an idle limit', lifetimes({ rolling: 900, idling: 600 }), 100, 700],
    ['a rolling limit, and the absolute end is near', lifetimes({ rolling: 600 }), 86_000, 86_400]
  ]
  for (const [name, limits, used, expected] of table) t.equal(expiryOf(session(), limits, CREATED + used) - CREATED, expected, name)
})

t.test('the end is moved in the last quarter of the lifetime, and not before', async t => {
  const table: Array<[string, Lifetimes, number, number, boolean]> = [
    ['just used', lifetimes(), 3600, 0, false],
    ['a second before the last quarter', lifetimes(), 3600, 2699, false],
    ['in the last quarter', lifetimes(), 3600, 2700, true],
    ['in the last second', lifetimes(), 3600, 3599, true],
    ['the absolute end stands already', lifetimes({ absolute: 3600 }), 3600, 3500, false],
    ['a shorter absolute end', lifetimes({ absolute: 1000 }), 1000, 900, false],
    ['the absolute end allows a little more', lifetimes({ absolute: 3700 }), 3600, 3000, true],
    ['a rolling limit: before three quarters', lifetimes({ rolling: 600 }), 600, 449, false],
    ['a rolling limit: after three quarters', lifetimes({ rolling: 600 }), 600, 450, true],
    ['a rolling limit below an idle limit: after a minute of use', lifetimes({ rolling: 600, idling: 900 }), 600, 60, false],
    ['a rolling limit above an idle limit: after a minute of use', lifetimes({ rolling: 900, idling: 600 }), 600, 60, true],
    ['an idle limit: within a minute of use', lifetimes({ idling: 900 }), 900, 59, false],
    ['an idle limit: after a minute of use', lifetimes({ idling: 900 }), 900, 60, true],
    ['a short idle limit: each quarter of it', lifetimes({ idling: 100 }), 100, 24, false],
    ['a short idle limit: after a quarter', lifetimes({ idling: 100 }), 100, 25, true],
    ['an idle limit of 0 is none', lifetimes({ idling: 0 }), 3600, 60, false],
    ['an idle limit above the lifetime changes nothing', lifetimes({ idling: 7200 }), 3600, 2699, false]
  ]
  for (const [name, limits, expiresIn, used, due] of table) t.equal(isTouchDue(stored(CREATED + expiresIn), limits, CREATED + used), due, name)
})

t.test('an access token is alive, due within the leeway, or dead', async t => {
  const table: Array<[number | null, number, ReturnType<typeof tokenState>]> = [
    [null, 0, 'alive'],
    [null, 600, 'alive'],
    [100, 0, 'alive'],
    [2, 0, 'alive'],
    [1, 0, 'due'],
    [0, 0, 'dead'],
    [-100, 0, 'dead'],
    [61, 60, 'alive'],
    [60, 60, 'due'],
    [1, 60, 'due'],
    [0, 60, 'dead']
  ]
  for (const [expiresIn, leeway, state] of table) {
    const accessTokenExpiresAt = expiresIn === null ? null : CREATED + expiresIn
    t.equal(tokenState(session({ accessTokenExpiresAt }), leeway, CREATED), state, `${String(expiresIn)} s left, leeway ${leeway}`)
  }
})

/** A cookie of a session that was last used so many seconds ago. */
async function usedAgo (app: Awaited<ReturnType<typeof protectedApp>>['app'], cookie: string, left: number): Promise<string> {
  const { session } = await storedOf(app, cookie)
  const { handle } = await app.oidcSessionStore.create(session, now() + left)
  return `oidc=${handle}`
}

// rows: session.cookie, session.cookie.lifetime
t.test('the cookie is set again in the last quarter alone, with the time that is left', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { session: { secret: SECRET, cookie: { lifetime: 400 } } }))
  const fresh = await app.oidc.issueCookie({})
  t.equal((await storedOf(app, fresh)).expiresAt - now(), 400)
  const quiet = await app.inject({ url: '/', headers: { cookie: fresh } })
  t.equal(quiet.statusCode, 200)
  t.equal(setCookies(quiet).length, 0)
  t.equal(quiet.headers['cache-control'], undefined)
  t.equal(setCookies(await app.inject({ url: '/', headers: { cookie: await usedAgo(app, fresh, 110) } })).length, 0)
  const due = await usedAgo(app, fresh, 90)
  const slid = await app.inject({ url: '/', headers: { cookie: due } })
  t.equal(slid.statusCode, 200)
  t.match(setCookies(slid), [/^oidc=[\w-]+; Max-Age=(400|399); Path=\/; HttpOnly; SameSite=Lax$/])
  t.equal(slid.headers['cache-control'], 'private, no-cache')
  const after = cookieAfter(slid, due)
  t.equal((await storedOf(app, after)).session.id, (await storedOf(app, due)).session.id)
  t.equal(setCookies(await app.inject({ url: '/', headers: { cookie: after } })).length, 0)
  t.equal(setCookies(await app.inject({ url: '/open', headers: { cookie: due } })).length, 0, 'an open route does not count')
})

// rows: session.absolute_timeout
t.test('the absolute end is not moved, and the cookie says so', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { unauth_action: 'deny', session: { secret: SECRET, cookie: { lifetime: 400 }, absolute_timeout: 1000 } }))
  const old = await app.oidc.issueCookie({ createdAt: now() - 850 })
  t.ok((await storedOf(app, old)).expiresAt - now() <= 150)
  const answer = await app.inject({ url: '/', headers: { cookie: old } })
  t.equal(answer.statusCode, 200)
  t.equal(setCookies(answer).length, 0, 'there is nothing to move')
  const short = await usedAgo(app, old, 80)
  const maxAge = Number(/Max-Age=(\d+)/.exec(setCookies(await app.inject({ url: '/', headers: { cookie: short } }))[0] ?? '')?.[1])
  t.ok(maxAge > 80 && maxAge <= 150, `${maxAge} s`)
  const over = await app.oidc.issueCookie({ createdAt: now() - 1001 })
  t.equal((await app.inject({ url: '/', headers: { cookie: over } })).statusCode, 401)
  const endless = await protectedApp(t, optionsFor(offline, { session: { secret: SECRET, absolute_timeout: 0 } }))
  t.equal((await endless.app.inject({ url: '/', headers: { cookie: await endless.app.oidc.issueCookie({ createdAt: now() - 10_000_000 }) } })).statusCode, 200)
})

// rows: session.idling_timeout
t.test('an absolute end that was brought forward holds for sessions that were sealed before, too', async t => {
  const { app: before } = await protectedApp(t, optionsFor(offline, { session: { secret: SECRET, absolute_timeout: 0, cookie: { lifetime: 86400 } } } as object))
  const cookie = await before.oidc.issueCookie({ createdAt: now() - 7200 })
  const statusOf = async (absolute: number): Promise<number> => {
    const { app } = await protectedApp(t, optionsFor(offline, { session: { secret: SECRET, absolute_timeout: absolute, cookie: { lifetime: 86400 } } } as object))
    const answer = await app.inject({ url: '/echo/x', headers: { cookie, 'sec-fetch-mode': 'cors' } })
    if (answer.statusCode === 401) t.match(String(answer.headers['set-cookie']), /Max-Age=0/, 'the cookie goes')
    return answer.statusCode
  }
  t.strictSame([await statusOf(0), await statusOf(7300), await statusOf(3600)], [200, 200, 401])
})

t.test('O195: with an idle limit each minute of use moves the end, and a session that nobody uses is over', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { unauth_action: 'deny', session: { secret: SECRET, idling_timeout: 300 } }))
  const fresh = await app.oidc.issueCookie({})
  t.equal((await storedOf(app, fresh)).expiresAt - now(), 300)
  t.equal(setCookies(await app.inject({ url: '/', headers: { cookie: await usedAgo(app, fresh, 245) } })).length, 0)
  t.match(setCookies(await app.inject({ url: '/', headers: { cookie: await usedAgo(app, fresh, 235) } })), [/Max-Age=(300|299);/])
  t.equal((await app.inject({ url: '/', headers: { cookie: await usedAgo(app, fresh, 0) } })).statusCode, 401)
})

t.test('an upgrade does not move the end: its answer can carry no cookie', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { session: { secret: SECRET, cookie: { lifetime: 400 } } }))
  const due = await usedAgo(app, await app.oidc.issueCookie({}), 50)
  const answer = await app.inject({ url: '/echo/ws', headers: { cookie: due, upgrade: 'websocket', connection: 'Upgrade' } })
  t.equal(answer.statusCode, 200)
  t.equal(setCookies(answer).length, 0)
})
