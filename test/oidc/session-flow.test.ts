import t from 'tap'
import type { OidcPluginOptions } from 'fastify-oidc'
import { Browser, login } from 'fastify-oidc-testing'
import { answerFor, ORIGIN } from './flow.ts'
import { cookieAfter, lyingProvider, movableClock, setCookies } from './session-parts.ts'
import { optionsFor, protectedApp, SECRET, testProvider } from './support.ts'

type Options = Partial<OidcPluginOptions>
const apisix = (more: Options = {}): Options => ({ security_profile: 'apisix', ...more })
const session = (more: object): Options => apisix({ session: { secret: SECRET, ...more } as never })
const page = { accept: 'text/html' }

t.test('a request of a session does not wait for another, nor do those with a cookie that is none (S122, S123)', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, apisix()))
  let open = (): void => {}
  const gate = new Promise<void>(resolve => { open = resolve })
  let reach = (): void => {}
  const reached = new Promise<void>(resolve => { reach = resolve })
  app.get('/slow', async () => { reach(); await gate; return 'slow' })
  const { cookie } = await login(app)
  const slow = app.inject({ url: '/slow', headers: { cookie } })
  await reached
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200, 'while the other one is served')
  open()
  t.equal((await slow).body, 'slow')

  const denying = await protectedApp(t, optionsFor(provider, apisix({ unauth_action: 'deny' })))
  const junk = await Promise.all([1, 2].map(async () => await denying.app.inject({ url: '/', headers: { cookie: 'session=xxxxxxx' } })))
  t.strictSame(junk.map(({ statusCode }) => statusCode), [401, 401])
})

t.test('the cookie lives as long as session.cookie.lifetime says, and no longer than absolute_timeout (S124, S027)', async t => {
  const provider = await testProvider(t)
  for (const [name, more, seconds] of [
    ['S124', { cookie: { lifetime: 86400 } }, 86400],
    ['S027', { cookie: { lifetime: 7200 }, absolute_timeout: 1800 }, 1800]
  ] as const) {
    const { app } = await protectedApp(t, optionsFor(provider, { ...session(more), scope: 'openid profile', required_scopes: ['profile'] }))
    const browser = new Browser().route(ORIGIN, app)
    const { headers } = await browser.navigate(await answerFor(browser, `${ORIGIN}/`), { follow: false })
    const life = Number(headers.getSetCookie().map(line => /^session=[^;]+; Max-Age=(\d+)/.exec(line)?.[1]).find(found => found !== undefined))
    t.ok(life > seconds - 10 && life <= seconds, `${name}: ${life}`)
  }
})

t.test('the cookie is called as session.cookie_name says (S125)', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, session({ cookie_name: 'custom_session' })))
  const { cookie, response } = await login(app)
  t.equal(response.status, 200)
  t.match(cookie, /^custom_session=[\w-]+$/)
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200)
  t.equal((await app.inject({ url: '/', headers: { ...page, cookie: cookie.replace('custom_session', 'session') } })).statusCode, 302)
})

t.test('O169, O195: after absolute_timeout the next visit is a login, however much the session was used (S126)', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, session({ absolute_timeout: 200 })))
  const clock = movableClock(t)
  let { cookie } = await login(app)
  for (const [seconds, status] of [[0, 200], [150, 200], [50, 302]] as const) {
    clock.advance(seconds)
    const answer = await app.inject({ url: '/', headers: { ...page, cookie } })
    t.equal(answer.statusCode, status, `${seconds} seconds later`)
    if (status === 302) t.match(answer.headers.location, `${provider.issuer}/auth?`)
    else cookie = cookieAfter(answer, cookie)
  }
})

t.test('what one instance began another goes on with: a session whose token died is renewed where it arrives (S128)', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ idToken: 'hs256_client_secret', tokenResponse: { expires_in: 1 }, discovery: { id_token_signing_alg_values_supported: ['HS256'] } })
  const [first, second] = [await protectedApp(t, optionsFor(provider, apisix())), await protectedApp(t, optionsFor(provider, apisix()))]
  const clock = movableClock(t)
  const { cookie } = await login(first.app)
  clock.advance(2)
  const before = provider.count('refresh')
  const answer = await second.app.inject({ url: '/echo/x', headers: { ...page, cookie } })
  t.equal(answer.statusCode, 200)
  t.equal(answer.json().sub, 'alice')
  t.equal(provider.count('refresh') - before, 1)
  t.ok(setCookies(answer).some(line => /^session=[^;]/.test(line)))
})

t.test('the scopes that were granted decide, in a session too (S141, S142)', async t => {
  const provider = await testProvider(t)
  for (const [required, status] of [['profile', 200], ['super-admin', 403]] as const) {
    const { app } = await protectedApp(t, optionsFor(provider, apisix({ scope: 'openid profile', required_scopes: [required] })))
    const { cookie, response } = await login(app)
    t.equal(response.status, status, required)
    const answer = await app.inject({ url: '/', headers: { cookie } })
    t.equal(answer.statusCode, status)
    if (status === 403) t.equal(answer.json().error, 'required scopes super-admin not present')
  }
})
