import Fastify, { type FastifyInstance } from 'fastify'
import oidc, { type OidcOptions } from 'fastify-oidc'
import t, { type Test } from 'tap'
import { withIdentity } from 'fastify-oidc-testing'

/** Nothing listens on the discard port. */
const UNREACHABLE = 'http://127.0.0.1:9/.well-known/openid-configuration'

async function start (t: Test, options: Partial<OidcOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(oidc, {
    security_profile: 'oauth2.1',
    discovery: UNREACHABLE,
    client_id: 'app',
    client_secret: 'secret',
    scope: 'openid read',
    session: { secret: 'a secret of the tests, long enough' },
    ...options
  })
  app.get('/me', async ({ oidc }) => ({ via: oidc.via, claims: oidc.claims, userinfo: oidc.userinfo, scopes: oidc.scopes, accessToken: oidc.accessToken, idToken: oidc.idToken }))
  app.get('/write', { config: { oidc: { required_scopes: ['write'] } } }, async () => 'written')
  app.get('/open', { config: { oidc: false } }, async () => 'open')
  return app
}

t.test('an identity needs no provider, and the guard sees a session', async t => {
  const app = await start(t)
  const { headers, cookie } = await withIdentity(app, { sub: 'alice', groups: ['admin'] })
  t.same(headers, { cookie })
  const response = await app.inject({ url: '/me', headers })
  t.equal(response.statusCode, 200)
  t.match(response.json(), { via: 'session', claims: { sub: 'alice', groups: ['admin'] }, userinfo: null, scopes: ['openid', 'read'], accessToken: null, idToken: null })
  t.not((await app.inject({ url: '/me' })).statusCode, 200, 'without the cookie the guard stands')
})

t.test('the real policy decides', async t => {
  const app = await start(t)
  const reader = await withIdentity(app, { sub: 'alice' })
  t.equal((await app.inject({ url: '/write', headers: reader.headers })).statusCode, 403)
  const writer = await withIdentity(app, { sub: 'alice' }, { scope: 'openid write' })
  t.equal((await app.inject({ url: '/write', headers: writer.headers })).body, 'written')
})

t.test('tokens, userinfo and scopes are what they are given as', async t => {
  const app = await start(t)
  const { headers } = await withIdentity(app, { name: 'Somebody' }, { accessToken: 'token-1', expiresIn: 60, userinfo: { sub: 'test-user', email: 'a@b.test' }, idToken: 'a.b.c', scope: 'openid' })
  t.match((await app.inject({ url: '/me', headers })).json(), { claims: { sub: 'test-user', name: 'Somebody' }, accessToken: 'token-1', idToken: 'a.b.c', userinfo: { email: 'a@b.test' }, scopes: ['openid'] })
})

t.test('an identity of one application is nobody at another', async t => {
  const app = await start(t)
  const { headers } = await withIdentity(app, { sub: 'alice' })
  for (const options of [{ client_id: 'another' }, { session: { secret: 'another secret, long enough' } }]) {
    const other = await start(t, { unauth_action: 'deny', ...options })
    t.equal((await other.inject({ url: '/me', headers })).statusCode, 401)
  }
})

t.test('an instance without fastify-oidc is an error that says so', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await t.rejects(withIdentity(app, { sub: 'alice' }), { code: 'FST_OIDC_TESTING_NO_OIDC' })
})
