import t from 'tap'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { request as ask, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { withIdentity } from 'fastify-oidc-testing'
import { createApplication, optionsFor, type Application } from './support.ts'

interface Scope { teardown (run: () => unknown): void }

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }
const PERSON = { accept: 'text/html,*/*;q=0.8', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const FORGED = { 'x-userinfo': 'admin', x_forwarded_user: 'admin', 'X-Forwarded-Email': 'a@b.c', 'x-auth-request-user': 'admin', 'x-access-token': 'forged' }

/** An application that answers who it takes the caller for, at every path. */
async function mirror (t: Scope, options: Partial<OidcPluginOptions>, server: FastifyServerOptions = {}): Promise<Application> {
  const application = createApplication(t, server)
  const { app } = application
  await app.register(oidc, optionsFor(offline, { unauth_action: 'deny', ...options }))
  app.all('/*', async request => ({ sub: request.oidc.claims?.sub ?? null, via: request.oidc.via, identity: Object.keys(request.oidc.identityHeaders), headers: Object.keys(request.headers) }))
  return application
}

const statusOf = async (app: FastifyInstance, method: 'GET' | 'POST' | 'OPTIONS' | 'HEAD', url: string, headers: Record<string, string> = {}): Promise<number> => (await app.inject({ method, url, headers })).statusCode

t.test('O145, O146: who has no session passes where a rule says so, and nowhere else', async t => {
  const { app, log } = await mirror(t, { skip_auth_routes: ['GET=^/pub', 'GET!=^/(?:api|pub|private)'] })
  t.equal(await statusOf(app, 'GET', '/pub/x'), 200)
  t.equal(await statusOf(app, 'POST', '/pub/x'), 401)
  t.equal(await statusOf(app, 'GET', '/other'), 200)
  t.equal(await statusOf(app, 'GET', '/api/x'), 401)
  t.equal(await statusOf(app, 'POST', '/contact'), 401)
  t.equal(await statusOf(app, 'HEAD', '/pub/x'), 401, 'GET is not HEAD')
  t.match(log.find(({ oidc, level }) => oidc === 'opened' && level === 20), { rule: 'skip_auth_routes: GET=^/pub' })
})

t.test('GHSA-7rh7-c77v-6434, GHSA-7x63-xv5r-3p2x, GHSA-pxq7-h93f-9jrg: a route is not opened by a query, a header or a fragment', async t => {
  for (const server of [{}, { trustProxy: true }]) {
    const { app } = await mirror(t, { skip_auth_routes: ['/public'] }, server)
    t.equal(await statusOf(app, 'GET', '/public/x'), 200)
    for (const url of ['/admin?x=/public', '/admin?/public/', '/admin%23/public', '/admin%3f/public', '/public/%2e%2e/admin', '/public/..%2fadmin', '//admin/public', '/admin;/public']) t.equal(await statusOf(app, 'GET', url), 401, url)
    for (const name of ['x-forwarded-uri', 'x-original-url', 'x-original-uri', 'x-rewrite-url', 'x-forwarded-path', 'x-auth-request-redirect']) t.equal(await statusOf(app, 'GET', '/admin', { [name]: '/public/x' }), 401, name)
    t.equal(await statusOf(app, 'POST', '/admin', { 'x-http-method-override': 'OPTIONS', 'x-forwarded-method': 'OPTIONS' }), 401)
  }
})

t.test('O147: what only a socket can send is closed too', async t => {
  const { app } = await mirror(t, { skip_auth_routes: ['/public'] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const send = async (target: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.end(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    return answer.split(' ')[1] ?? ''
  }
  t.equal(await send('/public/x'), '200')
  for (const target of ['/admin#/public', '/admin/#?/public', 'http://h/public/x', 'http://h/admin/public', '/public/../admin', '//public/x', '/public\\..\\admin', '/admin/\\/public']) t.match(await send(target), /^(?:400|401|404)$/, target)
})

t.test('O152, GHSA-vjrc-mh2v-45x6: a live session is on an open request, and what a caller claims to be is not', async t => {
  const { app, log } = await mirror(t, { skip_auth_routes: ['^/pub/'], set_userinfo_header: true })
  const { headers } = await withIdentity(app, { sub: 'alice' })
  const known = (await app.inject({ url: '/pub/x', headers: { ...headers, ...FORGED } })).json<Record<string, unknown>>()
  t.match(known, { sub: 'alice', via: 'session' })
  t.notOk(log.some(({ oidc }) => oidc === 'opened'), 'no rule was asked about who may pass anyway')
  t.ok((known.identity as string[]).includes('x-id-token'))
  const unknown = (await app.inject({ url: '/pub/x', headers: FORGED })).json<Record<string, unknown>>()
  t.strictSame([unknown.sub, unknown.via, unknown.identity], [null, null, []])
  for (const { headers } of [known, unknown]) t.strictSame((headers as string[]).filter(name => name.startsWith('x')), [])
})

t.test('who would be refused passes an open path: as who they are for want of rights, else as nobody', async t => {
  const { app } = await mirror(t, {
    skip_auth_routes: ['^/pub/'],
    required_scopes: ['write'],
    scope: 'openid write',
    claim_schema: { not: { properties: { id_token: { properties: { sub: { const: 'eve' } } } } } },
    hooks: { authorize: request => request.oidc.user !== 'bob' }
  })
  const sent = async (sub: string, scope: string, more: Record<string, string> = {}, url = '/pub/x'): Promise<[number, unknown]> => {
    const { headers } = await withIdentity(app, { sub }, { scope })
    const answer = await app.inject({ method: 'POST', url, headers: { ...headers, ...more } })
    return [answer.statusCode, answer.statusCode === 200 ? answer.json<{ sub: string | null }>().sub : null]
  }
  t.strictSame(await sent('alice', 'openid'), [200, 'alice'], 'scopes')
  t.strictSame(await sent('alice', 'openid', {}, '/x'), [403, null])
  t.strictSame(await sent('bob', 'openid write'), [200, 'bob'], 'the application')
  t.strictSame(await sent('bob', 'openid write', {}, '/x'), [403, null])
  t.strictSame(await sent('eve', 'openid write'), [200, null], 'claims')
  t.strictSame(await sent('eve', 'openid write', {}, '/x'), [401, null])
  t.strictSame(await sent('alice', 'openid write', { 'sec-fetch-site': 'cross-site' }), [200, null], 'another site cannot use the session')
  t.strictSame(await sent('alice', 'openid write', { 'sec-fetch-site': 'cross-site' }, '/x'), [403, null])
})

t.test('O151: preflights pass without a session where that is written, with bearer tokens alone too', async t => {
  for (const more of [{}, { bearer_only: true, audience: 'api' }]) {
    const open = await mirror(t, { skip_auth_preflight: true, ...more })
    const closed = await mirror(t, more)
    t.strictSame([await statusOf(open.app, 'OPTIONS', '/x'), await statusOf(open.app, 'GET', '/x'), await statusOf(open.app, 'POST', '/x')], [200, 401, 401])
    t.equal(await statusOf(closed.app, 'OPTIONS', '/x'), 401)
  }
})

t.test('with bearer tokens alone an open path needs none, and a token that does not hold is refused', async t => {
  const { app } = await mirror(t, { bearer_only: true, audience: 'api', use_jwks: true, skip_auth_routes: ['^/pub/'] })
  t.equal(await statusOf(app, 'GET', '/pub/x'), 200)
  t.equal(await statusOf(app, 'GET', '/x'), 401)
  t.equal(await statusOf(app, 'GET', '/pub/x', { authorization: 'Bearer' }), 400)
  t.not(await statusOf(app, 'GET', '/pub/x', { authorization: 'Bearer not.a.token' }), 200)
})

t.test('guards that code asks for know no rules', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(offline, { skip_auth_routes: ['^/'], skip_auth_preflight: true, trusted_ips: ['127.0.0.1'] }))
  const onRequest = app.oidc.guard({ unauth_action: 'deny' })
  app.route({ method: ['GET', 'OPTIONS'], url: '/inner', config: { oidc: false }, onRequest, handler: async () => 'inner' })
  app.route({ method: ['GET', 'OPTIONS'], url: '/outer', handler: async () => 'outer' })
  t.strictSame([await statusOf(app, 'GET', '/outer'), await statusOf(app, 'OPTIONS', '/outer')], [200, 200])
  t.strictSame([await statusOf(app, 'GET', '/inner'), await statusOf(app, 'OPTIONS', '/inner')], [401, 401])
})

t.test('O153, O156: addresses that are trusted need no session', async t => {
  const { app } = await mirror(t, { trusted_ips: ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::ffff:198.51.100.0/120'] })
  const from = async (remoteAddress: string, headers: Record<string, string> = {}): Promise<number> => (await app.inject({ url: '/', remoteAddress, headers })).statusCode
  for (const address of ['10.0.0.1', '10.255.255.255', '192.0.2.7', '::ffff:10.1.2.3', '::ffff:a01:203', '2001:db8::1', '2001:0DB8:0:0:0:0:0:1', '198.51.100.9', '::ffff:198.51.100.9']) t.equal(await from(address), 200, address)
  for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::1', '127.0.0.1', '::10.0.0.1', '::a00:1', '2002:a00:1::', '64:ff9b::10.0.0.1', 'fe80::1%10.0.0.1', '010.0.0.1', '10.1', '0xa.0.0.1', '167772161', 'garbage']) t.equal(await from(address), 401, address)
  for (const name of ['x-forwarded-for', 'x-real-ip', 'forwarded', 'cf-connecting-ip', 'x-client-ip', 'true-client-ip']) t.equal(await from('203.0.113.9', { [name]: '10.0.0.1' }), 401, `O154: ${name}`)
})

t.test('O153, O154, O155, W5: behind a proxy the address is what trustProxy makes of it', async t => {
  const { app } = await mirror(t, { trusted_ips: ['10.0.0.0/8', '::1'] }, { trustProxy: ['10.9.9.9', '127.0.0.1'] })
  const via = async (forwarded: string | null, remoteAddress = '10.9.9.9'): Promise<number> => (await app.inject({ url: '/', remoteAddress, headers: forwarded === null ? {} : { 'x-forwarded-for': forwarded } })).statusCode
  t.strictSame(await Promise.all([via('10.0.0.1'), via('10.0.0.1:123'), via('[::1]:5'), via('[::1]'), via('::1'), via('203.0.113.9, 10.0.0.1')]), [200, 200, 200, 200, 200, 200])
  t.strictSame(await Promise.all([via('203.0.113.9'), via('10.0.0.1, 203.0.113.9'), via('garbage'), via('10.0.0.1:'), via('10.0.0.1:x'), via('10.0.0.1 x'), via('unknown')]), [401, 401, 401, 401, 401, 401, 401])
  t.strictSame(await Promise.all([via(null), via(''), via(' '), via(','), via(', ,')]), [401, 401, 401, 401, 401], 'a trusted proxy that does not say is not its caller')
  t.strictSame(await Promise.all([via('10.0.0.1', '203.0.113.9'), via('10.0.0.1', '11.9.9.9')]), [401, 401], 'O154: nobody else may say')
  t.equal(await via(null, '10.1.1.1'), 200)
})

t.test('a socket without addresses is no trusted address', async t => {
  const { app } = await mirror(t, { trusted_ips: ['0.0.0.0/0', '::/0'] })
  const path = join(tmpdir(), `${randomUUID()}.sock`)
  await app.listen({ path })
  const asked = ask({ socketPath: path, path: '/', headers: { 'x-forwarded-for': '10.0.0.1' } })
  asked.end()
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  answer.resume()
  t.equal(answer.statusCode, 401)
})

t.test('O143, O142: where programs ask, nobody is sent to a login or gets a page', async t => {
  const { app } = await mirror(t, { unauth_action: 'auth', api_routes: ['^/api', '[?&]format=json'], required_scopes: ['write'], scope: 'openid write' })
  const { headers: reader } = await withIdentity(app, { sub: 'r' }, { scope: 'openid' })
  for (const url of ['/api', '/api/x', '/x?format=json']) {
    const answer = await app.inject({ url, headers: PERSON })
    t.match(answer, { statusCode: 401, headers: { 'content-type': /json/, 'cache-control': 'no-store', location: undefined } }, url)
    t.match(await app.inject({ url, headers: { ...PERSON, ...reader } }), { statusCode: 403, headers: { 'content-type': /json/ } })
  }
  t.equal(await statusOf(app, 'GET', '/other', PERSON), 503, 'another path is sent to the provider, and there is none')
  t.match((await app.inject({ url: '/other', headers: { ...PERSON, ...reader } })).headers['content-type'], /html/)
  t.equal(await statusOf(app, 'GET', '/other', { accept: 'application/json' }), 401, 'O142: who asks for JSON is no navigation')
})

t.test('O144: force_json_errors is that for every path', async t => {
  const { app } = await mirror(t, { unauth_action: 'auth', force_json_errors: true, required_scopes: ['write'], scope: 'openid write' })
  const { headers: reader } = await withIdentity(app, { sub: 'r' }, { scope: 'openid' })
  t.match(await app.inject({ url: '/', headers: PERSON }), { statusCode: 401, headers: { 'content-type': /json/ } })
  t.match(await app.inject({ url: '/', headers: { ...PERSON, ...reader } }), { statusCode: 403, headers: { 'content-type': /json/ } })
})

t.test('a login that is due again does not send programs away', async t => {
  const { app } = await mirror(t, { unauth_action: 'auth', force_reauthorize: true, api_routes: ['^/api'] })
  const { headers } = await withIdentity(app, { sub: 'alice' })
  t.equal(await statusOf(app, 'GET', '/api/x', { ...PERSON, ...headers }), 200)
  t.equal(await statusOf(app, 'GET', '/x', { ...PERSON, ...headers }), 200, 'the page that the login led to')
  t.equal(await statusOf(app, 'GET', '/x', { ...PERSON, ...headers }), 503)
  t.equal(await statusOf(app, 'GET', '/api/x', { ...PERSON, ...headers }), 200)
})

t.test('routes() lists the rules that may open a route, and the log says which are wide', async t => {
  const { app, log } = createApplication(t)
  await app.register(oidc, optionsFor(offline, { skip_auth_routes: ['^/pub', 'POST=^/x', '.*', 'GET=^/', '!=^/api', '^/$'], skip_auth_preflight: true, trusted_ips: ['10.0.0.0/8', '::/0'] }))
  for (const url of ['/pub', '/api', '/x/:id']) app.get(url, { exposeHeadRoute: false }, async () => '')
  app.get('/open', { config: { oidc: false } }, async () => '')
  app.options('/api', async () => '')
  await app.ready()
  const find = (method: string, url: string): readonly string[] | undefined => app.oidc.routes().find(route => route.method === method && route.url === url)?.openedBy
  const trusted = 'trusted_ips: 10.0.0.0/8, ::/0'
  const name = (rule: string): string => `skip_auth_routes: ${rule}`
  t.strictSame(find('GET', '/pub'), [...['^/pub', '.*', 'GET=^/', '!=^/api'].map(name), trusted])
  t.strictSame(find('GET', '/api'), [...['.*', 'GET=^/'].map(name), trusted])
  t.strictSame(find('OPTIONS', '/api'), ['skip_auth_preflight', name('.*'), trusted])
  t.strictSame(find('GET', '/x/:id'), [...['^/pub', '.*', 'GET=^/', '!=^/api', '^/$'].map(name), trusted], 'any, where the path has parts that vary')
  t.strictSame(find('GET', '/open'), [])
  t.strictSame(log.filter(({ oidc, level }) => oidc === 'opened' && level === 40).map(({ msg }) => String(msg).split(',')[0]), [
    'skip_auth_routes has .*',
    'skip_auth_routes has GET=^/',
    'skip_auth_routes has !=^/api',
    'trusted_ips has ::/0'
  ])
})
