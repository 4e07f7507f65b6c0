import t from 'tap'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, LightMyRequestResponse as Response } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { login } from 'fastify-oidc-testing'
import { createMemoryStore, createProcessCoordinator, type Session } from 'fastify-oidc-session-store'
import { createAuthority, createSigner, part, type Authority, type Claims, type Signer } from './bearer-parts.ts'
import { createApplication, optionsFor, protectedApp, testProvider, SECRET, type Application } from './support.ts'
import { now } from './session-parts.ts'

const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const script = { 'sec-fetch-mode': 'cors' }
let serial = 0

interface Scene extends Application {
  readonly authority: Authority
  readonly signer: Signer
  token (claims?: Claims, header?: Claims): Promise<string>
  send (token: string): Promise<Response>
  /** A session of alice at the provider's session s1, unless said otherwise. */
  issue (change?: Partial<Session>): Promise<string>
  status (cookie: string): Promise<number>
}

async function post (app: FastifyInstance, payload: string, type = 'application/x-www-form-urlencoded'): Promise<Response> {
  return await app.inject({ method: 'POST', url: '/backchannel', headers: { 'content-type': type }, payload })
}

async function scene (t: Parameters<typeof createApplication>[0], options: Partial<OidcPluginOptions> = {}, prepare: (app: FastifyInstance) => void = () => {}): Promise<Scene> {
  const [authority, signer] = [await createAuthority(t), await createSigner()]
  authority.keys = [signer.jwk]
  const application = createApplication(t)
  const { app } = application
  prepare(app)
  await app.register(oidc, { ...optionsFor({ discovery: authority.discovery, clientId: 'app', clientSecret: SECRET }), backchannel_logout_path: '/backchannel', ...options })
  app.get('/', async request => request.oidc.claims)
  return {
    ...application,
    authority,
    signer,
    token: async (claims = {}, header = {}) => {
      const all = { iss: authority.issuer, aud: 'app', iat: now(), exp: now() + 120, jti: `token-${serial++}`, events: EVENTS, sub: 'alice', sid: 's1', ...claims }
      return await signer.sign(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)), { typ: 'logout+jwt', ...header })
    },
    send: async token => await post(app, new URLSearchParams({ logout_token: token }).toString()),
    issue: async change => await app.oidc.issueCookie({ issuer: authority.issuer, subject: 'alice', providerSessionId: 's1', issuedAt: now() - 5, ...change }),
    status: async cookie => (await app.inject({ url: '/', headers: { cookie, ...script } })).statusCode
  }
}

t.test('a logout at the real provider ends the session here, in another browser context too', async t => {
  const { app } = createApplication(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  await app.close()
  const provider = await testProvider(t, {
    clients: [{ client_id: 'app', client_secret: SECRET, redirect_uris: ['http://localhost/callback'], post_logout_redirect_uris: [], grant_types: ['authorization_code', 'refresh_token'], backchannel_logout_uri: `http://127.0.0.1:${port}/backchannel`, backchannel_logout_session_required: true }]
  })
  const application = await protectedApp(t, { ...optionsFor({ ...provider, clientId: 'app', clientSecret: SECRET }), backchannel_logout_path: '/backchannel' } as OidcPluginOptions)
  await application.app.listen({ port, host: '127.0.0.1' })
  const one = await login(application.app)
  const two = await login(application.app)
  const alive = async ({ cookie }: { cookie: string }): Promise<number> => (await application.app.inject({ url: '/', headers: { cookie, ...script } })).statusCode
  t.strictSame([await alive(one), await alive(two)], [200, 200])
  const received = once(application.app.server, 'request')
  await one.browser.navigate(`${provider.issuer}/session/end`)
  await received
  t.equal(await alive(one), 401, 'the browser that logged out at the provider')
  t.equal(await alive(two), 200, 'another session of the same user')
  t.match(application.log.find(line => line.oidc === 'logout.backchannel'), { level: 30, msg: 'the provider ended sessions' })
})

t.test('sid ends one session, sub all of the user, and nobody else is touched', async t => {
  const { token, send, issue, status } = await scene(t)
  const [one, two, bob, elsewhere] = [await issue(), await issue({ providerSessionId: 's2' }), await issue({ subject: 'bob', providerSessionId: 's3' }), await issue({ issuer: 'https://another.example' })]
  const first = await send(await token())
  t.equal(first.statusCode, 200)
  t.equal(first.headers['cache-control'], 'no-store')
  t.equal(first.headers['set-cookie'], undefined)
  t.equal(first.body, '')
  t.strictSame(await Promise.all([one, two, bob, elsewhere].map(status)), [401, 200, 200, 200])
  t.equal((await send(await token({ sid: undefined }))).statusCode, 200)
  t.strictSame(await Promise.all([one, two, bob, elsewhere].map(status)), [401, 401, 200, 200])
})

t.test('O124: every kind of store obeys, and a store that keeps sessions says how many', async t => {
  const coordinator = createProcessCoordinator()
  const { log, token, send, issue, status } = await scene(t, {}, app => {
    app.decorate('oidcSessionStore', createMemoryStore({ coordinator }))
    app.decorate('oidcSessionCoordinator', coordinator)
  })
  const cookie = await issue()
  t.equal((await send(await token())).statusCode, 200)
  t.equal(await status(cookie), 401)
  t.match(log.find(line => line.oidc === 'logout.backchannel'), { count: 1 })
})

t.test('a token ends what is older than itself: one that comes late ends no later login', async t => {
  const { token, send, issue, status } = await scene(t)
  const [older, same, later] = [await issue({ issuedAt: now() - 10 }), await issue({ issuedAt: now() - 7 }), await issue({ issuedAt: now() - 6 })]
  t.equal((await send(await token({ iat: now() - 7 }))).statusCode, 200)
  t.strictSame(await Promise.all([older, same, later].map(status)), [401, 401, 200])
})

t.test('O124: a token is good for once, and again where the logout failed', async t => {
  let fails = true
  const store = createMemoryStore()
  const { log, token, send, issue, status } = await scene(t, {}, app => {
    app.decorate('oidcSessionStore', {
      ...store,
      revoke: async (...args: Parameters<typeof store.revoke>) => {
        if (fails) throw Object.assign(new Error('The session store cannot be reached'), { code: 'FST_OIDC_STORE_UNAVAILABLE', statusCode: 503 })
        return await store.revoke(...args)
      }
    })
  })
  const [cookie, logoutToken] = [await issue(), await token()]
  const down = await send(logoutToken)
  t.equal(down.statusCode, 503)
  t.equal(down.headers['retry-after'], '5')
  t.equal(down.headers['cache-control'], 'no-store')
  t.equal(await status(cookie), 200, 'nothing is over yet')
  fails = false
  t.equal((await send(logoutToken)).statusCode, 200)
  t.equal(await status(cookie), 401)
  const again = await send(logoutToken)
  t.equal(again.statusCode, 400)
  t.strictSame(again.json(), { error: 'invalid_request', error_description: 'The logout token does not hold' })
  t.match(log.findLast(line => line.oidc === 'logout.backchannel'), { level: 40, msg: /used before \(jti\)/ })
})

t.test('a jti is used up for the client and provider it came from alone', async t => {
  const coordinator = createProcessCoordinator()
  const share = (app: FastifyInstance): void => { app.decorate('oidcSessionCoordinator', coordinator) }
  const [own, otherProvider, otherClient] = [await scene(t, {}, share), await scene(t, {}, share), await scene(t, { client_id: 'other' }, share)]
  const cookie = await own.issue()
  const jti = 'one that all of them use'
  t.equal((await otherProvider.send(await otherProvider.token({ jti }))).statusCode, 200)
  t.equal((await otherClient.send(await otherClient.token({ jti, aud: 'other' }))).statusCode, 200)
  t.equal(await own.status(cookie), 200)
  t.equal((await own.send(await own.token({ jti }))).statusCode, 200, 'nobody else keeps a logout from us')
  t.equal(await own.status(cookie), 401)
})

const REFUSED: ReadonlyArray<{ readonly name: string, readonly claims?: Claims, readonly header?: Claims, readonly reason: RegExp }> = [
  { name: 'of another issuer', claims: { iss: 'https://issuer.evil.example' }, reason: /iss/ },
  { name: 'for another client', claims: { aud: 'another' }, reason: /aud/ },
  { name: 'without an audience', claims: { aud: undefined }, reason: /aud/ },
  { name: 'without iat', claims: { iat: undefined }, reason: /iat/ },
  { name: 'of the future', claims: { iat: now() + 3600 }, reason: /future|iat/ },
  { name: 'without exp', claims: { exp: undefined }, reason: /exp/ },
  { name: 'expired', claims: { iat: now() - 7200, exp: now() - 3600 }, reason: /exp/ },
  { name: 'without events', claims: { events: undefined }, reason: /events/ },
  { name: 'with another event', claims: { events: { 'https://example.test/other': {} } }, reason: /events/ },
  { name: 'with an event that is no object', claims: { events: { 'http://schemas.openid.net/event/backchannel-logout': 'yes' } }, reason: /events/ },
  { name: 'with events in a list', claims: { events: ['http://schemas.openid.net/event/backchannel-logout'] }, reason: /events/ },
  { name: 'with a nonce', claims: { nonce: 'n' }, reason: /nonce/ },
  { name: 'with a nonce of null', claims: { nonce: null }, reason: /nonce/ },
  { name: 'about nobody', claims: { sub: undefined, sid: undefined }, reason: /neither sub nor sid/ },
  { name: 'with an empty sid', claims: { sid: '' }, reason: /sid/ },
  { name: 'with a sid that is no text', claims: { sid: 1 }, reason: /sid/ },
  { name: 'with a sub that is no text', claims: { sub: ['alice'] }, reason: /sub/ },
  { name: 'without jti', claims: { jti: undefined }, reason: /jti/ },
  { name: 'with an empty jti', claims: { jti: '' }, reason: /jti/ },
  { name: 'that says it is an access token', header: { typ: 'at+jwt' }, reason: /typ/ },
  { name: 'larger than any', claims: { padding: 'x'.repeat(20_000) }, reason: /larger/ },
  { name: 'with a key that nobody knows', header: { kid: 'another' }, reason: /key/i }
]

t.test('O124: a token that does not hold is 400 and ends nothing', async t => {
  const { log, token, send, issue, status, signer } = await scene(t)
  const cookie = await issue()
  const forger = await createSigner('RS256', signer.kid)
  const honest = await token()
  const [, payload = ''] = honest.split('.')
  const hmac = await import('node:crypto').then(({ createHmac }) => {
    const input = `${part({ alg: 'HS256', kid: signer.kid, typ: 'logout+jwt' })}.${payload}`
    return `${input}.${createHmac('sha256', signer.pem).update(input).digest('base64url')}`
  })
  const texts: Array<readonly [string, string, RegExp]> = [
    ['signed by another', await forger.sign({ iss: 'x' }, { typ: 'logout+jwt' }), /signature/i],
    ['unsigned', `${part({ alg: 'none' })}.${payload}.`, /alg/i],
    ['signed with the public key as a secret', hmac, /alg/i],
    ['no token at all', 'nonsense', /no JWT/],
    ['empty', '', /no JWT/]
  ]
  for (const { name, claims, header, reason } of REFUSED) texts.push([name, await token(claims, header), reason])
  for (const [name, text, reason] of texts) {
    const answer = await send(text)
    t.equal(answer.statusCode, 400, name)
    t.strictSame(answer.json(), { error: 'invalid_request', error_description: 'The logout token does not hold' }, name)
    t.equal(answer.headers['cache-control'], 'no-store', name)
    t.match(String(log.findLast(line => line.oidc === 'logout.backchannel')?.msg), reason, name)
  }
  t.equal(await status(cookie), 200)
  t.notMatch(JSON.stringify(log), payload, 'no token in the log')
})

t.test('what is no form with one token is 400, and too much of it 413', async t => {
  const { app, token } = await scene(t)
  const logoutToken = await token()
  for (const [name, payload, type] of [
    ['JSON', JSON.stringify({ logout_token: logoutToken }), 'application/json'],
    ['no type', logoutToken, 'text/plain'],
    ['two tokens', `logout_token=${logoutToken}&logout_token=${logoutToken}`, undefined],
    ['another name', `token=${logoutToken}`, undefined]
  ] as const) t.equal((await post(app, payload, type)).statusCode, 400, name)
  t.equal((await post(app, `logout_token=${'x'.repeat(70_000)}`)).statusCode, 413)
  t.equal((await app.inject({ url: '/backchannel', headers: script })).statusCode, 401, 'GET is another route')
})

t.test('a provider whose keys cannot be had is 503, and the same token holds later', async t => {
  const { authority, token, send, issue, status } = await scene(t)
  const [cookie, logoutToken] = [await issue(), await token()]
  authority.failures['/jwks'] = 'reset'
  t.equal((await send(logoutToken)).statusCode, 503)
  t.equal(await status(cookie), 200)
  delete authority.failures['/jwks']
  const deadline = Date.now() + 5000
  let answer = await send(logoutToken)
  for (; answer.statusCode === 503 && Date.now() < deadline; answer = await send(logoutToken)) await sleep(100)
  t.equal(answer.statusCode, 200)
  t.equal(await status(cookie), 401)
})

t.test('tokens that anybody may send have a provider in trouble asked for its keys once in a while, not each time', async t => {
  const { authority, token, send, issue, status } = await scene(t)
  const [cookie, forged, honest] = [await issue(), await token({}, { kid: 'made-up' }), await token()]
  authority.failures['/jwks'] = { status: 500, body: '' }
  for (let round = 0; round < 20; round++) t.equal((await send(forged)).statusCode, 503)
  t.ok((authority.counts['/jwks'] ?? 0) < 10, `asked ${authority.counts['/jwks']} times`)
  delete authority.failures['/jwks']
  await sleep(1100)
  t.equal((await send(forged)).statusCode, 400)
  authority.failures['/jwks'] = { status: 500, body: '' }
  t.equal((await send(forged)).statusCode, 400, 'the keys are known')
  t.equal((await send(honest)).statusCode, 200)
  t.equal(await status(cookie), 401)
})

t.test('paths that cannot be are boot errors', async t => {
  const register = async (more: Partial<OidcPluginOptions>, prefix = ''): Promise<unknown> => {
    const { app } = createApplication(t)
    return await app.register(async scope => { await scope.register(oidc, { ...optionsFor({ discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: SECRET }), ...more }) }, { prefix }).then(() => null, error => error as unknown)
  }
  t.match(await register({ backchannel_logout_path: '/logout' }), { code: 'FST_OIDC_OPTIONS_INVALID', message: /backchannel_logout_path is the path of logout_path already/ })
  t.match(await register({ frontchannel_logout_path: '/callback' }), { message: /frontchannel_logout_path is the path of redirect_uri already/ })
  t.match(await register({ backchannel_logout_path: '/x', frontchannel_logout_path: '/x' }), { message: /frontchannel_logout_path is the path of backchannel_logout_path already/ })
  t.match(await register({ backchannel_logout_path: 'x' }), { message: /backchannel_logout_path/ })
  t.match(await register({ redirect_uri: '/a/callback', backchannel_logout_path: '/b/backchannel' }, '/a'), { code: 'FST_OIDC_PATH_OUTSIDE_SCOPE' })
  t.match(await register({ bearer_only: true, claim_validator: { audience: { match_with_client_id: true } }, backchannel_logout_path: '/x' } as Partial<OidcPluginOptions>), { message: /backchannel_logout_path must not be set with "bearer_only"/ })
})
