import Fastify from 'fastify'
import t from 'tap'
import oidc, { ownCookiesOf, type OidcPluginOptions } from 'fastify-oidc'
import { createTestProvider, login } from 'fastify-oidc-testing'
import { createApplication, optionsFor, protectedApp, SECRET, testProvider } from './support.ts'
import { setCookies, storedOf } from './session-parts.ts'

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }
const sessionOf = (more: object): NonNullable<OidcPluginOptions['session']> => ({ secret: SECRET, ...more })

/** The Set-Cookie of a session that is re-issued, over http or https as a trusted proxy says it. */
async function setCookieOf (t: Parameters<typeof protectedApp>[0], options: Partial<OidcPluginOptions>, scheme: 'http' | 'https'): Promise<string> {
  const { app } = await protectedApp(t, optionsFor(offline, options), { trustProxy: true })
  const { session } = await storedOf(app, await app.oidc.issueCookie({}))
  const { handle } = await app.oidcSessionStore.create(session, Math.floor(Date.now() / 1000) + 100)
  const base = options.session?.cookie_name ?? (options.security_profile === 'apisix' ? 'session' : 'oidc')
  const answer = await app.inject({ url: '/', headers: { 'x-forwarded-proto': scheme, cookie: `${base}=${handle}; __Host-${base}=${handle}` } })
  return setCookies(answer).map(line => line.replace(/=[\w-]{40,}/, '=…').replace(/Max-Age=\d+/, 'Max-Age=N'))[0] ?? `${answer.statusCode}`
}

// rows: session.cookie_name, session.cookie_path, session.cookie_domain, session.cookie_secure, session.cookie_http_only, session.cookie_same_site
t.test('names and attributes by profile, scheme and option', async t => {
  const table: Array<[string, Partial<OidcPluginOptions>, 'http' | 'https', string]> = [
    ['oauth2.1, http', {}, 'http', 'oidc=…; Max-Age=N; Path=/; HttpOnly; SameSite=Lax'],
    ['oauth2.1, https', {}, 'https', '__Host-oidc=…; Max-Age=N; Path=/; HttpOnly; Secure; SameSite=Lax'],
    ['apisix, http', { security_profile: 'apisix' }, 'http', 'session=…; Max-Age=N; Path=/; HttpOnly; SameSite=Lax'],
    ['apisix, https', { security_profile: 'apisix' }, 'https', 'session=…; Max-Age=N; Path=/; HttpOnly; Secure; SameSite=Lax'],
    ['a name that is written stands as it is', { session: sessionOf({ cookie_name: 'custom_session' }) }, 'https', 'custom_session=…; Max-Age=N; Path=/; HttpOnly; Secure; SameSite=Lax'],
    ['a domain', { session: sessionOf({ cookie_domain: 'example.test' }) }, 'https', 'oidc=…; Max-Age=N; Domain=example.test; Path=/; HttpOnly; Secure; SameSite=Lax'],
    ['a path', { session: sessionOf({ cookie_path: '/echo' }) }, 'https', 'oidc=…; Max-Age=N; Path=/echo; HttpOnly; Secure; SameSite=Lax'],
    ['the path that is the default', { session: sessionOf({ cookie_path: '/' }) }, 'https', '__Host-oidc=…; Max-Age=N; Path=/; HttpOnly; Secure; SameSite=Lax'],
    ['Secure off', { session: sessionOf({ cookie_secure: false }) }, 'https', 'oidc=…; Max-Age=N; Path=/; HttpOnly; SameSite=Lax'],
    ['Secure on, behind a proxy that is not trusted', { session: sessionOf({ cookie_secure: true }) }, 'http', 'oidc=…; Max-Age=N; Path=/; HttpOnly; Secure; SameSite=Lax'],
    ['Strict', { session: sessionOf({ cookie_same_site: 'Strict' }) }, 'http', 'oidc=…; Max-Age=N; Path=/; HttpOnly; SameSite=Strict'],
    ['None needs Secure', { session: sessionOf({ cookie_same_site: 'None' }) }, 'http', 'oidc=…; Max-Age=N; Path=/; HttpOnly; Secure; SameSite=None'],
    ['Default leaves it to the browser', { session: sessionOf({ cookie_same_site: 'Default' }) }, 'http', 'oidc=…; Max-Age=N; Path=/; HttpOnly'],
    ['readable by scripts', { session: sessionOf({ cookie_http_only: false }) }, 'http', 'oidc=…; Max-Age=N; Path=/; SameSite=Lax'],
    ['a prefix that is written needs Secure whatever the scheme looks like', { session: sessionOf({ cookie_name: '__Host-mine' }) }, 'http', '__Host-mine=…; Max-Age=N; Path=/; HttpOnly; Secure; SameSite=Lax'],
    ['__Secure- too', { session: sessionOf({ cookie_name: '__Secure-mine', cookie_path: '/echo' }) }, 'http', '__Secure-mine=…; Max-Age=N; Path=/echo; HttpOnly; Secure; SameSite=Lax']
  ]
  for (const [name, options, scheme, expected] of table) t.equal(await setCookieOf(t, options, scheme), expected, name)
})

t.test('a prefix that the other cookie options contradict stops the boot', async t => {
  for (const session of [{ cookie_name: '__Host-a', cookie_domain: 'a.test' }, { cookie_name: '__Host-a', cookie_path: '/a' }, { cookie_name: '__Host-a', cookie_secure: false }, { cookie_name: '__Secure-a', cookie_secure: false }, { cookie_same_site: 'None', cookie_secure: false }]) {
    const { app } = createApplication(t)
    await t.rejects(async () => { await app.register(oidc, optionsFor(offline, { session: sessionOf(session) as never })) }, { code: 'FST_OIDC_OPTIONS_INVALID', message: /cookie_/ }, JSON.stringify(session))
  }
})

t.test('over https a login, a renewed cookie and a logout keep to the rules of __Host-', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { redirect_uri: 'https://app.example.test/callback' }), { trustProxy: true })
  const { browser, response } = await login(app)
  t.equal(response.status, 200)
  const [cookie, ...more] = browser.cookies('https://app.example.test')
  t.equal(cookie?.name, '__Host-oidc')
  t.equal(more.length, 0, 'the attempt is gone')
  t.equal((await browser.navigate('https://app.example.test/logout', { follow: false })).status, 302)
  t.strictSame(browser.cookies('https://app.example.test'), [])
})

// rows: session.cookie_same_site
t.test('with SameSite=Strict a login ends on a page that goes on by itself: a redirect would carry no cookie', async t => {
  const provider = await createTestProvider()
  t.teardown(async () => { await provider.close() })
  const { app } = await protectedApp(t, optionsFor(provider, { redirect_uri: 'https://app.example.test/callback', session: sessionOf({ cookie_same_site: 'Strict', cookie_domain: 'example.test' }) }), { trustProxy: true })
  const { browser, response } = await login(app, { path: '/echo/page?a=1&b="><x>' })
  t.equal(response.status, 200)
  t.equal(response.url.pathname, '/callback')
  t.equal(response.headers.get('cache-control'), 'no-store')
  const target = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(response.body)?.[1]?.replaceAll('&amp;', '&')
  t.equal(target, '/echo/page?a=1&b=%22%3E%3Cx%3E')
  const page = await browser.navigate(new URL(target ?? '', response.url), { from: response.url })
  t.equal(page.status, 200)
  t.equal(page.history.length, 1)
  t.match(JSON.parse(page.body), { sub: 'alice' })
})

// rows: session.cookie_name
t.test('S436: cores with different clients or secrets in one server have different cookies; those of one client and secret share one', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const names: string[] = []
  for (const [prefix, clientId, secret] of [['/a', 'one', SECRET], ['/b', 'two', SECRET], ['/c', 'one', SECRET], ['/d', 'one', `${SECRET}!`], ['/e', 'one', `${SECRET}?`], ['/f', 'two', `${SECRET}!`], ['/g', 'one', `${SECRET}?`]] as const) {
    await app.register(async scope => {
      await scope.register(oidc, { ...optionsFor({ ...offline, clientId }, { session: { secret } }), redirect_uri: `${prefix}/callback` })
      scope.get('/', async request => ({ sub: request.oidc.claims?.sub }))
      names.push((await scope.oidc.issueCookie({})).split('=')[0] ?? '')
    }, { prefix })
  }
  t.equal(names[0], 'oidc')
  t.match(names[1], /^oidc_[\w-]{8}$/)
  t.equal(names[2], 'oidc')
  for (const name of names.slice(3)) t.match(name, /^oidc_[\w-]{8}$/)
  t.equal(new Set(names).size, 5)
  t.equal(names[4], names[6])
  const own = ownCookiesOf(app.server)
  for (const name of [...names, `${names[1]}_1`, `__Host-${names[1]}`, `__Host-${names[1]}_12`]) t.ok(own.isOwn(name), name)
})

t.test('own cookies are told from those of an upstream', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { security_profile: 'apisix' }))
  const { cookies } = app.oidc
  for (const name of ['session', 'session_0', 'session_1', 'session_19', 'session_tx_AbCdEf-_123', '__Host-session', '__Host-session_3', '__Host-session_tx_AbCdEf-_123']) t.ok(cookies.isOwn(name), name)
  for (const name of ['session_id', 'sessionid', 'session_', 'session_100', 'session_tx', 'session_tx_short', 'my_session', 'Session', 'SESSION', '__Secure-session_id', 'oidc', '']) t.notOk(cookies.isOwn(name), name)
  t.equal(cookies.strip('a=1; session=x; b=2'), 'a=1; b=2')
  t.equal(cookies.strip('session_id=keep; session=x;session_1=y ;  session_tx_AbCdEf-_123=z'), 'session_id=keep')
  t.equal(cookies.strip('session=x'), undefined)
  t.equal(cookies.strip(''), undefined)
  t.equal(cookies.strip(';;'), undefined)
  t.equal(cookies.strip('session; b'), 'b', 'a name without a value')
  t.equal(cookies.strip(' session =x; c=session=1'), 'c=session=1')
  t.equal(cookies.strip('a="session=x"; session="y"'), 'a="session=x"')
})

t.test('cookies of an application that uses @fastify/cookie itself stay', async t => {
  const { default: fastifyCookie } = await import('@fastify/cookie')
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(offline))
  await app.register(fastifyCookie)
  app.get('/', async (request, reply) => reply.setCookie('theirs', 'v').send({ seen: Object.keys(request.cookies) }))
  const { session } = await storedOf(app, await app.oidc.issueCookie({}))
  const { handle } = await app.oidcSessionStore.create(session, Math.floor(Date.now() / 1000) + 100)
  const answer = await app.inject({ url: '/', headers: { cookie: `oidc=${handle}; x=1` } })
  t.equal(answer.statusCode, 200)
  t.strictSame(setCookies(answer).map(line => line.split('=')[0]).sort(), ['oidc', 'theirs'])
  t.strictSame(answer.json(), { seen: ['oidc', 'x'] })
})
