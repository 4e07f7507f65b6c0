import t from 'tap'
import type { FastifyRequest } from 'fastify'
import type { LoginFacts, OidcHooks, OidcPluginOptions } from 'fastify-oidc'
import oidc from 'fastify-oidc'
import { login, withIdentity } from 'fastify-oidc-testing'
import { createApplication, optionsFor, protectedApp, testProvider } from './support.ts'
import { cookieAfter, loginWithToken, lyingProvider, setCookies, storedOf } from './session-parts.ts'

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }
const withHooks = (options: OidcPluginOptions, hooks: OidcHooks<FastifyRequest>): OidcPluginOptions => ({ ...options, hooks })

t.test('onLogin sees who logs in, and lets them', async t => {
  const provider = await testProvider(t)
  const seen: LoginFacts[] = []
  const { app } = await protectedApp(t, withHooks(optionsFor(provider, { scope: 'openid email profile' }), { onLogin: async facts => { seen.push(facts) } }))
  const { response, cookie } = await login(app)
  t.equal(response.status, 200)
  t.equal(seen.length, 1)
  t.match(seen[0], { claims: { sub: 'alice' }, userinfo: { sub: 'alice', email: 'alice@example.test' } })
  t.equal(seen[0]?.sessionId, (await storedOf(app, cookie)).session.id)
})

t.test('a login that onLogin refuses is 403 without a session, and its reason is for the log', async t => {
  const provider = await testProvider(t)
  for (const thrown of [new Error('alice is on the secret list'), 'alice is on the secret list']) {
    const { app, log } = await protectedApp(t, withHooks(optionsFor(provider), { onLogin () { throw thrown } }))
    const { response, browser } = await login(app)
    t.equal(response.status, 403)
    t.match(response.body, /FST_OIDC_LOGIN_REFUSED/)
    t.notMatch(response.body, /secret list/)
    t.match(log.find(line => line.oidc === 'login.failed'), { level: 40, code: 'FST_OIDC_LOGIN_REFUSED' })
    t.match(JSON.stringify(log), /secret list/)
    t.strictSame(browser.cookies('http://localhost/'), [], 'neither a session nor the attempt is left')
  }
})

t.test('selectClaims decides what the session keeps, at the login and at each renewal', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ idTokenClaims: { address: 'a long one', role: 'editor' } })
  const { app } = await protectedApp(t, withHooks(optionsFor(provider), { selectClaims: ({ sub, role }) => ({ sub, role }) }))
  const cookie = await loginWithToken(app)
  t.strictSame((await storedOf(app, cookie)).session.idTokenClaims, { sub: 'alice', role: 'editor' })
  provider.lie({ idTokenClaims: { address: 'another', role: 'admin' } })
  const renewed = cookieAfter(await app.inject({ url: '/', headers: { cookie } }), cookie)
  t.equal(provider.count('refresh'), 1)
  t.strictSame((await storedOf(app, renewed)).session.idTokenClaims, { sub: 'alice', role: 'admin' })
})

t.test('selectClaims that refuses what a renewal brings ends the session', async t => {
  const provider = await lyingProvider(t)
  const selectClaims: NonNullable<OidcHooks['selectClaims']> = claims => {
    if (claims.role === 'none') throw new Error('no role left')
    return claims
  }
  const { app, log } = await protectedApp(t, withHooks(optionsFor(provider), { selectClaims }))
  const cookie = await loginWithToken(app)
  provider.lie({ idTokenClaims: { role: 'none' } })
  const answer = await app.inject({ method: 'POST', url: '/echo/x', headers: { cookie } })
  t.equal(answer.statusCode, 401)
  t.notOk(cookieAfter(answer, cookie).includes('oidc='))
  t.match(JSON.stringify(log.find(line => line.oidc === 'session.over')), /no role left/)
})

t.test('authorize has the last word where the policy lets somebody pass', async t => {
  const { app } = createApplication(t)
  const asked: Array<string | null> = []
  await app.register(oidc, withHooks(optionsFor(offline, { unauth_action: 'pass' }), {
    authorize: async request => { asked.push(request.oidc.sessionId); return request.oidc.claims?.sub !== 'mallory' }
  }))
  app.get('/', async () => 'answered')
  app.get('/scoped', { config: { oidc: { required_scopes: ['write'] } } }, async () => 'answered')
  const { headers: alice } = await withIdentity(app, { sub: 'alice' })
  const { headers: mallory } = await withIdentity(app, { sub: 'mallory' })
  t.equal((await app.inject({ url: '/', headers: alice })).statusCode, 200)
  const refused = await app.inject({ url: '/', headers: { ...mallory, 'sec-fetch-mode': 'cors' } })
  t.equal(refused.statusCode, 403)
  t.match(refused.json(), { code: 'FST_OIDC_FORBIDDEN' })
  t.equal(setCookies(refused).length, 0, 'the session is kept')
  t.equal((await app.inject('/')).statusCode, 200, 'nobody is not asked for')
  t.equal((await app.inject({ url: '/scoped', headers: alice })).statusCode, 403)
  t.equal(asked.length, 2)
})

t.test('authorize that fails lets nobody pass', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, withHooks(optionsFor(offline), { authorize () { throw new Error('the directory is down') } }))
  app.get('/', async () => 'answered')
  const { headers } = await withIdentity(app, { sub: 'alice' })
  const answer = await app.inject({ url: '/', headers })
  t.equal(answer.statusCode, 500)
  t.not(answer.body, 'answered')
})

t.test('onLogout is told once who has gone', async t => {
  const provider = await testProvider(t)
  const gone: unknown[] = []
  const { app } = await protectedApp(t, withHooks(optionsFor(provider), { onLogout: async session => { gone.push(session) } }))
  const { browser, cookie } = await login(app)
  const { session } = await storedOf(app, cookie)
  await browser.navigate('http://localhost/logout', { follow: false })
  await browser.navigate('http://localhost/logout', { follow: false })
  t.strictSame(gone, [{ sessionId: session.id, subject: 'alice' }])
})

t.test('onLogout that fails does not keep anybody logged in', async t => {
  const provider = await testProvider(t)
  const { app, log } = await protectedApp(t, withHooks(optionsFor(provider), { onLogout () { throw new Error('the audit is down') } }))
  const { browser, cookie } = await login(app)
  await browser.navigate('http://localhost/logout', { follow: false })
  t.strictSame(browser.cookies('http://localhost/'), [], 'the cookie is gone')
  t.equal((await app.inject({ method: 'POST', url: '/echo/x', headers: { cookie } })).statusCode, 401, 'and a copy of it is dead')
  t.match(JSON.stringify(log), /the audit is down/)
})

t.test('hooks that are not known, or no functions, stop the boot together with other mistakes', async t => {
  const { app } = createApplication(t)
  const options = { ...optionsFor(offline, { unauth_action: 'maybe' as never }), hooks: { onLogni () {}, authorize: true } as never }
  await t.rejects(async () => { await app.register(oidc, options) }, {
    code: 'FST_OIDC_OPTIONS_INVALID',
    message: /unauth_action must be one of[^]*hooks\.onLogni is not a known hook; did you mean onLogin\?[^]*hooks\.authorize must be a function/
  })
})
