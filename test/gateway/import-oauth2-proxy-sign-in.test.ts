import t from 'tap'
import type { Gateway } from 'fastify-oidc-gateway'
import { Browser, createTestProvider, login } from 'fastify-oidc-testing'
import { answerFor, lyingProvider } from '../oidc/flow.ts'
import { refusals, FILE, startImported, translate, verdictOf } from './import-oauth2-proxy-parts.ts'
import { ask, askRaw, startUpstream } from './parts.ts'

const ORIGIN = 'http://localhost'
const HTML = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }
const provider = await createTestProvider({ autoLogin: 'kim', users: { kim: { email: 'kim@corp.com', email_verified: true, groups: ['staff'] }, eve: { email: 'eve@evil.com', email_verified: true, groups: ['staff'] }, nil: { groups: ['ops'] } } })
t.teardown(async () => { await provider.close() })
const upstream = await startUpstream(t)

/** Where start sends a browser. */
async function asked (gateway: Gateway, path = '/oauth2/start', headers: Record<string, string> = {}): Promise<URLSearchParams> {
  const answer = await ask(gateway, path, { headers: { ...HTML, ...headers } })
  t.equal(answer.status, 302)
  return new URL(String(answer.headers.location)).searchParams
}

t.test('O038, O047, O056: the flags of Dex go to its authorization endpoint, with a state that says nothing', async t => {
  const gateway = await startImported(t, provider, { provider_display_name: 'My OIDC Provider', redirect_url: 'http://127.0.0.1:4180/oauth2/callback', upstreams: [] })
  const answer = await ask(gateway, '/oauth2/start?rd=/deep', { host: '127.0.0.1:4180', headers: HTML })
  t.match(answer, { status: 302, headers: { 'cache-control': 'no-store' } })
  const location = new URL(String(answer.headers.location))
  t.equal(location.origin, new URL(provider.issuer).origin)
  t.match(Object.fromEntries(location.searchParams), { client_id: provider.clientId, redirect_uri: 'http://127.0.0.1:4180/oauth2/callback', response_type: 'code', scope: 'openid email profile', code_challenge_method: 'S256' })
  t.notOk(location.searchParams.has('approval_prompt'), 'which is no parameter of OpenID Connect')
  t.notMatch(location.searchParams.get('state'), /:|deep/)
  const encoded = await startImported(t, provider, { encode_state: true, upstreams: [upstream] })
  t.match(await login(encoded.app, { path: '/oauth2/start?rd=/deep?x=1' }), { response: { status: 200, url: { pathname: '/deep', search: '?x=1' } } })
})

t.test('O039, O040, O041: what a login asks for is what the file says', async t => {
  const cases: ReadonlyArray<readonly [options: Record<string, unknown>, expected: Record<string, unknown>]> = [
    [{ prompt: 'login' }, { prompt: 'login', approval_prompt: undefined }],
    [{ approval_prompt: 'force' }, { approval_prompt: 'force' }],
    [{ acr_values: 'urn:strong' }, { acr_values: 'urn:strong' }],
    [{ allowed_groups: ['a'] }, { scope: 'openid email profile groups' }],
    [{ allowed_groups: ['a'], scope: 'openid' }, { scope: 'openid' }]
  ]
  for (const [options, expected] of cases) t.match(Object.fromEntries(await asked(await startImported(t, provider, options))), expected, JSON.stringify(options))
})

t.test('O042, O043: PKCE is S256 with a verifier of its own, for plain as well', async t => {
  const liar = await lyingProvider(t)
  for (const method of ['S256', 'plain']) {
    const gateway = await startImported(t, liar, { code_challenge_method: method, skip_provider_button: true })
    const { status, location } = await new Browser().route(ORIGIN, gateway.app).navigate(`${ORIGIN}/page`, { follow: false })
    t.equal(status, 302)
    t.match(location?.searchParams.get('code_challenge'), /^[\w-]{43}$/, method)
    t.equal(location?.searchParams.get('code_challenge_method'), 'S256')
  }
  liar.lie()
  const gateway = await startImported(t, liar, { skip_provider_button: true, upstreams: [upstream], insecure_oidc_allow_unverified_email: true })
  t.equal((await login(gateway.app, { path: '/page' })).response.status, 200, 'the provider holds the verifier against it')
})

t.test('O048, O050, O051: the cookie of a login has the attributes of the file, and a whole address is what the provider answers to', async t => {
  const gateway = await startImported(t, provider, { cookie_secure: true, reverse_proxy: true, trusted_proxy_ips: ['127.0.0.1'] })
  const answer = await ask(gateway, '/oauth2/start', { host: 'app.example', headers: { ...HTML, 'x-forwarded-proto': 'https' } })
  t.equal(new URL(String(answer.headers.location)).searchParams.get('redirect_uri'), 'https://app.example/oauth2/callback')
  const [cookie = ''] = [answer.headers['set-cookie']].flat() as string[]
  t.match(cookie, /^_oauth2_proxy_tx_[\w-]+=[\w.-]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
  t.equal(verdictOf('relative_redirect_url', true), 'refused')
})

t.test('O055, O057, O058: what stands in a query, sound or not, is part of the page and nothing else', async t => {
  const gateway = await startImported(t, provider, { skip_provider_button: true })
  const origin = await gateway.listen()
  for (const path of ['/?q=%va', '/x?a=1;b=2', '/oauth2/start?a=1;b=2', '/oauth2/start?rd=%va', '/x?prompt=none&state=mine']) {
    const { status, headers } = await askRaw(origin, path, HTML)
    t.equal(status, 302, path)
    const { searchParams } = new URL(headers.location ?? '')
    t.strictSame([searchParams.get('prompt'), searchParams.get('q'), searchParams.get('a'), searchParams.get('state') === 'mine'], [null, null, null, false])
  }
  t.equal(verdictOf('allow_query_semicolons', true), 'refused')
})

t.test('O078: where the file says so, the subject does for an e-mail address, and is what the upstream is told', async t => {
  const gateway = await startImported(t, provider, { user_id_claim: 'sub', skip_provider_button: true, upstreams: [upstream] })
  const { cookie, response } = await login(gateway.app, { path: '/page', user: 'nil' })
  t.equal(response.status, 200)
  t.match((await ask(gateway, '/page', { headers: { cookie } })).received.headers, { 'x-forwarded-email': 'nil', 'x-forwarded-user': 'nil' })
})

t.test('O085, O128, O132, GHSA-652x-m2gr-hppm: who is not among the groups or addresses of the file passes nowhere, and is told at each request', async t => {
  for (const options of [{ email_domains: ['corp.com'] }, { allowed_groups: ['admins', 'ops'], scope: 'openid email profile groups' }]) {
    const gateway = await startImported(t, provider, { skip_provider_button: true, upstreams: [upstream], ...options })
    const { browser, cookie, response } = await login(gateway.app, { path: '/page', user: 'eve' })
    t.equal(response.status, 403)
    for (const path of ['/page', '/oauth2/auth', '/oauth2/auth?allowed_groups=staff', '/oauth2/auth?allowed_email_domains=evil.com', '/oauth2/userinfo']) t.match(await ask(gateway, path, { headers: { cookie } }), { status: 403, headers: { 'set-cookie': undefined } }, path)
    t.ok(browser.cookies(response.url).some(({ name }) => name === '_oauth2_proxy'), 'the session stays')
  }
})

t.test('O141: constraints are for auth, and a page that is asked for with them is any page', async t => {
  const gateway = await startImported(t, provider, { skip_provider_button: true, upstreams: [upstream] })
  const { cookie } = await login(gateway.app, { path: '/page' })
  t.match(await ask(gateway, '/page?allowed_groups=none', { headers: { cookie } }), { status: 200, received: { url: '/page?allowed_groups=none' } })
  t.equal((await ask(gateway, '/oauth2/auth?allowed_groups=none', { headers: { cookie } })).status, 403)
})

t.test('O167: the cookie of a session is what the options of cookies say', async t => {
  const cases: ReadonlyArray<readonly [Record<string, unknown>, RegExp]> = [
    [{}, /^_oauth2_proxy=[\w-]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/],
    [{ cookie_name: 'app', cookie_expire: '2h', cookie_path: '/', cookie_httponly: false, cookie_samesite: 'strict' }, /^app=[\w-]+; Max-Age=7200; Path=\/; SameSite=Strict$/],
    [{ cookie_domains: ['.app.localhost'], redirect_url: 'http://www.app.localhost/oauth2/callback' }, /^_oauth2_proxy=[\w-]+; Max-Age=604800; Domain=app\.localhost; Path=\/; HttpOnly; SameSite=Lax$/]
  ]
  for (const [options, expected] of cases) {
    const gateway = await startImported(t, provider, { skip_provider_button: true, ...options })
    const origin = 'redirect_url' in options ? 'http://www.app.localhost' : ORIGIN
    const browser = new Browser().route(origin, gateway.app)
    const callback = await answerFor(browser, `${origin}/page`, origin)
    const { headers } = await gateway.app.inject({ url: callback.pathname + callback.search, headers: { host: callback.host, cookie: browser.cookieHeader(origin), ...HTML } })
    t.match([headers['set-cookie']].flat().find(line => !String(line).includes('_tx_')), expected, JSON.stringify(options))
  }
})

t.test('O173: a cookie without tokens is what session_cookie_minimal makes, and nothing can be asked for that is not in it', async t => {
  const gateway = await startImported(t, provider, { session_cookie_minimal: true, skip_provider_button: true, upstreams: [upstream] })
  const { cookie, response } = await login(gateway.app, { path: '/page' })
  t.equal(response.status, 200)
  t.match((await ask(gateway, '/page', { headers: { cookie } })).received.headers, { 'x-forwarded-email': 'kim@corp.com' })
  for (const [name, value] of [['cookie_refresh', '1h'], ['pass_access_token', true], ['pass_authorization_header', true], ['set_authorization_header', true]] as const) {
    t.match(refusals(translate({ ...FILE, session_cookie_minimal: true, [name]: value })), [`session_cookie_minimal: refused, cannot stand beside ${name}, which needs the tokens`])
  }
})
