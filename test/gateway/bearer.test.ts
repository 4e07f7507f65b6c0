import t from 'tap'
import { createTestProvider, login } from 'fastify-oidc-testing'
import { claimsFor, createSigner } from '../oidc/bearer-parts.ts'
import { ask, keepLog, startGateway, startUpstream } from './parts.ts'

t.test('an API that takes bearer tokens alone stands beside a site with logins, on one host', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const signer = await createSigner()
  const upstream = await startUpstream(t)
  const { discovery, clientId, clientSecret } = provider
  const block = { discovery, client_id: 'api', bearer_only: true, public_key: signer.pem, claim_validator: { issuer: { valid_issuers: [provider.issuer] }, audience: { match_with_client_id: true } } }
  const { stream, lines } = keepLog()
  const gateway = await startGateway(t, {
    log: { level: 'debug' },
    routes: [
      { uri: '/api/*', upstream, plugins: { 'openid-connect': { ...block, required_scopes: ['read'] } } },
      { uri: '/*', upstream, plugins: { 'openid-connect': { discovery, client_id: clientId, client_secret: clientSecret, timeout: 30, session: { secret: 'a session secret that is long enough' } } } }
    ]
  }, { logStream: stream })
  const refused = await ask(gateway, '/api/x')
  t.equal(refused.status, 401)
  t.equal(refused.headers['www-authenticate'], 'Bearer realm="apisix", scope="read"')
  const token = await signer.sign(claimsFor(provider))
  const { status, received: { headers } } = await ask(gateway, '/api/x', { headers: { authorization: `Bearer ${token}`, 'x-userinfo': 'forged' } })
  t.equal(status, 200)
  t.equal(headers['x-access-token'], token)
  t.equal(headers.authorization, `Bearer ${token}`)
  t.equal(JSON.parse(Buffer.from(headers['x-userinfo'] ?? '', 'base64').toString()).sub, 'alice')
  t.equal((await ask(gateway, '/api/x', { headers: { authorization: `Bearer ${await signer.sign(claimsFor(provider, { scope: 'openid' }))}` } })).status, 403)
  t.equal((await ask(gateway, '/api/logout')).status, 401, 'a path like any other')
  const { browser, response } = await login(gateway.app, { path: '/page' })
  t.equal((await browser.fetch(`${response.url.origin}/api/x`)).status, 401, 'a session is no token')
  t.match((await browser.navigate(`${response.url.origin}/logout`)).history[0], { status: 302 }, 'the logout is that of the site')
  t.equal((await ask(gateway, '/ready')).status, 200)
  t.ok(lines.length > 5)
  t.notMatch(lines.join(''), token.split('.').at(-1))
})

t.test('a route exchanges passwords where its block says so, and its neighbour of the same login does not', async t => {
  const resource = 'https://api.example.test'
  const provider = await createTestProvider({ autoLogin: 'alice', resource, clients: [{ client_id: 'site', client_secret: 'secret of the site', grant_types: ['password', 'authorization_code'], redirect_uris: ['http://localhost/callback'] }] })
  t.teardown(async () => { await provider.close() })
  const upstream = await startUpstream(t)
  const block = { discovery: provider.discovery, client_id: 'site', client_secret: 'secret of the site', scope: 'openid read', audience: resource, use_jwks: true, access_token_in_authorization_header: true, session: { secret: 'a session secret that is long enough' } }
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/export/*', upstream, plugins: { 'openid-connect': { ...block, auth_methods: ['bearer', 'password'] } } },
      { uri: '/*', upstream, plugins: { 'openid-connect': block } }
    ]
  })
  const password = { authorization: `Basic ${Buffer.from('alice:any').toString('base64')}`, accept: 'application/json', 'x-requested-with': 'XMLHttpRequest' }
  const { status, received: { headers } } = await ask(gateway, '/export/x', { headers: password })
  t.equal(status, 200)
  t.match(headers.authorization, /^Bearer ey/, 'the upstream sees the token, and no password')
  t.notMatch(JSON.stringify(headers), password.authorization.slice(6))
  t.equal((await ask(gateway, '/page', { headers: password })).status, 401)
  t.equal((await ask(gateway, '/export/x', { headers: { ...password, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, method: 'POST' })).status, 403)
  t.equal(provider.count('POST /token'), 1)
})
