import t from 'tap'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { Browser } from 'fastify-oidc-testing'
import { createSigner } from './bearer-parts.ts'
import { answerFor, complaints, lyingProvider, ORIGIN, toCallback } from './flow.ts'
import { createApplication, optionsFor, protectedApp } from './support.ts'

const provider = await lyingProvider(t)

interface Exchange { readonly authorization: string | undefined, readonly form: URLSearchParams }

/** Stands before the provider's token endpoint and remembers what came. */
async function tokenProxy (): Promise<{ url: string, exchanges: Exchange[] }> {
  const exchanges: Exchange[] = []
  async function pass (request: IncomingMessage): Promise<{ status: number, body: string }> {
    let body = ''
    for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) body += chunk
    const { authorization } = request.headers
    exchanges.push({ authorization, form: new URLSearchParams(body) })
    const answer = await fetch(`${provider.issuer}/token`, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded', ...(authorization === undefined ? {} : { authorization }) } })
    return { status: answer.status, body: await answer.text() }
  }
  const server = createServer((request, response) => {
    pass(request).then(({ status, body }) => { response.writeHead(status, { 'content-type': 'application/json' }).end(body) }, () => { response.destroy() })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, exchanges }
}

const proxy = await tokenProxy()

/** One login; answers the authorization request and the code exchange. */
async function loginWith (t: Parameters<typeof protectedApp>[0], more: Partial<OidcPluginOptions> = {}, discovery: Record<string, unknown> = {}) {
  provider.lie({ discovery: { token_endpoint: proxy.url, ...discovery } })
  proxy.exchanges.length = 0
  const { app, log } = await protectedApp(t, optionsFor(provider, more))
  const browser = new Browser().route(ORIGIN, app)
  const { location } = await browser.navigate(`${ORIGIN}/echo/x`, { follow: false })
  if (location === null) throw new Error('no way to the provider')
  const answer = await toCallback(browser, location)
  const page = await browser.navigate(answer)
  await app.close()
  const [exchange] = proxy.exchanges
  if (exchange === undefined) throw new Error(`no exchange: ${page.status}`)
  return { location, answer, page, exchange, log }
}

const basic = `Basic ${Buffer.from(`${provider.clientId}:${provider.clientSecret.replaceAll(' ', '+').replaceAll(',', '%2C')}`).toString('base64')}`

// rows: token_endpoint_auth_method, client_secret
t.test('O070, S424, S425: token_endpoint_auth_method that the provider does not list gives way to the first listed one that can be used (S208, S209, S210, S211, S212)', async t => {
  const cases: ReadonlyArray<readonly [listed: readonly string[] | undefined, configured: string | undefined, used: 'basic' | 'post']> = [
    [undefined, undefined, 'basic'],
    [['client_secret_basic', 'client_secret_post'], undefined, 'basic'],
    [['client_secret_post'], undefined, 'post'],
    [['foo', 'client_secret_post', 'client_secret_basic'], undefined, 'basic'],
    [['foo', 'private_key_jwt', 'client_secret_post'], undefined, 'post'],
    [['none', 'client_secret_post'], undefined, 'post'],
    [['client_secret_post', 'client_secret_basic'], 'client_secret_post', 'post'],
    [['client_secret_basic'], 'client_secret_post', 'basic'],
    [['client_secret_basic'], 'client_secret_jwt', 'basic'],
    [undefined, 'client_secret_post', 'post'],
    [['foo'], undefined, 'basic'],
    [[], undefined, 'basic']
  ]
  for (const [listed, configured, used] of cases) {
    await t.test(`${String(listed)}, ${String(configured)}: ${used}`, async t => {
      const { page, exchange } = await loginWith(t, configured === undefined ? {} : { token_endpoint_auth_method: configured }, { token_endpoint_auth_methods_supported: listed })
      t.equal(page.status, 200)
      t.equal(exchange.authorization, used === 'basic' ? basic : undefined)
      t.equal(exchange.form.get('client_secret'), used === 'post' ? provider.clientSecret : null)
      t.notOk(exchange.form.has('client_assertion') || exchange.form.has('client_assertion_type'))
      t.equal(exchange.form.has('client_id'), used === 'post')
    })
  }
})

t.test('S427: characters that mean something in Basic are encoded, in the id and in the secret', async t => {
  const odd = await lyingProvider(t, { id: 'app:1 + 2%', secret: 'p:a+s%25 s&=é/"ö' })
  const { app } = await protectedApp(t, optionsFor(odd))
  const browser = new Browser().route(ORIGIN, app)
  t.equal((await browser.navigate(await answerFor(browser, `${ORIGIN}/`))).status, 200)
})

t.test('S423: public_key is for bearer tokens: a login goes by the keys of the provider', async t => {
  provider.lie()
  const stranger = await createSigner()
  const { app } = await protectedApp(t, optionsFor(provider, { public_key: stranger.pem, claim_validator: { audience: { match_with_client_id: true } } }))
  const browser = new Browser().route(ORIGIN, app)
  t.equal((await browser.navigate(await answerFor(browser, `${ORIGIN}/`))).status, 200)
})

t.test('client_secret_jwt signs an assertion and does not send the secret', async t => {
  provider.lie({ discovery: { token_endpoint: proxy.url, token_endpoint_auth_methods_supported: ['client_secret_jwt'] } })
  proxy.exchanges.length = 0
  const { app } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const page = await browser.navigate(await answerFor(browser, `${ORIGIN}/`))
  t.equal(page.status, 502, 'this provider cannot do it')
  const [exchange] = proxy.exchanges
  t.equal(exchange?.authorization, undefined)
  t.equal(exchange?.form.get('client_secret'), null)
  t.equal(exchange?.form.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  const [header, payload] = (exchange?.form.get('client_assertion') ?? '').split('.').slice(0, 2).map(part => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>)
  t.match(header, { alg: 'HS256' })
  t.match(payload, { iss: provider.clientId, sub: provider.clientId })
})

// rows: client_secret
t.test('a client that the provider does not accept is 502, and the log says what to check', async t => {
  provider.lie()
  const { app, log } = await protectedApp(t, optionsFor({ ...provider, clientSecret: 'not the secret of the client' }))
  const browser = new Browser().route(ORIGIN, app)
  const page = await browser.navigate(await answerFor(browser, `${ORIGIN}/`))
  t.equal(page.status, 502)
  t.match(page.body, 'FST_OIDC_CLIENT_REFUSED')
  const [line, ...more] = complaints(log)
  t.equal(more.length, 0)
  t.match(line, { code: 'FST_OIDC_CLIENT_REFUSED', msg: /invalid_client.*client_id, client_secret and token_endpoint_auth_method/ })
  t.notMatch(JSON.stringify(log), 'not the secret')
})

// rows: use_pkce
t.test('O042: the code exchange sends the code, the redirect_uri and the verifier of the challenge, and nothing else (S184, S204, S205, S206, S207)', async t => {
  const { location, answer, exchange } = await loginWith(t)
  const form = Object.fromEntries(exchange.form)
  t.hasStrict(form, { grant_type: 'authorization_code', code: answer.searchParams.get('code'), redirect_uri: `${ORIGIN}/callback` })
  t.equal(location.searchParams.get('code_challenge_method'), 'S256')
  t.equal(form.redirect_uri, location.searchParams.get('redirect_uri'), 'that of the authorization request')
  t.equal((form.code_verifier ?? '').length, 43)
  t.equal(createHash('sha256').update(form.code_verifier ?? '').digest('base64url'), location.searchParams.get('code_challenge'))
  t.strictSame(Object.keys(form).sort(), ['code', 'code_verifier', 'grant_type', 'redirect_uri'], 'the state stays with the browser: no endpoint asks for it')
  const again = await loginWith(t)
  t.not(again.location.searchParams.get('code_challenge'), location.searchParams.get('code_challenge'), 'each attempt has its own')
})

// rows: use_pkce, use_nonce
t.test('under apisix PKCE and nonce are off (S183), and one warning at boot lists what is weaker', async t => {
  const weak = await loginWith(t, { security_profile: 'apisix' })
  for (const name of ['code_challenge', 'code_challenge_method', 'nonce']) t.equal(weak.location.searchParams.get(name), null, name)
  t.equal(weak.exchange.form.get('code_verifier'), null)
  t.equal(weak.page.status, 200)
  const lines = complaints(weak.log)
  t.equal(lines.length, 1)
  t.match(lines[0], { oidc: 'profile', level: 40, weak: ['use_pkce', 'use_nonce', 'accept_unsupported_alg', 'cross_site'], msg: /security_profile is apisix: use_pkce, use_nonce.*oauth2\.1/ })

  const written = await loginWith(t, { security_profile: 'apisix', use_pkce: true, use_nonce: true, accept_unsupported_alg: false, cross_site: 'refuse' })
  t.ok(written.location.searchParams.has('code_challenge'))
  t.ok(written.location.searchParams.has('nonce'))
  t.strictSame(complaints(written.log), [], 'nothing to warn of')

  const off = await loginWith(t, { use_pkce: false, use_nonce: false })
  t.notOk(off.location.searchParams.has('code_challenge') || off.location.searchParams.has('nonce'), 'what is written wins over the profile')
})

// rows: use_nonce
t.test('without nonce an ID token that brings one is not for this login', async t => {
  provider.lie({ idTokenClaims: { nonce: 'somebody-elses' } })
  const { app } = await protectedApp(t, optionsFor(provider, { use_nonce: false }))
  const browser = new Browser().route(ORIGIN, app)
  t.equal((await browser.navigate(await answerFor(browser, `${ORIGIN}/`))).status, 502)
})

// rows: authorization_params, scope
t.test('S432: authorization_params are added, and cannot take over what a login sets', async t => {
  const { location } = await loginWith(t, { authorization_params: { prompt: 'login', display: 'page', max_age: 60, flag: true, resource: ['urn:a', 'urn:b'], odd: 'a b&c=d', scope: 'openid more' } })
  t.match(Object.fromEntries(location.searchParams), { prompt: 'login', display: 'page', max_age: '60', flag: 'true', odd: 'a b&c=d', scope: 'openid more' })
  t.strictSame(location.searchParams.getAll('resource'), ['urn:a', 'urn:b'])
  for (const name of ['state', 'nonce', 'redirect_uri', 'client_id', 'response_type', 'code_challenge', 'code_challenge_method', 'code_verifier']) {
    const { app } = createApplication(t)
    await t.rejects(async () => { await app.register(oidc, optionsFor(provider, { authorization_params: { [name]: 'x' } })) }, { code: 'FST_OIDC_OPTIONS_INVALID', message: new RegExp(`authorization_params\\.${name}`) })
  }
})

t.test('O046: an authorization endpoint keeps its own query', async t => {
  const { location } = await loginWith(t, {}, { authorization_endpoint: `${provider.issuer}/authorize?realm=a%20b` })
  t.equal(location.searchParams.get('realm'), 'a b')
  t.equal(location.searchParams.get('response_type'), 'code')
})

t.test('endpoints that are set win over those of the discovery document', async t => {
  const nowhere = { authorization_endpoint: 'http://127.0.0.1:9/a', token_endpoint: 'http://127.0.0.1:9/t', userinfo_endpoint: 'http://127.0.0.1:9/u', jwks_uri: 'http://127.0.0.1:9/j', end_session_endpoint: 'http://127.0.0.1:9/e' }
  const { page, log } = await loginWith(t, { authorization_endpoint: `${provider.issuer}/authorize`, token_endpoint: proxy.url, userinfo_endpoint: `${provider.issuer}/userinfo`, jwks_uri: `${provider.issuer}/jwks`, end_session_endpoint: `${provider.issuer}/end_session` }, nowhere)
  t.equal(page.status, 200)
  t.ok(JSON.parse(page.body).identity['x-userinfo'])
  t.strictSame(complaints(log), [])
})

// rows: iat_slack
t.test('S233, S235: iat_slack is what clocks may differ by', async t => {
  const now = Math.floor(Date.now() / 1000)
  const cases: ReadonlyArray<readonly [slack: number | undefined, claims: Record<string, number>, status: number]> = [
    [undefined, { iat: now + 100 }, 200],
    [undefined, { iat: now + 200 }, 502],
    [300, { iat: now + 120 }, 200],
    [300, { iat: now + 200 }, 200],
    [0, { iat: now + 60 }, 502],
    [0, { iat: now - 5 }, 200],
    [undefined, { iat: now - 1000, exp: now - 100 }, 200],
    [undefined, { iat: now - 1000, exp: now - 200 }, 502],
    [400, { iat: now - 1000, exp: now - 300 }, 200],
    [0, { exp: now - 10 }, 502]
  ]
  for (const [slack, claims, status] of cases) {
    provider.lie({ idTokenClaims: claims })
    const { app } = await protectedApp(t, optionsFor(provider, slack === undefined ? {} : { iat_slack: slack }))
    const browser = new Browser().route(ORIGIN, app)
    t.equal((await browser.navigate(await answerFor(browser, `${ORIGIN}/`))).status, status, `${String(slack)} ${JSON.stringify(claims)}`)
    await app.close()
  }
})

// rows: client_id, client_secret, use_pkce
t.test('S426: a client without a secret says its id, and proves itself by PKCE', async t => {
  provider.lie({ discovery: { token_endpoint: proxy.url } })
  proxy.exchanges.length = 0
  const { client_secret: _, ...options } = optionsFor(provider)
  const { app } = await protectedApp(t, options)
  const browser = new Browser().route(ORIGIN, app)
  await browser.navigate(await answerFor(browser, `${ORIGIN}/`))
  const [exchange] = proxy.exchanges
  t.equal(exchange?.authorization, undefined)
  t.equal(exchange?.form.get('client_id'), provider.clientId)
  t.ok(exchange?.form.has('code_verifier'))
  t.notOk(exchange?.form.has('client_secret'))
})

t.test('a selectClaims that answers no claims refuses the login, and the log says why', async t => {
  provider.lie()
  for (const selectClaims of [() => undefined, () => null, () => [], () => 'claims', async () => ({ sub: 'alice' })]) {
    const { app, log } = await protectedApp(t, { ...optionsFor(provider), hooks: { selectClaims } } as unknown as OidcPluginOptions)
    const browser = new Browser().route(ORIGIN, app)
    const page = await browser.navigate(await answerFor(browser, `${ORIGIN}/`))
    t.equal(page.status, 403)
    t.strictSame(browser.cookies(ORIGIN), [])
    t.match(complaints(log).map(({ msg }) => msg), [/selectClaims must return an object/])
  }
})

t.test('a reason that is no error is in the log too', async t => {
  const { app, log } = await protectedApp(t, { ...optionsFor(provider), hooks: { onLogin: () => { throw 'not on the list' } } }) // eslint-disable-line no-throw-literal -- what an application may do
  const browser = new Browser().route(ORIGIN, app)
  t.equal((await browser.navigate(await answerFor(browser, `${ORIGIN}/`))).status, 403)
  t.match(complaints(log).map(({ msg }) => msg), [/not on the list/])
})
