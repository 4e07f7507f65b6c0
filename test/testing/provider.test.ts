import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import * as client from 'openid-client'
import t, { type Test } from 'tap'
import { Browser, createTestProvider, type TestProvider, type TestProviderOptions } from 'fastify-oidc-testing'
import { freePorts } from '../support/redis-process.ts'
import { authorizationRequest, authorize, CALLBACK, discover, exchange, followToCallback } from '../support/relying-party.ts'

async function start (t: Test, options: TestProviderOptions = {}): Promise<{ provider: TestProvider, configuration: client.Configuration, browser: Browser }> {
  const provider = await createTestProvider(options)
  t.teardown(async () => { await provider.close() })
  const configuration = await discover(provider.issuer, provider.clientId, provider.clientSecret)
  return { provider, configuration, browser: new Browser() }
}

t.test('without forms everybody is the one user, and login_hint selects another', async t => {
  const { provider, configuration } = await start(t, { autoLogin: 'alice' })
  const alice = await authorize(configuration, new Browser())
  t.match(alice.claims(), { sub: 'alice', email: 'alice@example.test', groups: ['admin', 'users'], name: 'Alice Example' }, 'claims are in the ID token')
  const bob = await authorize(configuration, new Browser(), { login_hint: 'bob' })
  t.match(bob.claims(), { sub: 'bob', groups: ['users'] })
  t.match(await client.fetchUserInfo(configuration, bob.access_token, 'bob'), { sub: 'bob', email: 'bob@example.test' })
  t.equal(provider.count('/token'), 2)
  t.equal(provider.count('POST /token'), 2)
  t.equal(provider.count('GET /token'), 0)
  t.equal(provider.count('/me'), 1)
  const nobody = await authorizationRequest(configuration, { login_hint: 'mallory' })
  const browser = new Browser()
  const refused = await followToCallback(browser, await browser.navigate(nobody.url, { follow: false }))
  t.equal(refused.searchParams.get('error'), 'access_denied')
})

t.test('forms: a name and any password, then consent', async t => {
  const { configuration, browser } = await start(t)
  const request = await authorizationRequest(configuration)
  const form = await browser.navigate(request.url)
  t.equal(form.status, 200)
  t.match(form.body, /Users: <code>alice<\/code>, <code>bob<\/code>. Any password/)
  t.notMatch(form.body, /https?:\/\//, 'nothing on the page comes from elsewhere')
  t.match(form.headers.get('content-security-policy'), "default-src 'none'")

  const wrong = await browser.submit(form, { login: '<b>mallory</b>', password: 'x' })
  t.equal(wrong.status, 401)
  t.match(wrong.body, 'nobody called &lt;b&gt;mallory&lt;/b&gt;')

  const consent = await browser.submit(wrong, { login: 'bob', password: 'x' })
  t.match(consent.body, /Allow access\?/)
  const callback = await followToCallback(browser, await browser.submit(consent, { decision: 'allow' }, { follow: false }))
  t.match((await exchange(configuration, callback, request)).claims(), { sub: 'bob' })
})

t.test('forms: who denies consent sends the application an error', async t => {
  const { configuration, browser } = await start(t)
  const request = await authorizationRequest(configuration, { login_hint: 'alice' })
  const form = await browser.navigate(request.url)
  t.match(form.body, 'value="alice"', 'the hint fills in the name')
  const consent = await browser.submit(form)
  const callback = await followToCallback(browser, await browser.submit(consent, { decision: 'deny' }, { follow: false }))
  t.equal(callback.searchParams.get('error'), 'access_denied')
})

t.test('an interaction of another browser is an error page, not a login', async t => {
  const { configuration, browser, provider } = await start(t)
  const form = await browser.navigate((await authorizationRequest(configuration)).url)
  const stranger = await new Browser().navigate(form.url)
  t.equal(stranger.status, 400)
  t.match(stranger.body, 'This did not work')
  t.same(provider.errors, [])
})

t.test('a refresh token rotates, and reuse ends the whole grant', async t => {
  const { configuration, browser } = await start(t, { autoLogin: 'alice' })
  const first = await authorize(configuration, browser)
  const second = await client.refreshTokenGrant(configuration, first.refresh_token ?? '')
  t.not(second.refresh_token, first.refresh_token)
  t.ok((await client.tokenIntrospection(configuration, second.access_token)).active)
  const refusal = async (token = ''): Promise<unknown> => await client.refreshTokenGrant(configuration, token).then(() => null, (error: { error?: string }) => error.error)
  t.equal(await refusal(first.refresh_token), 'invalid_grant')
  t.equal(await refusal(second.refresh_token), 'invalid_grant', 'the successor is gone as well')
  t.notOk((await client.tokenIntrospection(configuration, second.access_token)).active)
})

t.test('revocation and introspection of opaque tokens', async t => {
  const { configuration, browser } = await start(t, { autoLogin: 'alice' })
  const tokens = await authorize(configuration, browser)
  t.match(await client.tokenIntrospection(configuration, tokens.access_token), { active: true, sub: 'alice', client_id: 'fastify-oidc' })
  await client.tokenRevocation(configuration, tokens.access_token)
  t.notOk((await client.tokenIntrospection(configuration, tokens.access_token)).active)
})

t.test('access tokens for a resource are JWTs, also at userinfo', async t => {
  const { configuration, browser, provider } = await start(t, { autoLogin: 'alice', resource: 'urn:test:api' })
  const tokens = await authorize(configuration, browser, { scope: 'openid email read' })
  t.match(decodeProtectedHeader(tokens.access_token), { alg: 'RS256', typ: 'at+jwt' })
  t.match(decodeJwt(tokens.access_token), { iss: provider.issuer, aud: 'urn:test:api', sub: 'alice', client_id: 'fastify-oidc', scope: 'openid email read' })
  const userinfo = await client.fetchUserInfo(configuration, tokens.access_token, 'alice')
  t.same(userinfo, { sub: 'alice', email: 'alice@example.test', email_verified: true })
  const [head, body, signature = ''] = tokens.access_token.split('.')
  const forged = await fetch(`${provider.issuer}/me`, { headers: { authorization: `Bearer ${head}.${body}.${'A'.repeat(signature.length)}` } })
  t.equal(forged.status, 401)
  t.match(decodeJwt((await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '')).access_token), { aud: 'urn:test:api' }, 'after a refresh too')
})

t.test('tokenSize makes both tokens at least as long, and compression does not help', async t => {
  const { configuration, browser } = await start(t, { autoLogin: 'alice', resource: 'urn:test:api', tokenSize: 20_000 })
  const tokens = await authorize(configuration, browser)
  for (const token of [tokens.access_token, tokens.id_token ?? '']) {
    t.ok(token.length >= 20_000, String(token.length))
    t.ok(token.length < 21_500, String(token.length))
  }
  t.not(decodeJwt(tokens.access_token).padding, decodeJwt(tokens.id_token ?? '').padding)
  t.notOk('padding' in await client.fetchUserInfo(configuration, tokens.access_token, 'alice'))
})

t.test('lifetimes are the ones that were asked for', async t => {
  const { configuration, browser } = await start(t, { autoLogin: 'alice', resource: 'urn:test:api', ttl: { accessToken: 7, idToken: 11 } })
  const tokens = await authorize(configuration, browser)
  t.equal(tokens.expires_in, 7)
  const idToken = decodeJwt(tokens.id_token ?? '')
  t.equal(Number(idToken.exp) - Number(idToken.iat), 11)
})

t.test('a logout asks nothing, returns to the application and tells clients over the back channel', async t => {
  const heard: string[] = []
  const received = createServer((request: IncomingMessage, response) => {
    request.setEncoding('utf8').on('data', (chunk: string) => { heard.push(chunk) }).on('end', () => { response.end() })
  }).listen(0, '127.0.0.1')
  await once(received, 'listening')
  t.teardown(() => { received.close() })
  const { configuration, browser, provider } = await start(t, {
    autoLogin: 'alice',
    clients: [{ client_id: 'app', client_secret: 'app-secret-app-secret-app-secret-app', redirect_uris: [CALLBACK], post_logout_redirect_uris: ['http://127.0.0.1:9/bye'], grant_types: ['authorization_code', 'refresh_token'], backchannel_logout_uri: `http://127.0.0.1:${(received.address() as AddressInfo).port}/`, backchannel_logout_session_required: true }]
  })
  const tokens = await authorize(configuration, browser)
  const url = client.buildEndSessionUrl(configuration, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: 'http://127.0.0.1:9/bye', state: 's' })
  const answer = await browser.navigate(url, { follow: false })
  t.equal(answer.status, 303)
  t.equal(answer.location?.href, 'http://127.0.0.1:9/bye?state=s')
  const logoutToken = new URLSearchParams(heard.join('')).get('logout_token') ?? ''
  t.match(decodeProtectedHeader(logoutToken), { typ: 'logout+jwt' })
  t.match(decodeJwt(logoutToken), { aud: 'app', sid: tokens.claims()?.sid, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })
  t.same(provider.errors, [])

  const again = await authorizationRequest(configuration, { prompt: 'none' })
  const refused = await followToCallback(browser, await browser.navigate(again.url, { follow: false }))
  t.equal(refused.searchParams.get('error'), 'login_required', 'the session of the provider is over')
})

t.test('a logout without a session and without a return address ends on a page of the provider', async t => {
  const { browser, provider } = await start(t, { autoLogin: 'alice' })
  const page = await browser.navigate(`${provider.issuer}/session/end`)
  t.equal(page.status, 200)
  t.match(page.body, 'You are signed out.')
})

t.test('somebody else can log in where somebody is logged in', async t => {
  const { configuration, browser } = await start(t, { autoLogin: 'alice' })
  t.equal((await authorize(configuration, browser)).claims()?.sub, 'alice')
  t.equal((await authorize(configuration, browser, { prompt: 'login', login_hint: 'bob' })).claims()?.sub, 'bob')
})

t.test('PAR, DPoP and JARM', async t => {
  const { configuration, browser, provider } = await start(t, { autoLogin: 'alice' })
  client.useJwtResponseMode(configuration)
  const DPoP = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair('ES256'))
  const verifier = client.randomPKCECodeVerifier()
  const url = await client.buildAuthorizationUrlWithPAR(configuration, { redirect_uri: CALLBACK, scope: 'openid', state: 's', nonce: 'n', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }, { DPoP })
  const callback = await followToCallback(browser, await browser.navigate(url, { follow: false }))
  t.ok(callback.searchParams.has('response'))
  const tokens = await client.authorizationCodeGrant(configuration, callback, { pkceCodeVerifier: verifier, expectedState: 's', expectedNonce: 'n' }, undefined, { DPoP })
  t.equal(tokens.token_type, 'dpop')
  t.equal(provider.count('POST /request'), 1)
})

t.test('an outage refuses connections; afterwards port, sessions and tokens are the same', async t => {
  const { configuration, browser, provider } = await start(t, { autoLogin: 'alice' })
  const tokens = await authorize(configuration, browser)
  await provider.stop()
  await t.rejects(fetch(provider.discovery), { cause: { code: 'ECONNREFUSED' } })
  await provider.stop()
  await provider.start()
  await provider.start()
  t.equal((await fetch(provider.discovery)).status, 200)
  t.ok((await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '')).access_token)
})

t.test('the default client comes back to local addresses only', async t => {
  const { configuration, provider } = await start(t, { autoLogin: 'alice' })
  for (const [redirectUri, taken] of [['http://app.test/cb', true], ['https://localhost:8443/x', true], ['http://[::1]:1/', true], ['https://evil.com/cb', false], ['http://127.0.0.1.evil.com/', false], ['javascript:alert(1)//.test', false]] as const) {
    const { url } = await authorizationRequest(configuration, { redirect_uri: redirectUri })
    const page = await new Browser().navigate(url, { follow: false })
    t.equal(page.status, taken ? 303 : 400, redirectUri)
  }
  const registered = await createTestProvider({ redirectUris: [CALLBACK], autoLogin: 'alice' })
  t.teardown(async () => { await registered.close() })
  const own = await discover(registered.issuer, registered.clientId, registered.clientSecret)
  const page = await new Browser().navigate((await authorizationRequest(own, { redirect_uri: 'http://app.test/cb' })).url, { follow: false })
  t.equal(page.status, 400, 'with redirectUris, those alone')
  t.match(page.body, 'invalid_redirect_uri')
  t.ok(provider.issuer !== registered.issuer)
})

t.test('users are what they are given as, subject and custom claims included', async t => {
  const { configuration, browser } = await start(t, { autoLogin: 'carol', users: { carol: { sub: 'id-17', name: 'Carol', tenant: 'blue' } } })
  t.match((await authorize(configuration, browser)).claims(), { sub: 'id-17', name: 'Carol', tenant: 'blue' })
})

t.test('options that contradict each other are refused', async t => {
  await t.rejects(createTestProvider({ autoLogin: 'mallory' }), { code: 'FST_OIDC_TESTING_OPTIONS', message: /mallory/ })
  await t.rejects(createTestProvider({ clients: [] }), { code: 'FST_OIDC_TESTING_OPTIONS' })
  await t.rejects(createTestProvider({ clients: [{ client_id: 'a' }], redirectUris: [CALLBACK] }), { code: 'FST_OIDC_TESTING_OPTIONS' })
})

t.test('a taken port is an error that says so', async t => {
  const { provider } = await start(t)
  await t.rejects(createTestProvider({ port: Number(new URL(provider.issuer).port) }), { code: 'EADDRINUSE' })
})

t.test('nothing is printed, from loading to a whole login', async t => {
  const program = `
    import { createTestProvider, Browser } from 'fastify-oidc-testing'
    const provider = await createTestProvider({ resource: 'urn:api' })
    const browser = new Browser()
    const query = new URLSearchParams({ client_id: provider.clientId, redirect_uri: 'http://127.0.0.1:9/', response_type: 'code', scope: 'openid', response_mode: 'query' })
    const login = await browser.navigate(provider.issuer + '/auth?' + query)
    const consent = await browser.submit(login, { login: 'alice' })
    await browser.submit(consent, {}, { follow: false })
    await browser.navigate(provider.issuer + '/auth?client_id=unknown')
    await browser.navigate(provider.issuer + '/session/end')
    await fetch(provider.issuer + '/token', { method: 'POST', headers: { origin: 'http://a.test' } })
    await provider.close()`
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' } })
  t.equal(stdout, '')
  t.equal(stderr, '')
})

t.test('a user name and any password are tokens, which refresh; nobody else is', async t => {
  const { configuration, provider } = await start(t, { resource: 'urn:test:api' })
  const tokens = await client.genericGrantRequest(configuration, 'password', { username: 'bob', password: 'any', scope: 'openid read unheard-of' })
  t.match(decodeJwt(tokens.access_token), { iss: provider.issuer, aud: 'urn:test:api', sub: 'bob', client_id: 'fastify-oidc', scope: 'openid read' })
  t.match(tokens, { token_type: 'bearer', expires_in: 300, scope: 'openid read' })
  const renewed = await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '')
  t.match(decodeJwt(renewed.access_token), { aud: 'urn:test:api', sub: 'bob', scope: 'openid read' })
  for (const parameters of [{ username: 'mallory', password: 'any' }, { username: 'bob', password: '' }, { username: 'bob' }, { password: 'any' }] as Array<Record<string, string>>) {
    t.equal(await client.genericGrantRequest(configuration, 'password', parameters).then(() => null, (error: { error?: string }) => error.error), 'invalid_grant')
  }
  const plain = await start(t, { clients: [{ client_id: 'app', client_secret: 'a secret of the client, long enough', redirect_uris: [CALLBACK], grant_types: ['authorization_code', 'password'] }] })
  const opaque = await client.genericGrantRequest(plain.configuration, 'password', { username: 'alice', password: 'any' })
  t.match(await client.tokenIntrospection(plain.configuration, opaque.access_token), { active: true, sub: 'alice', scope: 'openid' })
  t.equal(opaque.refresh_token, undefined, 'a client that may not refresh gets nothing to do it with')
  t.same([...provider.errors, ...plain.provider.errors], [])
})

t.test('opaque tokens have the audience too, and can be introspected', async t => {
  const { configuration } = await start(t, { resource: 'urn:test:api', tokenFormat: 'opaque' })
  const { access_token: token } = await client.clientCredentialsGrant(configuration, { scope: 'read' })
  t.notMatch(token, /\./)
  t.match(await client.tokenIntrospection(configuration, token), { active: true, aud: 'urn:test:api', client_id: 'fastify-oidc', scope: 'read' })
})

t.test('an issuer with a path is served below it alone', async t => {
  const [port = 0] = await freePorts(1)
  const { provider, configuration, browser } = await start(t, { port, issuer: `http://127.0.0.1:${port}/dex` })
  t.equal(provider.discovery, `http://127.0.0.1:${port}/dex/.well-known/openid-configuration`)
  const request = await authorizationRequest(configuration)
  t.equal(request.url.pathname, '/dex/auth')
  const form = await browser.navigate(request.url)
  t.match(form.url.pathname, /^\/dex\/interaction\//)
  const consent = await browser.submit(form, { login: 'bob', password: 'x' })
  const tokens = await exchange(configuration, await followToCallback(browser, await browser.submit(consent, { decision: 'allow' }, { follow: false })), request)
  t.match(tokens.claims(), { iss: provider.issuer, sub: 'bob' })
  t.equal(provider.count('POST /dex/token'), 1)
  const ended = await browser.navigate(client.buildEndSessionUrl(configuration, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: CALLBACK }), { follow: false })
  t.equal(ended.location?.href, CALLBACK, 'a logout asks nothing there either')
  for (const path of ['/.well-known/openid-configuration', '/dexter/jwks', '/dex']) t.equal((await fetch(`${provider.origin}${path}`)).status, 404, path)
})

t.test('an issuer may be the address of something in front', async t => {
  const provider = await createTestProvider({ issuer: 'https://idp.example/realms/a' })
  t.teardown(async () => { await provider.close() })
  const document = await (await fetch(`${provider.origin}/realms/a/.well-known/openid-configuration`)).json() as object
  t.match(document, { issuer: 'https://idp.example/realms/a', authorization_endpoint: 'https://idp.example/realms/a/auth', token_endpoint: 'https://idp.example/realms/a/token' })
  for (const issuer of ['https://idp.example/', 'https://idp.example/a?b', 'https://idp.example/a#b', 'idp.example', 'ftp://idp.example']) {
    await t.rejects(createTestProvider({ issuer }), { code: 'FST_OIDC_TESTING_OPTIONS' }, issuer)
  }
})
