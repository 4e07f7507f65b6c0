import t from 'tap'
import Fastify, { type FastifyInstance } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { claimsFor, createAuthority, createSigner } from './bearer-parts.ts'
import { createApplication, SECRET } from './support.ts'

const RESOURCE = 'https://api.example.com/mcp'
const AT = '/.well-known/oauth-protected-resource'
const METADATA = `https://api.example.com${AT}/mcp`

const signer = await createSigner()
const authority = await createAuthority(t)
authority.keys = [signer.jwk]

const base = { client_id: 'api', client_secret: 'secret of the api', discovery: authority.discovery, bearer_only: true, use_jwks: true }
const options = (more: object = {}): OidcPluginOptions => ({ ...base, resource_metadata: { resource: RESOURCE }, ...more }) as OidcPluginOptions
const token = async (claims: object = {}): Promise<string> => await signer.sign(claimsFor(authority, { aud: RESOURCE, ...claims }))

async function serve (t: Tap, more: object = {}): Promise<FastifyInstance> {
  const { app } = createApplication(t)
  await app.register(oidc, options(more))
  app.get('/mcp', async () => 'mcp')
  app.post('/mcp/write', { config: { oidc: { required_scopes: ['write', 'read'] } } }, async () => 'written')
  app.get('/mcp/either', { config: { oidc: { required_scopes: { all_of: ['read'], any_of: ['write', 'admin'], none_of: ['guest'] } } } }, async () => 'either')
  app.get('/open', { config: { oidc: false } }, async () => 'open')
  return app
}

type Tap = { teardown (run: () => unknown): void }

t.test('the metadata of a resource are public, at the path that is inserted', async t => {
  const app = await serve(t, { required_scopes: ['read'] })
  const answer = await app.inject({ url: `${AT}/mcp` })
  t.equal(answer.statusCode, 200)
  t.strictSame(answer.json(), { resource: RESOURCE, bearer_methods_supported: ['header'], authorization_servers: [authority.issuer], scopes_supported: ['read', 'write', 'admin'] })
  t.match(answer.headers, { 'access-control-allow-origin': '*', 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
  t.equal((await app.inject({ method: 'HEAD', url: `${AT}/mcp` })).statusCode, 200)
  const preflight = await app.inject({ method: 'OPTIONS', url: `${AT}/mcp`, headers: { origin: 'https://client.example', 'access-control-request-method': 'GET', 'access-control-request-headers': 'mcp-protocol-version' } })
  t.match(preflight, { statusCode: 204, headers: { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, HEAD, OPTIONS', 'access-control-allow-headers': '*' } })
  t.equal((await app.inject({ url: AT })).statusCode, 401, 'the root belongs to another resource, and is guarded like any path')
})

t.test('a resource without a path has its metadata at the root, and takes its audience with and without the slash', async t => {
  const app = await serve(t, { resource_metadata: { resource: 'https://api.example.com' } })
  t.equal((await app.inject({ url: AT })).json().resource, 'https://api.example.com')
  for (const aud of ['https://api.example.com', 'https://api.example.com/']) t.equal((await app.inject({ url: '/mcp', headers: { authorization: `Bearer ${await token({ aud })}` } })).statusCode, 200, aud)
})

t.test('what is written goes before what is derived', async t => {
  const written = { resource: RESOURCE, authorization_servers: ['https://login.example.com'], scopes_supported: ['tools'], resource_name: 'Tools', resource_documentation: 'https://example.com/docs', resource_policy_uri: 'https://example.com/policy', resource_tos_uri: 'https://example.com/tos' }
  const app = await serve(t, { resource_metadata: written })
  t.strictSame((await app.inject({ url: `${AT}/mcp` })).json(), { ...written, bearer_methods_supported: ['header'] })
  const { app: nameless } = createApplication(t)
  await nameless.register(oidc, options())
  t.notOk('scopes_supported' in (await nameless.inject({ url: `${AT}/mcp` })).json(), 'where no scopes are required none are named')
})

t.test('each challenge says where the metadata are, and all scopes that are needed', async t => {
  const app = await serve(t)
  const challenge = async (request: { method?: 'GET' | 'POST', url: string }, given: string | null): Promise<[number, unknown]> => {
    const { statusCode, headers } = await app.inject({ ...request, headers: given === null ? {} : { authorization: `Bearer ${given}` } })
    return [statusCode, headers['www-authenticate']]
  }
  const write = { method: 'POST' as const, url: '/mcp/write' }
  t.strictSame(await challenge({ url: '/mcp' }, null), [401, `Bearer realm="apisix", resource_metadata="${METADATA}"`])
  t.strictSame(await challenge(write, null), [401, `Bearer realm="apisix", scope="write read", resource_metadata="${METADATA}"`])
  t.strictSame(await challenge(write, 'nonsense'), [401, `Bearer realm="apisix", error="invalid_token", error_description="The access token is not valid", scope="write read", resource_metadata="${METADATA}"`])
  t.strictSame(await challenge(write, await token({ scope: 'read' })), [403, `Bearer realm="apisix", error="insufficient_scope", scope="write read", resource_metadata="${METADATA}"`])
  t.strictSame(await challenge({ url: '/mcp/either' }, await token({ scope: 'openid' })), [403, `Bearer realm="apisix", error="insufficient_scope", scope="read write", resource_metadata="${METADATA}"`], 'of alternatives the first')
  t.strictSame(await challenge({ url: '/nowhere' }, null), [401, `Bearer realm="apisix", resource_metadata="${METADATA}"`])
})

t.test('the challenge of a guard names what a token needs for the guard and for the route', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, options({ resource_metadata: ['/mcp', '/other'].map(path => ({ resource: `https://api.example.com${path}` })) }))
  const onRequest = app.oidc.guard({ required_scopes: { any_of: ['admin', 'write'] } })
  app.get('/mcp', { config: { oidc: { required_scopes: ['read'] } }, onRequest }, async () => 'guarded twice')
  app.get('/other', { config: { oidc: false }, onRequest }, async () => 'guarded')
  const ask = async (url: string, claims: object | null): Promise<[number, unknown]> => {
    const { statusCode, headers } = await app.inject({ url, headers: claims === null ? {} : { authorization: `Bearer ${await token(claims)}` } })
    return [statusCode, headers['www-authenticate']]
  }
  const [mcp, other] = [METADATA, METADATA.replace('/mcp', '/other')]
  t.strictSame(await ask('/mcp', null), [401, `Bearer realm="apisix", scope="read", resource_metadata="${mcp}"`], 'the route is asked first')
  t.strictSame(await ask('/mcp', { scope: 'read' }), [403, `Bearer realm="apisix", error="insufficient_scope", scope="read admin", resource_metadata="${mcp}"`])
  t.strictSame(await ask('/mcp', { scope: 'read write' }), [200, undefined])
  const aud = 'https://api.example.com/other'
  t.strictSame(await ask('/other', null), [401, `Bearer realm="apisix", scope="admin", resource_metadata="${other}"`])
  t.strictSame(await ask('/other', { aud, scope: 'read' }), [403, `Bearer realm="apisix", error="insufficient_scope", scope="admin", resource_metadata="${other}"`])
  t.strictSame(await ask('/other', { aud, scope: 'admin' }), [200, undefined], 'for the resource that the route belongs to')
  t.equal((await ask('/other', { scope: 'admin' }))[0], 403, 'and for no other')
})

t.test('a token for another audience is refused, whatever the profile', async t => {
  for (const profile of ['apisix', 'oauth2.1']) {
    const app = await serve(t, { security_profile: profile })
    const status = async (aud: unknown): Promise<number> => (await app.inject({ url: '/mcp', headers: { authorization: `Bearer ${await token({ aud })}` } })).statusCode
    t.strictSame(await Promise.all([RESOURCE, ['x', RESOURCE], 'https://api.example.com/mcp/', 'https://api.example.com', 'https://API.example.com/mcp', 'other', undefined].map(status)), [200, 200, 403, 403, 403, 403, 403], profile)
  }
})

t.test('an audience that is written is the one that tokens need; who must not be named is no such', async t => {
  const status = async (app: FastifyInstance, aud: unknown): Promise<number> => (await app.inject({ url: '/mcp', headers: { authorization: `Bearer ${await token({ aud })}` } })).statusCode
  const other = await serve(t, { audience: 'api://guid' })
  t.strictSame([await status(other, 'api://guid'), await status(other, RESOURCE)], [200, 403])
  const except = await serve(t, { audience: { none_of: ['admin'] } })
  t.strictSame([await status(except, RESOURCE), await status(except, [RESOURCE, 'admin']), await status(except, 'x')], [200, 403, 403])
  const { app } = createApplication(t)
  await app.register(oidc, options())
  app.get('/mcp', { config: { oidc: { audience: { none_of: ['admin'] } } } }, async () => 'mcp')
  t.strictSame([await status(app, RESOURCE), await status(app, [RESOURCE, 'admin']), await status(app, 'x')], [200, 403, 403], 'of a route as well')
})

t.test('of several resources each route belongs to the one that it is below, else to the first', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, options({ resource_metadata: ['', '/a', '/a/deep'].map(path => ({ resource: `https://api.example.com${path}` })) }))
  const paths = ['/', '/a', '/a/x', '/ab', '/a/deep/*', '/A']
  for (const url of paths) app.get(url, { config: { oidc: { required_scopes: [`of:${url}`] } } }, async () => url)
  t.strictSame(app.oidc.routes().filter(({ method, policy }) => method === 'GET' && policy !== null).map(({ url, resource }) => [url, resource]), [
    ['/', 'https://api.example.com'],
    ['/a', 'https://api.example.com/a'],
    ['/a/x', 'https://api.example.com/a'],
    ['/ab', 'https://api.example.com'],
    ['/a/deep/*', 'https://api.example.com/a/deep'],
    ['/A', 'https://api.example.com']
  ])
  const metadata = await Promise.all(['', '/a', '/a/deep'].map(async path => (await app.inject({ url: AT + path })).json()))
  t.strictSame(metadata.map(({ resource, scopes_supported: scopes }) => [resource, scopes]), [
    ['https://api.example.com', ['of:/', 'of:/ab', 'of:/A']],
    ['https://api.example.com/a', ['of:/a', 'of:/a/x']],
    ['https://api.example.com/a/deep', ['of:/a/deep/*']]
  ])
  const authorization = `Bearer ${await token({ aud: 'https://api.example.com/a', scope: 'of:/a of:/ of:/a/deep/*' })}`
  const statuses = await Promise.all(['/a', '/', '/a/deep/x'].map(async url => (await app.inject({ url, headers: { authorization } })).statusCode))
  t.strictSame(statuses, [200, 403, 403], 'a token for one does not open another')
  t.match((await app.inject({ url: '/a/deep/x' })).headers['www-authenticate'], `resource_metadata="https://api.example.com${AT}/a/deep"`)
})

t.test('sessions and their routes go on beside it', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, options({ bearer_only: false, security_profile: 'oauth2.1', session: { secret: SECRET } }))
  app.get('/mcp', async request => request.oidc.via)
  const session = await app.oidc.issueCookie({ subject: 'alice' })
  t.equal((await app.inject({ url: '/mcp', headers: { cookie: session } })).body, 'session', 'whose audience is this client')
  t.equal((await app.inject({ url: '/mcp', headers: { authorization: `Bearer ${await token()}` } })).body, 'bearer')
  t.equal((await app.inject({ url: '/mcp', headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' } })).statusCode, 302, 'a person logs in')
})

t.test('a provider that is down makes the metadata 503, and a key with its issuers needs none', async t => {
  const down = await serve(t, { discovery: 'http://127.0.0.1:1/.well-known/openid-configuration' })
  t.match(await down.inject({ url: `${AT}/mcp` }), { statusCode: 503, headers: { 'retry-after': '5', 'access-control-allow-origin': '*' } })
  const offline = await serve(t, { discovery: 'http://127.0.0.1:1/.well-known/openid-configuration', use_jwks: false, public_key: signer.pem, claim_validator: { issuer: { valid_issuers: ['https://a.example', 'https://b.example'] } } })
  t.strictSame((await offline.inject({ url: `${AT}/mcp` })).json().authorization_servers, ['https://a.example', 'https://b.example'])
})

t.test('what could not hold stops the boot', async t => {
  const bad: Array<[object, RegExp]> = [
    [{ resource_metadata: { resource: 'api' } }, /resource_metadata\.resource must be a URI/],
    [{ resource_metadata: { resource: 'http://api.example.com' } }, /must be https, or http on this machine/],
    [{ resource_metadata: { resource: 'https://api.example.com/?a=1' } }, /must not have a query/],
    [{ resource_metadata: { resource: 'https://api.example.com/#' } }, /must not have a query, a fragment/],
    [{ resource_metadata: { resource: 'https://user@api.example.com/' } }, /a user name/],
    [{ resource_metadata: { resource: 'https://api.example.com/a*' } }, /could be read in two ways/],
    [{ resource_metadata: { resource: 'https://api.example.com/%61' } }, /could be read in two ways/],
    [{ resource_metadata: { resource: 'https://API.example.com/a' } }, /must be written as clients will compare it: "https:\/\/api\.example\.com\/a"/],
    [{ resource_metadata: { resource: 'https://api.example.com/a/../b' } }, /must be written as .*"https:\/\/api\.example\.com\/b"/],
    [{ resource_metadata: { resource: RESOURCE, resorce_name: 'x' } }, /resource_metadata\.resorce_name is not a known option; did you mean resource_name/],
    [{ resource_metadata: { resource: RESOURCE, bearer_methods_supported: ['query'] } }, /bearer_methods_supported/],
    [{ resource_metadata: { resource: RESOURCE, scopes_supported: ['a b'] } }, /scopes_supported/],
    [{ resource_metadata: { resource: RESOURCE, authorization_servers: ['https://login.example.com/?x'] } }, /authorization_servers\[0\] must be an issuer/],
    [{ resource_metadata: [] }, /resource_metadata/],
    [{ resource_metadata: [{ resource: RESOURCE }, { resource: 'https://other.example.com/mcp' }] }, /resource_metadata\[1\]\.resource has the path of entry 0/],
    [{ bearer_only: false, use_jwks: false, session: { secret: SECRET } }, /resource_metadata has no effect where no bearer tokens are accepted/]
  ]
  for (const [more, expected] of bad) {
    const app = Fastify()
    t.teardown(async () => { await app.close() })
    await t.rejects(async () => { await app.register(oidc, options(more)) }, { code: 'FST_OIDC_OPTIONS_INVALID', message: expected }, String(expected))
  }
})

t.test('a scope with a prefix cannot serve them, and a path that is taken is none', async t => {
  const prefixed = Fastify()
  t.teardown(async () => { await prefixed.close() })
  await t.rejects(async () => { await prefixed.register(async scope => { await scope.register(oidc, options()) }, { prefix: '/mcp' }) }, { code: 'FST_OIDC_PATH_OUTSIDE_SCOPE', message: /resource_metadata is \/\.well-known\/oauth-protected-resource\/mcp, but this scope serves only paths under \/mcp/ })
  const taken = Fastify()
  t.teardown(async () => { await taken.close() })
  taken.get(`${AT}/mcp`, async () => 'mine')
  await t.rejects(async () => { await taken.register(oidc, options()) }, { code: 'FST_OIDC_PATH_TAKEN' })
})
