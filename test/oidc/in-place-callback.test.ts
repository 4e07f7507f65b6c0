import t from 'tap'
import type { FastifyInstance } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { Browser } from 'fastify-oidc-testing'
import { answerFor, complaints, ORIGIN } from './flow.ts'
import { lyingProvider, movableClock } from './session-parts.ts'
import { createApplication, optionsFor, type Application } from './support.ts'

interface Scope { teardown (run: () => unknown): void }

const PAGE = `${ORIGIN}/api`
const LOST = `${'a'.repeat(43)}.0`

const tell = async (request: { url: string, oidc: { claims: Record<string, unknown> | null } }) => ({ sub: request.oidc.claims?.sub ?? null, url: request.url })

/** An application whose redirect_uri is the page itself. */
async function pages (t: Scope, options: OidcPluginOptions, declare: 'before' | 'after' = 'after'): Promise<Application> {
  const application = createApplication(t)
  const { app } = application
  if (declare === 'before') app.get('/api', tell)
  await app.register(oidc, { ...options, redirect_uri: '/api' })
  if (declare === 'after') app.get('/api', tell)
  app.post('/api', tell)
  app.get('/other', tell)
  return application
}

const seen = async (app: FastifyInstance, url: string, cookie = ''): Promise<unknown> => (await app.inject({ url, headers: { cookie } })).json()

for (const declare of ['before', 'after'] as const) {
  t.test(`a login ends with 303 and the page as it was asked for, on a route that was declared ${declare} the plugin`, async t => {
    const provider = await lyingProvider(t)
    const { app, log } = await pages(t, optionsFor(provider), declare)
    const browser = new Browser().route(ORIGIN, app)
    const callback = await answerFor(browser, `${PAGE}?code=promo&state=CA&x=%2F`)
    t.equal(callback.pathname, '/api')
    t.ok(callback.searchParams.has('code'))
    const answer = await browser.navigate(callback, { follow: false })
    t.equal(answer.status, 303)
    t.equal(answer.location?.href, `${PAGE}?code=promo&state=CA&x=%2F`, 'its own query is kept, and nothing of the answer')
    const page = await browser.navigate(answer.location as URL)
    t.strictSame(JSON.parse(page.body), { sub: 'alice', url: '/api?code=promo&state=CA&x=%2F' })
    t.match(JSON.parse((await browser.navigate(`${ORIGIN}/other`)).body), { sub: 'alice' })
    t.same(complaints(log).filter(({ oidc }) => oidc !== 'route.late'), [])
    if (declare === 'after') t.notMatch(JSON.stringify(log), String(callback.searchParams.get('code')), 'a code is in no log')
  })
}

t.test('a login that began elsewhere comes back there by way of the page', async t => {
  const provider = await lyingProvider(t)
  const { app } = await pages(t, optionsFor(provider))
  const page = await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/other?q=1`)
  t.strictSame(JSON.parse(page.body), { sub: 'alice', url: '/other?q=1' })
  t.ok(page.history.some(({ url }) => url.pathname === '/api'))
})

t.test("an error of the provider is an error page, where the browser's attempt is known", async t => {
  const provider = await lyingProvider(t)
  const { app } = await pages(t, optionsFor(provider))
  provider.lie({ callback: { kind: 'error', error: 'access_denied' } })
  const page = await new Browser().route(ORIGIN, app).navigate(PAGE)
  t.equal(page.status, 403)
  t.match(page.body, 'FST_OIDC_LOGIN_REFUSED')
})

t.test("code and state of the application's own reach it, of whoever calls", async t => {
  const provider = await lyingProvider(t)
  const { app } = await pages(t, optionsFor(provider, { skip_auth_routes: ['^/api$'] }))
  for (const query of ['code=a&state=b', 'error=a&state=b', `code=a&state=${LOST}x`, 'state=b', 'code=b', `state=${'s'.repeat(5000)}&code=a`]) {
    t.strictSame(await seen(app, `/api?${query}`), { sub: null, url: `/api?${query}` }, 'nobody')
    t.strictSame(await seen(app, `/api?${query}`, await app.oidc.issueCookie({ subject: 'alice' })), { sub: 'alice', url: `/api?${query}` }, 'alice')
  }
  t.equal(provider.count('token'), 0)
  const posted = await app.inject({ method: 'POST', url: '/api?code=a&state=b', headers: { cookie: await app.oidc.issueCookie({ subject: 'alice' }) } })
  t.equal(posted.json().url, '/api?code=a&state=b')
})

t.test('an answer to the attempt of another browser, or with a code of another, is not taken', async t => {
  const provider = await lyingProvider(t)
  const { app } = await pages(t, optionsFor(provider))
  const [attacker, victim] = [new Browser().route(ORIGIN, app), new Browser().route(ORIGIN, app)]
  const [stolen, own] = [await answerFor(attacker, PAGE), await answerFor(victim, PAGE)]
  const before = provider.count('token')
  const cookie = victim.cookieHeader(PAGE)
  const foreign = await app.inject({ url: stolen.pathname + stolen.search, headers: { cookie } })
  t.equal(foreign.statusCode, 302, 'a login begins anew')
  t.match(foreign.headers.location, '/authorize')
  t.equal(provider.count('token'), before, 'the code is not exchanged')
  own.searchParams.set('code', stolen.searchParams.get('code') ?? '')
  const injected = await app.inject({ url: own.pathname + own.search, headers: { cookie } })
  t.equal(injected.statusCode, 502, 'PKCE and nonce are those of another attempt')
  t.notMatch(String(injected.headers['set-cookie']), 'oidc=ey')
})

t.test('an answer that comes again is a request like any other, and exchanges nothing', async t => {
  const provider = await lyingProvider(t)
  const { app } = await pages(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, PAGE)
  t.equal((await browser.navigate(callback)).status, 200)
  const before = provider.count('token')
  const again = await browser.navigate(callback, { follow: false })
  t.equal(again.status, 200)
  t.equal(provider.count('token'), before)
  t.equal(provider.reused.code, 0)
})

t.test('an attempt that is lost begins anew a few times, and not for ever', async t => {
  const provider = await lyingProvider(t)
  const { app } = await pages(t, optionsFor(provider))
  let url = '/api'
  for (let round = 0; round < 4; round++) {
    const { headers: { location } } = await app.inject({ url })
    const state = new URL(String(location)).searchParams.get('state') ?? ''
    t.match(state, new RegExp(`\\.${round}$`))
    url = `/api?code=c&state=${state}&iss=${encodeURIComponent(provider.issuer)}`
  }
  const last = await app.inject({ url })
  t.equal(last.statusCode, 400)
  t.equal(last.json().code, 'FST_OIDC_LOGIN_EXPIRED')
})

t.test('an attempt that took too long is none any more', async t => {
  const provider = await lyingProvider(t)
  const { app } = await pages(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, PAGE)
  movableClock(t).advance(601)
  const answer = await app.inject({ url: callback.pathname + callback.search, headers: { cookie: browser.cookieHeader(PAGE) } })
  t.equal(answer.statusCode, 302)
  t.match(answer.headers.location, '/authorize')
  t.equal(provider.count('token'), 0)
})

t.test('nobody is sent elsewhere by an answer', async t => {
  const provider = await lyingProvider(t)
  const { app } = await pages(t, optionsFor(provider))
  for (const path of ['//evil.example/', '/\\evil.example', '/api?to=https://evil.example']) {
    const browser = new Browser().route(ORIGIN, app)
    const start = await app.inject({ url: '/api', query: { to: path } })
    t.match(start.headers.location, '/authorize')
    const callback = await answerFor(browser, `${PAGE}?returnTo=${encodeURIComponent(path)}`)
    callback.searchParams.set('returnTo', 'https://evil.example')
    const { location } = await browser.navigate(callback, { follow: false })
    t.equal(location?.origin, ORIGIN, path)
    t.equal(location?.pathname, '/api')
  }
})

t.test('where the cookie of sessions is Strict a page goes on', async t => {
  const provider = await lyingProvider(t)
  const { app } = await pages(t, optionsFor(provider, { session: { cookie_same_site: 'Strict' } as OidcPluginOptions['session'] & object }))
  const browser = new Browser().route(ORIGIN, app)
  const answer = await browser.navigate(await answerFor(browser, `${PAGE}?x`), { follow: false })
  t.equal(answer.status, 200)
  t.match(answer.body, 'Signed in')
})
