import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import oidc, { type OidcOptions } from 'fastify-oidc'
import t, { type Test } from 'tap'
import { Browser, createTestProvider, login, type TestProvider, type TestProviderOptions } from 'fastify-oidc-testing'

async function start (t: Test, { provider: providerOptions, oidc: options, server }: { provider?: TestProviderOptions, oidc?: Partial<OidcOptions>, server?: FastifyServerOptions } = {}): Promise<{ app: FastifyInstance, provider: TestProvider }> {
  const provider = await createTestProvider(providerOptions ?? { autoLogin: 'alice' })
  const app = Fastify({ forceCloseConnections: true, ...server })
  t.teardown(async () => { await app.close(); await provider.close() })
  await app.register(oidc, {
    security_profile: 'oauth2.1',
    discovery: provider.discovery,
    client_id: provider.clientId,
    client_secret: provider.clientSecret,
    scope: 'openid profile email groups',
    session: { secret: 'a secret of the tests, long enough' },
    ...options
  })
  app.get('/me', async request => ({ sub: request.oidc.claims?.sub ?? null, url: request.url }))
  app.get('/scoped', { config: { oidc: { required_scopes: ['of:nobody'] } } }, async () => 'never')
  return { app, provider }
}

t.test('a login through inject needs no port and answers with what was asked for', async t => {
  const { app, provider } = await start(t)
  const { response, cookie, browser } = await login(app, { path: '/me?x=1' })
  t.equal(response.status, 200)
  t.same(JSON.parse(response.body), { sub: 'alice', url: '/me?x=1' })
  t.notOk(app.server.listening)
  t.same((await app.inject({ url: '/me', headers: { cookie } })).json(), { sub: 'alice', url: '/me' }, 'the cookie serves further requests')
  t.equal((await browser.fetch(`${response.url.origin}/me`)).status, 200, 'and so does the browser')
  t.equal(provider.count('POST /token'), 1)
})

t.test('a user is chosen where everybody would be somebody else, and in the forms', async t => {
  const { app } = await start(t)
  t.match(JSON.parse((await login(app, { path: '/me', user: 'bob' })).response.body), { sub: 'bob' })
  t.match(JSON.parse((await login(app, { path: '/me' })).response.body), { sub: 'alice' }, 'the next one is the usual one again')
  const forms = await start(t, { provider: {} })
  t.match(JSON.parse((await login(forms.app, { path: '/me', user: 'bob' })).response.body), { sub: 'bob' })
  t.match(JSON.parse((await login(forms.app, { path: '/me' })).response.body), { sub: 'alice' })
})

t.test('the login begins on the host of an absolute redirect URI', async t => {
  const { app } = await start(t, { oidc: { redirect_uri: 'https://app.example.test:8443/callback' }, server: { trustProxy: true } })
  const { response, cookie } = await login(app, { path: '/me' })
  t.equal(response.url.href, 'https://app.example.test:8443/me')
  t.equal(response.status, 200)
  t.match(cookie, /^__Host-/, 'over https the cookies have the prefix')
})

t.test('over HTTP, with the origin of an application that listens', async t => {
  const { app } = await start(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const { response, cookie } = await login(app, { path: '/me', origin })
  t.equal(response.url.href, `${origin}/me`)
  t.equal((await fetch(`${origin}/me`, { headers: { cookie } })).status, 200)
})

t.test('a browser that has been at the provider is not asked again', async t => {
  const { app, provider } = await start(t, { provider: {} })
  const browser = new Browser()
  await login(app, { path: '/me', user: 'bob', browser })
  const { response } = await login(app, { path: '/me', browser })
  t.match(JSON.parse(response.body), { sub: 'bob' })
  t.equal(provider.count('POST /token'), 1, 'the session still lives')
})

t.test('what the policy refuses after the login is the answer', async t => {
  const { app } = await start(t)
  const { response } = await login(app, { path: '/scoped' })
  t.equal(response.status, 403)
})

t.test('a login that does not come back says where it stopped, without codes', async t => {
  const { app } = await start(t, { provider: {} })
  await t.rejects(login(app, { path: '/me', user: 'mallory' }), { code: 'FST_OIDC_TESTING_LOGIN_INCOMPLETE', message: /\/interaction\/[^?]+ 401$/ })
})
