import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { withIdentity } from 'fastify-oidc-testing'
import type { OidcPluginOptions } from 'fastify-oidc'
import { gate, statusOf } from './parts.ts'

interface Scope { teardown (run: () => unknown): void }

/** Proxies on this machine are believed. */
async function behindProxy (t: Scope, core: Partial<OidcPluginOptions>): Promise<{ readonly app: FastifyInstance, readonly ask: (uri: string | null, more?: Record<string, string>) => Promise<number> }> {
  const { app } = await gate(t, { core, server: { trustProxy: '127.0.0.1' } })
  return { app, ask: async (uri, more = {}) => await statusOf(app, '/oauth2/auth', { ...uri === null ? {} : { 'x-forwarded-uri': uri }, ...more }) }
}

t.test('O140: the path that a trusted proxy asks about is open where a rule says so', async t => {
  const { app, ask } = await behindProxy(t, { skip_auth_routes: ['^/public/'] })
  const open = await app.inject({ url: '/oauth2/auth', headers: { 'x-forwarded-uri': '/public/x?y=z' } })
  t.match(open, { statusCode: 202, body: '', headers: { 'cache-control': 'no-store', 'gap-auth': undefined, 'x-auth-request-user': undefined } })
  t.equal(await ask('/x'), 401)
  t.equal(await statusOf(app, '/oauth2/userinfo', { 'x-forwarded-uri': '/public/x' }), 401, 'who somebody is has no open path')
})

t.test('O148, W2, W3, GHSA-7rh7-c77v-6434, GHSA-pxq7-h93f-9jrg: another path is not open by any spelling', async t => {
  const { ask } = await behindProxy(t, { skip_auth_routes: ['^/public/'] })
  for (const uri of ['/public/%2e%2e/admin', '/public/../admin', '/public/..%2fadmin', '//admin/public/x', '/public%2f..%2fadmin', 'http://h/public/x', '/admin?x=/public/', '/admin%23/public/', '/public/x#/admin', '/public/x%23', '/public/;/admin', '/public/..;/admin', '/public\\..\\admin', '/public/%252e%252e/admin', '/public/x, /admin', '/%2fpublic/x', '/public//x', 'public/x', '', '/public/%00', `/public/${'x'.repeat(4000)}`]) t.equal(await ask(uri), 401, uri)
})

t.test('GHSA-7x63-xv5r-3p2x: nobody but a trusted proxy may say what is asked for', async t => {
  const core = { skip_auth_routes: ['^/public/'], skip_auth_preflight: true, trusted_ips: ['10.0.0.0/8'] }
  const spoofed = { 'x-forwarded-uri': '/public/x', 'x-forwarded-method': 'OPTIONS', 'x-original-method': 'OPTIONS', 'x-forwarded-for': '10.0.0.1', 'x-real-ip': '10.0.0.1', 'x-original-url': 'http://h/public/x', 'x-original-uri': '/public/x' }
  for (const trustProxy of [false, '10.9.9.9']) {
    const { app } = await gate(t, { core, server: { trustProxy } })
    t.equal(await statusOf(app, '/oauth2/auth', spoofed), 401, String(trustProxy))
    t.equal(await statusOf(app, '/admin', { ...spoofed, 'sec-fetch-mode': 'cors' }), 401, 'nor for its own paths')
  }
  const { app } = await behindProxy(t, { skip_auth_routes: ['^/public/'] })
  t.equal(await statusOf(app, '/admin', { ...spoofed, 'sec-fetch-mode': 'cors' }), 401, 'not even a trusted proxy, for paths that are served here')
})

t.test('O149, W4: a rule for a method is held against what the proxy says, not against its own GET', async t => {
  const { ask } = await behindProxy(t, { skip_auth_routes: ['GET=^/x', 'GET!=^/(?:x|api)'] })
  t.equal(await ask('/x', { 'x-forwarded-method': 'GET' }), 202)
  t.equal(await ask('/x', { 'x-original-method': 'get' }), 202)
  t.equal(await ask('/x', { 'x-forwarded-method': 'POST' }), 401)
  t.equal(await ask('/x'), 401, 'one that is not said is not known')
  t.equal(await ask('/y'), 401)
  t.equal(await ask('/y', { 'x-forwarded-method': 'GET' }), 202)
  t.equal(await ask('/api', { 'x-forwarded-method': 'GET' }), 401)
})

t.test('O150, W18: a request without a path is not open, and the path of the endpoint is not what is asked for', async t => {
  const { ask } = await behindProxy(t, { skip_auth_routes: ['!=^/api', '^/oauth2/auth', 'GET=^/oauth2/'] })
  t.equal(await ask(null), 401)
  t.equal(await ask(null, { 'x-forwarded-method': 'GET' }), 401)
  t.equal(await ask('/other'), 202)
  t.equal(await ask('/API/x'), 401)
})

t.test('O151: a preflight is open when the proxy says that it is one', async t => {
  const { app, ask } = await behindProxy(t, { skip_auth_preflight: true })
  t.equal(await ask('/x', { 'x-forwarded-method': 'OPTIONS' }), 202)
  t.equal(await ask('/x', { 'x-forwarded-method': 'POST' }), 401)
  t.equal((await app.inject({ method: 'OPTIONS', url: '/oauth2/auth', headers: { 'x-forwarded-uri': '/x' } })).statusCode, 401)
})

t.test('O139, O155, W5: a trusted address is the one that the proxy asks for', async t => {
  const { app, ask } = await behindProxy(t, { trusted_ips: ['10.0.0.0/8', '127.0.0.0/8'] })
  const open = await app.inject({ url: '/oauth2/auth', headers: { 'x-forwarded-for': '10.0.0.1' } })
  t.match(open, { statusCode: 202, headers: { 'gap-auth': undefined, 'x-auth-request-user': undefined } })
  t.equal(await ask('/x', { 'x-forwarded-for': '203.0.113.9' }), 401)
  t.equal(await ask('/x', { 'x-forwarded-for': '10.0.0.1, 203.0.113.9' }), 401)
  t.equal(await ask('/x'), 401, 'the address of the proxy itself is not')
})

t.test('O152: who is signed in is answered as who they are on an open path too, and constraints hold', async t => {
  const core = { skip_auth_routes: ['^/public/'], required_scopes: ['read'], scope: 'openid read', claim_schema: { not: { properties: { id_token: { properties: { sub: { const: 'eve' } } } } } } }
  const { app } = await behindProxy(t, core)
  const auth = async (sub: string, { scope = 'openid read', query = '', uri = '/public/x' } = {}): Promise<unknown[]> => {
    const { headers } = await withIdentity(app, { sub, groups: ['staff'] }, { scope })
    const answer = await app.inject({ url: `/oauth2/auth${query}`, headers: { ...headers, 'x-forwarded-uri': uri } })
    return [answer.statusCode, answer.headers['gap-auth']]
  }
  t.strictSame(await auth('alice'), [202, 'alice'])
  t.strictSame(await auth('alice', { query: '?allowed_groups=staff' }), [202, 'alice'])
  t.strictSame(await auth('alice', { query: '?allowed_groups=other' }), [403, undefined])
  t.strictSame(await auth('eve'), [202, undefined], 'whose claims do not hold is nobody')
  t.strictSame(await auth('eve', { uri: '/x' }), [401, undefined])
})
