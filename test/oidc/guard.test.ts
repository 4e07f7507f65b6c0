import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import oidc from 'fastify-oidc'
import { withIdentity } from 'fastify-oidc-testing'
import { createApplication, optionsFor, protectedApp } from './support.ts'

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }
const deny = { unauth_action: 'deny' } as const

const FORGED = [
  'X-Access-Token', 'X-ID-Token', 'X-Raw-ID-Token', 'X-Userinfo', 'X-Refresh-Token',
  'X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups', 'X-Forwarded-Preferred-Username', 'X-Forwarded-Access-Token',
  'X-Auth-Request-User', 'X-Auth-Request-Email', 'X-Auth-Request-Groups', 'X-Auth-Request-Preferred-Username', 'X-Auth-Request-Access-Token',
  'X-Consumer-Id', 'X-Consumer-Custom-Id', 'X-Consumer-Username', 'X-Consumer-Groups', 'X-Credential-Identifier', 'X-Authenticated-Groups', 'X-Anonymous-Consumer'
]

/** Raw lines over a socket: no client library in between that would tidy them up. */
async function rawGet (port: number, path: string, lines: readonly string[]): Promise<Record<string, string>> {
  const socket = connect(port, '127.0.0.1')
  socket.end(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`)
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => { text += part })
  await once(socket, 'close')
  return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as Record<string, string>
}

t.test('O200, O201, W7, S441: forged identity headers are gone under each spelling, on open routes too', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(offline, { unauth_action: 'pass' }))
  app.get('/guarded', async request => request.headers)
  app.get('/open', { config: { oidc: false } }, async request => request.headers)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const spellings = FORGED.flatMap(name => [name, name.toUpperCase(), name.toLowerCase(), name.replaceAll('-', '_'), name.replaceAll('-', '.'), name.replace('-', '_').toUpperCase(), name.replaceAll('-', '~'), name])
  const innocent = ['X-Forwarded-For: 10.0.0.1', 'X-Request-Id: 7', 'X-Userinfos: 1', 'XUserinfo: 2', 'My-X-Userinfo: 3', 'Accept: */*']
  for (const path of ['/guarded', '/open']) {
    for (let at = 0; at < spellings.length; at += 44) {
      const seen = await rawGet(port, path, [...spellings.slice(at, at + 44).map((name, index) => `${name}: forged ${index}`), ...innocent])
      t.strictSame(Object.keys(seen).sort(), ['accept', 'connection', 'host', 'my-x-userinfo', 'x-forwarded-for', 'x-request-id', 'x-userinfos', 'xuserinfo'], `${path} ${at}`)
    }
  }
})

// rows: access_token_in_authorization_header
t.test("a client's Authorization goes where only we say who is authorized, and stays elsewhere", async t => {
  const owning = await protectedApp(t, optionsFor(offline, { access_token_in_authorization_header: true, unauth_action: 'pass' }))
  const plain = await protectedApp(t, optionsFor(offline, { unauth_action: 'pass' }))
  const off = await protectedApp(t, optionsFor(offline, { access_token_in_authorization_header: true, set_access_token_header: false, unauth_action: 'pass' }))
  const authorization = 'Basic Zm9yZ2VkOng='
  const seenBy = async ({ app }: typeof plain): Promise<unknown> => (await app.inject({ url: '/echo/x', headers: { authorization } })).json().headers.authorization
  t.equal(await seenBy(owning), undefined)
  t.equal(await seenBy(plain), authorization)
  t.equal(await seenBy(off), authorization)
  const { headers } = await withIdentity(owning.app, { sub: 'alice' }, { accessToken: 'token-1' })
  t.strictSame((await owning.app.inject({ url: '/echo/x', headers: { ...headers, authorization } })).json().identity.authorization, 'Bearer token-1')
})

const decode = (value: string): unknown => JSON.parse(Buffer.from(value, 'base64').toString())

// rows: set_access_token_header, set_id_token_header, set_userinfo_header, set_refresh_token_header, set_raw_id_token_header
t.test('an upstream is told tokens as they are, and claims as base64 of JSON (S144)', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { set_refresh_token_header: true, set_raw_id_token_header: true }))
  const claims = { sub: 'alice', name: 'Ælfrēd „Żółć" 李 🦊', groups: [], nested: { empty: {}, list: [null, 1.5, false] }, url: 'https://a.example/b', quote: '"\\\n' }
  const cookie = await app.oidc.issueCookie({ subject: 'alice', idTokenClaims: claims, userinfo: { sub: 'alice', roles: [] }, accessToken: 'opaque/token+1=', accessTokenExpiresAt: null, cold: { refreshToken: 'refresh~1', idToken: 'a.b.c' } })
  const { identity } = (await app.inject({ url: '/echo/x', headers: { cookie } })).json() as { identity: Record<string, string> }
  t.strictSame(Object.keys(identity).sort(), ['x-access-token', 'x-id-token', 'x-raw-id-token', 'x-refresh-token', 'x-userinfo'])
  t.equal(identity['x-access-token'], 'opaque/token+1=')
  t.equal(identity['x-refresh-token'], 'refresh~1')
  t.equal(identity['x-raw-id-token'], 'a.b.c')
  t.strictSame(decode(identity['x-id-token'] ?? ''), claims)
  t.strictSame(decode(identity['x-userinfo'] ?? ''), { sub: 'alice', roles: [] }, 'an empty list stays a list')
  t.match(identity['x-id-token'], /^[A-Za-z0-9+/]+={0,2}$/, 'the standard alphabet, one line')
  t.equal((identity['x-id-token'] ?? '').length % 4, 0, 'padded')
  t.match(Buffer.from(identity['x-id-token'] ?? '', 'base64').toString(), /https:\/\/a\.example\/b/, 'slashes are not escaped')
})

// rows: set_access_token_header, access_token_in_authorization_header, set_id_token_header, set_userinfo_header, set_refresh_token_header, set_raw_id_token_header
t.test('each header has its switch, and what a session has not is not sent', async t => {
  const session = { accessToken: 'token', accessTokenExpiresAt: null, userinfo: { sub: 'a' }, cold: { refreshToken: 'refresh', idToken: 'a.b.c' } }
  const namesWith = async (options: object, change: object = {}): Promise<string[]> => {
    const { app } = await protectedApp(t, optionsFor(offline, options))
    const cookie = await app.oidc.issueCookie({ ...session, ...change })
    return Object.keys((await app.inject({ url: '/echo/x', headers: { cookie } })).json().identity as object).sort()
  }
  t.strictSame(await namesWith({}), ['x-access-token', 'x-id-token', 'x-userinfo'])
  t.strictSame(await namesWith({ set_access_token_header: false }), ['x-id-token', 'x-userinfo'])
  t.strictSame(await namesWith({ access_token_in_authorization_header: true }), ['authorization', 'x-id-token', 'x-userinfo'])
  t.strictSame(await namesWith({ set_id_token_header: false, set_userinfo_header: false }), ['x-access-token'])
  t.strictSame(await namesWith({ set_refresh_token_header: true, set_raw_id_token_header: true }), ['x-access-token', 'x-id-token', 'x-raw-id-token', 'x-refresh-token', 'x-userinfo'])
  const nothing = { accessToken: null, userinfo: null, idTokenClaims: null, cold: { refreshToken: null, idToken: null } }
  t.strictSame(await namesWith({ set_refresh_token_header: true, set_raw_id_token_header: true }, nothing), [])
})

t.test('what another site sends with a session is refused where it could change something', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, deny))
  const { headers } = await withIdentity(app, { sub: 'alice' })
  const upgrade = { upgrade: 'websocket', connection: 'Upgrade' }
  const own = 'http://localhost'
  const table: Array<['GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD' | 'OPTIONS', Record<string, string>, number]> = [
    ['POST', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
    ['POST', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 403],
    ['PUT', { origin: 'https://evil.example' }, 403],
    ['DELETE', { origin: 'null' }, 403],
    ['POST', { origin: 'http://localhost:8080' }, 403],
    ['POST', { origin: 'https://localhost' }, 403],
    ['POST', { origin: 'http://localhost.evil.example' }, 403],
    ['GET', { ...upgrade, origin: 'https://evil.example' }, 403],
    ['GET', { ...upgrade, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'websocket', origin: 'https://evil.example' }, 403],
    ['GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
    ['HEAD', { 'sec-fetch-site': 'cross-site' }, 200],
    ['OPTIONS', { origin: 'https://evil.example' }, 200],
    ['POST', { 'sec-fetch-site': 'same-origin', origin: own }, 200],
    ['POST', { 'sec-fetch-site': 'same-site', origin: 'http://other.localhost' }, 200],
    ['POST', { 'sec-fetch-site': 'none' }, 200],
    ['POST', { origin: own }, 200],
    ['POST', {}, 200],
    ['GET', { ...upgrade, origin: own }, 200],
    ['GET', upgrade, 200]
  ]
  for (const [method, more, status] of table) {
    const answer = await app.inject({ method, url: '/echo/x', headers: { host: 'localhost', ...headers, ...more } })
    t.equal(answer.statusCode, status, `${method} ${JSON.stringify(more)}`)
    if (status === 403 && !answer.body.startsWith('<')) t.match(answer.json(), { code: 'FST_OIDC_CROSS_SITE' })
  }
})

t.test('cross_site: allow is the default under apisix, and a route may say otherwise', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(offline, { security_profile: 'apisix' }))
  app.post('/', async () => 'done')
  app.post('/strict', { config: { oidc: { cross_site: 'refuse' } } }, async () => 'done')
  const { headers } = await withIdentity(app, { sub: 'alice' })
  const foreign = { ...headers, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
  t.equal((await app.inject({ method: 'POST', url: '/', headers: foreign })).statusCode, 200)
  t.equal((await app.inject({ method: 'POST', url: '/strict', headers: foreign })).statusCode, 403)
})

t.test('nobody is answered by the policy alone, from wherever it comes', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, deny))
  const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
  t.equal((await app.inject({ method: 'POST', url: '/echo/x', headers: foreign })).statusCode, 401)
})

t.test('an open route reads no cookie', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, deny))
  const { headers } = await withIdentity(app, { sub: 'alice' })
  t.strictSame((await app.inject({ url: '/open', headers })).json(), { authenticated: false })
})

// rows: realm
t.test('the answers of the guard are not kept by caches, and say nothing of the inside', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { realm: 'a "quoted\\" realm' }))
  const refused = await app.inject({ method: 'POST', url: '/echo/x' })
  t.equal(refused.statusCode, 401)
  t.equal(refused.headers['cache-control'], 'no-store')
  t.equal(refused.headers['www-authenticate'], 'Bearer realm="a \\"quoted\\\\\\" realm"')
  const down = await app.inject('/')
  t.equal(down.statusCode, 503, 'the provider is down, and a login needs it')
  t.equal(down.headers['retry-after'], '5')
  t.notMatch(down.body, /127\.0\.0\.1|ECONNREFUSED/)
})

t.test('the JSON of a refusal has the request\'s id, whatever a caller or an application makes of it, and bounded', async t => {
  const { app } = createApplication(t, { requestIdHeader: 'x-request-id' })
  await app.register(oidc, optionsFor(offline, deny))
  app.get('/', async () => 'answered')
  const requestIdOf = async (id: string): Promise<unknown> => (await app.inject({ url: '/', headers: { accept: 'application/json', 'x-request-id': id } })).json().requestId
  t.equal(await requestIdOf('"<b>'), '"<b>')
  t.equal(await requestIdOf('x'.repeat(5000)), 'x'.repeat(128))
  const numbered = createApplication(t, { genReqId: () => 7 as unknown as string })
  await numbered.app.register(oidc, optionsFor(offline, deny))
  t.match((await numbered.app.inject({ url: '/', headers: { accept: 'application/json' } })).json(), { statusCode: 401, requestId: '7' })
})
