import t from 'tap'
import { withIdentity } from 'fastify-oidc-testing'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import forwardAuth from 'fastify-oidc-forward-auth'
import { createMemoryStore, StoreUnavailableError } from 'fastify-oidc-session-store'
import { cookieAfter, loginWithToken, movableClock } from '../oidc/session-parts.ts'
import { optionsFor, testProvider } from '../oidc/support.ts'
import { gate, OFFLINE, statusOf } from './parts.ts'

const BROWSER = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const ALICE = { sub: 'alice', email: 'alice@sub.example.com', groups: ['staff', 'ops'], preferred_username: 'al' }

t.test('O125, O136: who is signed in is 202, with headers that say who', async t => {
  const { app } = await gate(t)
  const { headers } = await withIdentity(app, ALICE, { accessToken: 'at', idToken: 'a.b.c' })
  const response = await app.inject({ url: '/oauth2/auth', headers })
  t.match(response, { statusCode: 202, body: '', headers: { 'gap-auth': 'alice@sub.example.com', 'x-auth-request-user': 'alice', 'x-auth-request-email': 'alice@sub.example.com', 'x-auth-request-preferred-username': 'al', 'x-auth-request-groups': 'staff,ops', 'cache-control': 'no-store' } })
  t.strictSame([response.headers['x-auth-request-access-token'], response.headers.authorization, response.headers['set-cookie']], [undefined, undefined, undefined])
  const bare = await app.inject({ url: '/oauth2/auth', headers: (await withIdentity(app, { sub: 'bob' })).headers })
  t.strictSame(Object.keys(bare.headers).filter(name => /^(x-|gap)/.test(name)), ['gap-auth', 'x-auth-request-user'], 'what is not known is not there')
  t.equal(bare.headers['gap-auth'], 'bob')
})

t.test('O137, O138: tokens are answered where that is written', async t => {
  const { app } = await gate(t, { endpoints: { pass_access_token: true, set_authorization_header: true } })
  const { headers } = await withIdentity(app, ALICE, { accessToken: 'at', idToken: 'a.b.c' })
  t.match((await app.inject({ url: '/oauth2/auth', headers })).headers, { 'x-auth-request-access-token': 'at', authorization: 'Bearer a.b.c' })
  const silent = await gate(t, { endpoints: { set_xauthrequest: false } })
  const answer = await silent.app.inject({ url: '/oauth2/auth', headers: (await withIdentity(silent.app, ALICE)).headers })
  t.strictSame(Object.keys(answer.headers).filter(name => name.startsWith('x-')), [])
})

t.test('O126: nobody is 401, never a redirect, whatever the browser says it does', async t => {
  for (const skip of [false, true]) {
    const { app } = await gate(t, { endpoints: { skip_provider_button: skip } })
    for (const headers of [{}, BROWSER, { ...BROWSER, 'x-forwarded-uri': '/', 'x-forwarded-method': 'OPTIONS', 'user-agent': 'GoogleHC/1.0' }]) {
      const response = await app.inject({ url: '/oauth2/auth', headers })
      t.match(response, { statusCode: 401, body: 'Unauthorized\n', headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' } })
      t.strictSame([response.headers.location, response.headers['set-cookie'], response.headers['www-authenticate']], [undefined, undefined, undefined])
    }
    t.equal(await statusOf(app, '/oauth2/auth', { cookie: '__Host-oidc=forged; oidc=forged' }), 401)
    t.equal(await statusOf(app, '/oauth2/auth/', BROWSER), 503, 'O023: with a slash it is another path, which sends to the provider, and there is none')
  }
})

t.test('O129, O130, O131, O133, O135: constraints in the query narrow it, and 403 keeps the session', async t => {
  const { app } = await gate(t)
  const { headers } = await withIdentity(app, ALICE)
  const answers: Record<string, number> = {
    'allowed_groups=staff,b': 202,
    'allowed_groups=c': 403,
    'allowed_groups=a&allowed_groups=b,ops': 202,
    'allowed_groups=': 202,
    'allowed_groups=,,': 202,
    'allowed_groups=STAFF': 403,
    'allowed_groups=%20staff': 403,
    'allowed_groups=staff%2Cb': 202,
    'allowed_emails=alice@sub.example.com,b@c.d': 202,
    'allowed_emails=Alice@sub.example.com': 403,
    'allowed_emails=mallory@sub.example.com': 403,
    'allowed_email_domains=*.example.com': 202,
    'allowed_email_domains=.example.com,x.y': 202,
    'allowed_email_domains=sub.example.com': 202,
    'allowed_email_domains=example.com': 403,
    'allowed_email_domains=*.a.example.com': 403,
    'allowed_email_domains=ub.example.com': 403,
    'allowed_email_domains=*': 403,
    'allowed_email_domains=https://sub.example.com': 403,
    'allowed_groups=staff&allowed_emails=alice@sub.example.com&allowed_email_domains=.example.com': 202,
    'allowed_groups=staff&allowed_emails=alice@sub.example.com&allowed_email_domains=.example.org': 403,
    'allowed_groups=none&allowed_emails=alice@sub.example.com': 403,
    'allowed_group=none': 202
  }
  for (const [query, status] of Object.entries(answers)) {
    const response = await app.inject({ url: `/oauth2/auth?${query}`, headers })
    t.equal(response.statusCode, status, query)
    t.equal(response.headers['set-cookie'], undefined)
    if (status === 403) t.match(response, { body: 'Forbidden\n', headers: { 'x-auth-request-user': undefined } })
  }
  t.equal(await statusOf(app, '/oauth2/auth?allowed_groups=staff'), 401, 'nobody is 401')
  t.equal(await statusOf(app, '/oauth2/auth', headers), 202, 'and the session is there still')
})

t.test('O134, CVE-2026-40574: an address with two at signs is in no domain', async t => {
  const { app } = await gate(t)
  const asked = async (email: unknown, domains: string): Promise<number> => await statusOf(app, `/oauth2/auth?allowed_email_domains=${domains}`, (await withIdentity(app, { sub: 'm', email })).headers)
  t.equal(await asked('a@corp.com', 'corp.com'), 202)
  t.equal(await asked('A@CORP.COM', 'corp.com'), 202)
  for (const email of ['a@evil.com@corp.com', 'a@corp.com@evil.com', 'a@corp.com@corp.com', '@corp.com', 'corp.com', 'a@', 'a@xcorp.com', 'a@corp.com.evil', 'a@corp.com ', ['a@corp.com'], null]) t.equal(await asked(email, 'corp.com,.corp.com'), 403, JSON.stringify(email))
})

t.test('O132: what the policy refuses no query allows, and the session is kept', async t => {
  const { app } = await gate(t, { core: { required_scopes: ['reports'], scope: 'openid reports', hooks: { authorize: request => request.oidc.user !== 'eve' } } })
  const may = await withIdentity(app, ALICE, { scope: 'openid reports' })
  const eve = await withIdentity(app, { sub: 'eve', groups: ['staff'] }, { scope: 'openid reports' })
  const less = await withIdentity(app, ALICE, { scope: 'openid' })
  t.equal(await statusOf(app, '/oauth2/auth', may.headers), 202)
  for (const { headers } of [eve, less]) {
    for (const url of ['/oauth2/auth', '/oauth2/auth?allowed_groups=staff', '/oauth2/userinfo']) t.match(await app.inject({ url, headers }), { statusCode: 403, headers: { 'set-cookie': undefined } })
  }
})

t.test('O208: a claim that no header can say says nothing, and injects nothing', async t => {
  const { app } = await gate(t)
  const told = async (claims: Record<string, unknown>): Promise<Record<string, unknown>> => {
    const { statusCode, headers } = await app.inject({ url: '/oauth2/auth', headers: (await withIdentity(app, { sub: 'x', ...claims })).headers })
    t.equal(statusCode, 202)
    return headers
  }
  t.equal((await told({ email: 'a@b\r\nX-Auth-Request-Groups: admin' }))['x-auth-request-email'], undefined)
  t.equal((await told({ preferred_username: ' root' }))['x-auth-request-preferred-username'], undefined)
  t.equal((await told({ groups: ['a', 'b,admin', 'c\n', ' d', 'é'] }))['x-auth-request-groups'], 'a,Ã©', 'UTF-8 on the wire')
  t.equal(Buffer.from(String((await told({ preferred_username: 'Żółć' }))['x-auth-request-preferred-username']), 'latin1').toString(), 'Żółć')
})

t.test('W10: a store that is down is 503, and the cookie stays', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const memory = createMemoryStore()
  let isDown = false
  const get = async (handle: string): ReturnType<typeof memory.get> => { if (isDown) throw new StoreUnavailableError(); return await memory.get(handle) }
  app.decorate('oidcSessionStore', { ...memory, get })
  await app.register(oidc, optionsFor(OFFLINE, { redirect_uri: '/oauth2/callback' }))
  await app.register(forwardAuth)
  const { headers } = await withIdentity(app, ALICE)
  isDown = true
  for (const path of ['auth', 'userinfo', 'sign_in', 'sign_out']) {
    t.match(await app.inject({ url: `/oauth2/${path}`, headers: { ...headers, ...BROWSER } }), { statusCode: 503, headers: { 'set-cookie': undefined, 'retry-after': '5', location: undefined } }, path)
  }
  isDown = false
  t.equal(await statusOf(app, '/oauth2/auth', headers), 202)
})

t.test('a visit for which a session is not enough is 401, and no redirect', async t => {
  const clock = movableClock(t)
  const { app } = await gate(t, { core: { refresh_session_interval: 60 } })
  const { headers } = await withIdentity(app, ALICE)
  clock.advance(61)
  t.match(await app.inject({ url: '/oauth2/auth', headers: { ...headers, ...BROWSER } }), { statusCode: 401, headers: { location: undefined } })
  t.equal(await statusOf(app, '/oauth2/auth', { ...headers, 'sec-fetch-mode': 'cors' }), 202, 'what a page loads goes on')
  const forcing = await gate(t, { core: { force_reauthorize: true } })
  const fresh = { ...(await withIdentity(forcing.app, ALICE)).headers, ...BROWSER }
  t.equal(await statusOf(forcing.app, '/oauth2/auth', fresh), 202, 'the page that the login leads to')
  t.match(await forcing.app.inject({ url: '/oauth2/auth', headers: fresh }), { statusCode: 401, headers: { location: undefined } }, 'and no other')
})

t.test('unsafe methods of another site are refused by what a trusted proxy says', async t => {
  const server = { trustProxy: '127.0.0.1' }
  const { app } = await gate(t, { server })
  const { headers } = await withIdentity(app, ALICE)
  const foreign = { ...headers, 'sec-fetch-site': 'cross-site' }
  t.equal(await statusOf(app, '/oauth2/auth', { ...foreign, 'x-forwarded-method': 'POST' }), 403)
  t.equal(await statusOf(app, '/oauth2/auth', { ...foreign, 'x-original-method': 'delete' }), 403)
  t.equal(await statusOf(app, '/oauth2/auth', { ...foreign, 'x-forwarded-method': 'GET' }), 202)
  t.equal(await statusOf(app, '/oauth2/auth', { ...headers, 'sec-fetch-site': 'same-origin', 'x-forwarded-method': 'POST' }), 202)
  t.equal((await app.inject({ method: 'POST', url: '/oauth2/auth', headers: foreign })).statusCode, 403)
  const untrusting = await gate(t, { server: { trustProxy: '10.0.0.1' } })
  const other = await withIdentity(untrusting.app, ALICE)
  t.equal((await untrusting.app.inject({ method: 'POST', url: '/oauth2/auth', headers: { ...other.headers, 'sec-fetch-site': 'cross-site', 'x-forwarded-method': 'GET' } })).statusCode, 403, 'nobody else may say so')
})

t.test('O183, O193: the cookie of a renewed session is in the answer', async t => {
  const provider = await testProvider(t)
  const { app } = await gate(t, { provider })
  const cookie = await loginWithToken(app)
  const response = await app.inject({ url: '/oauth2/auth', headers: { cookie } })
  t.match(response, { statusCode: 202, headers: { 'cache-control': 'no-store' } })
  const renewed = cookieAfter(response, cookie)
  t.not(renewed, cookie)
  const again = await app.inject({ url: '/oauth2/auth', headers: { cookie: renewed } })
  t.match(again, { statusCode: 202, headers: { 'set-cookie': undefined } })
})

t.test('O075: an address that is not verified opens nothing', async t => {
  const { app } = await gate(t)
  const { headers } = await withIdentity(app, { sub: 'm', email: 'alice@corp.com', email_verified: false })
  t.equal(await statusOf(app, '/oauth2/auth?allowed_emails=alice@corp.com', headers), 403)
  t.equal(await statusOf(app, '/oauth2/auth?allowed_email_domains=corp.com', headers), 403)
  t.equal((await app.inject({ url: '/oauth2/auth', headers })).headers['x-auth-request-email'], undefined)
})

t.test('O024: userinfo says who, to any method, and never a token', async t => {
  const { app } = await gate(t)
  const { headers } = await withIdentity(app, { ...ALICE, email: '<a&b>@c.example' }, { accessToken: 'secret-at', idToken: 'secret.id.token' })
  const response = await app.inject({ method: 'DELETE', url: '/oauth2/userinfo?allowed_groups=none', headers })
  t.match(response, { statusCode: 200, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
  t.strictSame(response.json(), { user: 'alice', email: '<a&b>@c.example', groups: ['staff', 'ops'], preferredUsername: 'al' })
  t.notMatch(response.body, /[<>&]|secret/)
  t.match((await app.inject({ url: '/oauth2/userinfo', headers: (await withIdentity(app, { sub: 'bob' })).headers })).json(), { user: 'bob', email: '' })
  t.match(await app.inject({ url: '/oauth2/userinfo', headers: BROWSER }), { statusCode: 401, body: 'Unauthorized\n', headers: { location: undefined } })
})
