import t from 'tap'
import type { FastifyInstance } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { Browser, login, type Page } from 'fastify-oidc-testing'
import { complaints, ORIGIN } from './flow.ts'
import { createSigner, type Claims } from './bearer-parts.ts'
import { lyingProvider, movableClock, now, reissue, storedOf } from './session-parts.ts'
import { createApplication, optionsFor, SECRET, testProvider } from './support.ts'

interface Scope { teardown (run: () => unknown): void }

const SLACK = 120
const ACRS = ['bronze', 'silver', 'gold']
const CHALLENGE = (what: string, parameters: string): string => `Bearer realm="apisix", error="insufficient_user_authentication", error_description="Sign in anew to see this: a sign-in with ${what} is needed"${parameters}`

/** An application with doors of several strengths. */
async function doors (t: Scope, options: OidcPluginOptions): Promise<{ app: FastifyInstance, log: ReadonlyArray<Record<string, unknown>> }> {
  const { app, log } = createApplication(t)
  await app.register(oidc, options)
  const tell = async (request: { url: string, oidc: { claims: Claims | null, authenticated: boolean } }) => ({ sub: request.oidc.claims?.sub ?? null, acr: request.oidc.claims?.acr ?? null, url: request.url, authenticated: request.oidc.authenticated })
  app.get('/', tell)
  app.all('/silver', { config: { oidc: { acr_values: ['silver', 'gold'] } } }, tell)
  app.all('/gold', { config: { oidc: { acr_values: 'gold' } } }, tell)
  app.all('/fresh', { config: { oidc: { max_age: 60 } } }, tell)
  app.all('/both', { config: { oidc: { acr_values: { any_of: ['gold'] }, max_age: 60 } } }, tell)
  app.get('/denied', { config: { oidc: { acr_values: 'gold', unauth_action: 'deny' } } }, tell)
  app.get('/passed', { config: { oidc: { acr_values: 'gold', unauth_action: 'pass' } } }, tell)
  return { app, log }
}

/** Authorization requests of one way through. */
function asked ({ history }: Page): URLSearchParams[] {
  return history.filter(({ url }) => url.pathname === '/auth' || url.pathname === '/authorize').map(({ url }) => url.searchParams)
}

const json = (page: Page): Claims => JSON.parse(page.body) as Claims

t.test('a visit whose session lacks acr logs in again, and comes back to what it asked for with a session in place of the old one', async t => {
  const provider = await testProvider(t, { acrValues: ACRS })
  const { app, log } = await doors(t, optionsFor(provider))
  const { browser, cookie } = await login(app)
  const before = await storedOf(app, cookie)
  const page = await browser.navigate(`${ORIGIN}/silver?x=1&y=%2F`)
  t.equal(page.status, 200)
  t.match(json(page), { sub: 'alice', acr: 'silver', url: '/silver?x=1&y=%2F' })
  t.strictSame(asked(page).map(query => [query.get('acr_values'), query.get('max_age'), query.get('prompt')]), [['silver gold', null, null]], 'in order of preference, and nothing else')
  const after = await storedOf(app, browser.cookieHeader(ORIGIN))
  t.not(after.session.id, before.session.id)
  t.match(after.session.assurance, { acr: 'silver', unmet: null })
  t.equal((await browser.navigate(`${ORIGIN}/silver`)).history.length, 1, 'once')
  t.match(json(await browser.navigate(`${ORIGIN}/gold`)), { acr: 'gold' }, 'a step up')
  t.equal((await browser.navigate(`${ORIGIN}/silver`)).history.length, 1, 'gold does for silver, as the list says')
  t.same(complaints(log), [])
  t.same(provider.errors, [])
})

t.test('a first login asks for what the page needs at once', async t => {
  const provider = await testProvider(t, { acrValues: ACRS })
  const { app } = await doors(t, optionsFor(provider))
  const page = await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/both?q`)
  t.match(json(page), { sub: 'alice', acr: 'gold', url: '/both?q' })
  t.strictSame(asked(page).map(query => [query.get('acr_values'), query.get('max_age')]), [['gold', '60']])
})

t.test('a visit past max_age logs in again at the provider, which moves auth_time', async t => {
  const provider = await testProvider(t)
  const { app } = await doors(t, optionsFor(provider))
  const clock = movableClock(t)
  const browser = new Browser().route(ORIGIN, app)
  t.equal((await browser.navigate(`${ORIGIN}/fresh`)).status, 200)
  const first = await storedOf(app, browser.cookieHeader(ORIGIN))
  clock.advance(60 + SLACK - 5)
  t.equal((await browser.navigate(`${ORIGIN}/fresh`)).history.length, 1, 'the difference of clocks is tolerated')
  clock.advance(10)
  const page = await browser.navigate(`${ORIGIN}/fresh?deep=1`)
  t.match(json(page), { sub: 'alice', url: '/fresh?deep=1' })
  t.strictSame(asked(page).map(query => [query.get('acr_values'), query.get('max_age'), query.get('prompt')]), [[null, '60', null]])
  const second = await storedOf(app, browser.cookieHeader(ORIGIN))
  t.ok((second.session.assurance?.authTime ?? 0) >= (first.session.assurance?.authTime ?? Infinity) + 60 + SLACK)
  t.equal((await browser.navigate(`${ORIGIN}/fresh`)).history.length, 1)
})

t.test('a session that does not say when is asked anew once, and then it is known', async t => {
  const provider = await testProvider(t)
  const { app } = await doors(t, optionsFor(provider))
  const { browser, cookie } = await login(app)
  t.equal((await storedOf(app, cookie)).session.assurance?.authTime ?? null, null, 'this provider says it where max_age asks')
  t.equal(asked(await browser.navigate(`${ORIGIN}/fresh`)).length, 1)
  t.equal(asked(await browser.navigate(`${ORIGIN}/fresh`)).length, 0)
})

t.test('a renewal does not move auth_time, whatever the renewed ID token says', async t => {
  const provider = await lyingProvider(t)
  const { app } = await doors(t, optionsFor(provider))
  const { cookie } = await login(app)
  const authTime = now() - 60 - SLACK - 10
  const old = await reissue(app, cookie, { assurance: { acr: 'bronze', authTime, unmet: null }, accessTokenExpiresAt: now() - 1 })
  provider.lie({ idTokenClaims: { acr: 'gold' } })
  const browser = new Browser().route(ORIGIN, app)
  browser.setCookies(ORIGIN, old.split('; ').map(pair => `${pair}; Path=/`))
  t.match(json(await browser.navigate(`${ORIGIN}/`)), { acr: 'gold' }, 'renewed')
  t.same((await storedOf(app, browser.cookieHeader(ORIGIN))).session.assurance, { acr: 'bronze', authTime, unmet: null })
  for (const path of ['/fresh', '/gold']) t.equal((await browser.navigate(`${ORIGIN}${path}`, { follow: false })).location?.pathname, '/authorize', path)
})

t.test('a provider that does not do what it was asked for is asked once: 403 with a code, and no loop', async t => {
  const cases: ReadonlyArray<readonly [string, Claims, string]> = [
    ['/silver?q=1', { acr: 'bronze' }, 'acr_values silver gold'],
    ['/silver?q=1', {}, 'acr_values silver gold'],
    ['/silver', { acr: ['silver'] }, 'acr_values silver gold'],
    ['/silver', { acr: { silver: true } }, 'acr_values silver gold'],
    ['/fresh', { auth_time: now() - 3600 }, 'max_age 60'],
    ['/fresh', { auth_time: now() + 3600 }, 'max_age 60'],
    ['/fresh', { auth_time: undefined }, 'max_age 60'],
    ['/both', { acr: 'gold', auth_time: now() - 3600 }, 'acr_values gold, max_age 60']
  ]
  for (const [path, idTokenClaims, needed] of cases) {
    const provider = await lyingProvider(t)
    const { app } = await doors(t, optionsFor(provider))
    provider.lie({ idTokenClaims })
    for (const browser of [new Browser().route(ORIGIN, app), (await login(app)).browser]) {
      const name = `${path} ${JSON.stringify(idTokenClaims)}`
      const before = provider.count('authorize')
      const page = await browser.navigate(`${ORIGIN}${path}`)
      t.equal(page.status, 403, name)
      t.match(page.body, 'FST_OIDC_STEP_UP_UNMET', name)
      t.match(page.body, needed, name)
      t.equal(provider.count('authorize') - before, 1, name)
      t.equal((await browser.navigate(`${ORIGIN}${path}`)).status, 403)
      t.equal(provider.count('authorize') - before, 1, 'nor at the next visit')
      t.equal((await browser.navigate(`${ORIGIN}/`)).status, 200, 'and the session goes on')
    }
  }
})

t.test('another instance does not ask again either, and after five minutes a visit may try once more', async t => {
  const provider = await lyingProvider(t)
  const [one, two] = [await doors(t, optionsFor(provider)), await doors(t, optionsFor(provider))]
  const browser = new Browser().route(ORIGIN, one.app)
  t.equal((await browser.navigate(`${ORIGIN}/gold`)).status, 403)
  const cookie = browser.cookieHeader(ORIGIN)
  t.equal((await two.app.inject({ url: '/gold', headers: { cookie } })).statusCode, 403)
  t.equal((await two.app.inject({ url: '/silver', headers: { cookie } })).statusCode, 302, 'another demand is another question')
  movableClock(t).advance(301)
  const again = await two.app.inject({ url: '/gold', headers: { cookie } })
  t.equal(again.statusCode, 302)
  t.match(again.headers.location, '/authorize')
})

t.test('a provider that says that it cannot is believed', async t => {
  const provider = await lyingProvider(t)
  const { app } = await doors(t, optionsFor(provider))
  const { browser } = await login(app)
  provider.lie({ callback: { kind: 'error', error: 'unmet_authentication_requirements', description: '<b>no</b>' } })
  const before = provider.count('authorize')
  const page = await browser.navigate(`${ORIGIN}/gold`)
  t.equal(page.status, 403)
  t.match(page.body, 'FST_OIDC_STEP_UP_UNMET')
  t.match(page.body, 'acr_values gold')
  t.notMatch(page.body, '<b>no')
  t.equal(provider.count('authorize') - before, 1)
  t.equal((await browser.navigate(`${ORIGIN}/`)).status, 200, 'the session that there was goes on')
  const other = await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/`)
  t.equal(other.status, 502, 'where nothing was asked for it is a refusal like any other')
})

t.test('whatever is no visit gets 401 and the challenge of RFC 9470', async t => {
  const provider = await lyingProvider(t)
  const { app } = await doors(t, optionsFor(provider))
  const cookie = await app.oidc.issueCookie({ subject: 'alice', idTokenClaims: { sub: 'alice', acr: 'bronze', auth_time: now() - 3600 } })
  const requests: ReadonlyArray<{ readonly method?: 'POST', readonly headers: Record<string, string> }> = [
    { headers: { accept: 'application/json' } },
    { headers: { 'sec-fetch-mode': 'cors' } },
    { headers: { 'x-requested-with': 'XMLHttpRequest' } },
    { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } },
    { headers: { connection: 'upgrade', upgrade: 'websocket' } }
  ]
  for (const { headers, ...request } of requests) {
    const answer = await app.inject({ url: '/both', ...request, headers: { ...headers, cookie } })
    t.equal(answer.statusCode, 401, JSON.stringify(headers))
    t.equal(answer.headers['www-authenticate'], CHALLENGE('acr_values gold, max_age 60', ', acr_values="gold", max_age="60"'))
    t.match(answer.json(), { statusCode: 401, code: 'FST_OIDC_STEP_UP_REQUIRED', error: 'Unauthorized' })
    t.notOk(answer.headers['set-cookie'])
  }
  t.equal((await app.inject({ url: '/silver', headers: { cookie, accept: 'application/json' } })).headers['www-authenticate'], CHALLENGE('acr_values silver gold', ', acr_values="silver gold"'))
  t.equal((await app.inject({ url: '/fresh', headers: { cookie, accept: 'application/json' } })).headers['www-authenticate'], CHALLENGE('max_age 60', ', max_age="60"'))
  t.equal(provider.count('authorize'), 0)
})

t.test('where the policy is not to log in, a visit gets the challenge as well, and a rule that opens opens to nobody known', async t => {
  const provider = await lyingProvider(t)
  const { app } = await doors(t, optionsFor(provider, { skip_auth_routes: ['^/silver'] }))
  const cookie = await app.oidc.issueCookie({ subject: 'alice' })
  for (const path of ['/denied', '/passed']) t.match((await app.inject({ url: path, headers: { cookie } })).headers['www-authenticate'], 'insufficient_user_authentication', path)
  t.equal((await app.inject('/passed')).statusCode, 200, 'nobody is nobody')
  t.match((await app.inject({ url: '/silver', headers: { cookie } })).json(), { authenticated: false, sub: null })
})

t.test('api_routes are sent to no login', async t => {
  const provider = await lyingProvider(t)
  const { app } = await doors(t, optionsFor(provider, { api_routes: ['^/gold'] }))
  const cookie = await app.oidc.issueCookie({ subject: 'alice' })
  t.equal((await app.inject({ url: '/gold', headers: { cookie } })).statusCode, 401)
})

t.test('a bearer token is held to what it says itself, and one that says nothing does not do', async t => {
  const provider = await lyingProvider(t)
  const signer = await createSigner()
  const { app } = await doors(t, optionsFor(provider, { public_key: signer.pem, audience: 'api' }))
  const send = async (url: string, more: Claims): Promise<{ status: number, challenge: unknown }> => {
    const token = await signer.sign({ iss: provider.issuer, sub: 'alice', aud: 'api', client_id: 'app', iat: now(), exp: now() + 600, ...more })
    const { statusCode: status, headers } = await app.inject({ url, headers: { authorization: `Bearer ${token}` } })
    return { status, challenge: headers['www-authenticate'] }
  }
  t.match(await send('/gold', { acr: 'gold' }), { status: 200 })
  t.match(await send('/silver', { acr: 'gold' }), { status: 200 })
  t.same(await send('/gold', { acr: 'silver' }), { status: 401, challenge: CHALLENGE('acr_values gold', ', acr_values="gold"') })
  t.match(await send('/gold', {}), { status: 401 })
  t.match(await send('/fresh', { auth_time: now() }), { status: 200 })
  t.match(await send('/fresh', { auth_time: now() - 60 - SLACK + 5 }), { status: 200 })
  t.same(await send('/fresh', { auth_time: now() - 60 - SLACK - 5 }), { status: 401, challenge: CHALLENGE('max_age 60', ', max_age="60"') })
  for (const value of [undefined, `${now()}`, now() + SLACK + 60, null, [now()]]) t.match(await send('/fresh', { auth_time: value }), { status: 401 }, JSON.stringify(value))
  const token = await signer.sign({ iss: provider.issuer, sub: 'alice', aud: 'api', client_id: 'app', iat: now(), exp: now() + 600, auth_time: now() })
  movableClock(t).advance(60 + SLACK + 5)
  t.equal((await app.inject({ url: '/fresh', headers: { authorization: `Bearer ${token}` } })).statusCode, 401, 'the clock goes on while a verification is kept')
})

t.test('somebody else who logs in on the way is a new login', async t => {
  const provider = await testProvider(t, { acrValues: ACRS })
  const { app } = await doors(t, optionsFor(provider))
  const { browser, cookie } = await login(app)
  const page = await browser.navigate(`${ORIGIN}/gold?q`, {
    onRedirect: to => {
      if (to.pathname.startsWith('/interaction/')) to.searchParams.set('login_hint', 'bob')
      return to
    }
  })
  t.match(json(page), { sub: 'bob', acr: 'gold', url: '/gold?q' })
  movableClock(t).advance(61)
  t.equal((await storedOf(app, browser.cookieHeader(ORIGIN))).session.subject, 'bob')
  t.equal((await storedOf(app, cookie)).session.subject, 'alice', 'a session in a cookie lives on where somebody kept a copy, as after any login')
})

t.test('a page that offers logins is for who has no session, and fastify.oidc.login asks for what the plugin requires', async t => {
  const provider = await lyingProvider(t)
  const { app } = await doors(t, optionsFor(provider, { acr_values: 'silver', max_age: 600 }))
  app.oidc.offerLogin(async (_request, reply) => await reply.code(403).send('sign in'))
  app.get('/start', { config: { oidc: false } }, async (request, reply) => await app.oidc.login(request, reply, { returnTo: '/' }))
  app.get('/own', { config: { oidc: false } }, async (request, reply) => await app.oidc.login(request, reply, { returnTo: '/', parameters: { acr_values: ['mine'] } }))
  app.get('/lifted', { config: { oidc: { acr_values: false, max_age: false } } }, async () => 'lifted')
  t.equal((await app.inject('/')).statusCode, 403)
  const queryOf = async (url: string, headers = {}): Promise<URLSearchParams> => new URL(String((await app.inject({ url, headers })).headers.location)).searchParams
  const start = await queryOf('/start')
  t.strictSame([start.get('acr_values'), start.get('max_age')], ['silver', '600'])
  const own = await queryOf('/own')
  t.strictSame([own.get('acr_values'), own.get('max_age')], ['mine', null])
  const cookie = await app.oidc.issueCookie({ subject: 'alice' })
  t.equal((await queryOf('/', { cookie })).get('acr_values'), 'silver')
  t.equal((await app.inject({ url: '/lifted', headers: { cookie } })).body, 'lifted')
})

t.test('a guard asks for it too, and one without redirects never redirects', async t => {
  const provider = await lyingProvider(t)
  const { app } = await doors(t, optionsFor(provider))
  app.get('/guarded', { config: { oidc: false }, onRequest: app.oidc.guard({ acr_values: ['gold'] }) }, async () => 'in')
  app.get('/asked', { config: { oidc: false }, onRequest: app.oidc.guard({ acr_values: ['gold'] }, { redirects: false }) }, async () => 'in')
  const cookie = await app.oidc.issueCookie({ subject: 'alice' })
  const gold = await app.oidc.issueCookie({ subject: 'alice', idTokenClaims: { sub: 'alice', acr: 'gold' } })
  t.equal((await app.inject({ url: '/guarded', headers: { cookie } })).statusCode, 302)
  t.equal((await app.inject({ url: '/asked', headers: { cookie } })).statusCode, 401)
  for (const url of ['/guarded', '/asked']) t.equal((await app.inject({ url, headers: { cookie: gold } })).body, 'in')
})

t.test('of users of the application itself it is known when they gave their password, and no acr', async t => {
  const provider = await lyingProvider(t)
  const { app } = await doors(t, optionsFor(provider))
  const identity = { user: 'ann', groups: [], stamp: 'stamp' }
  app.oidc.useLocalUsers({ isCurrent: () => true, verify: async ({ name }) => name === 'ann' ? identity : null })
  app.get('/sign-in', { config: { oidc: false } }, async (request, reply) => {
    await app.oidc.establish(request, reply, identity)
    return 'in'
  })
  const clock = movableClock(t)
  const browser = new Browser().route(ORIGIN, app)
  await browser.navigate(`${ORIGIN}/sign-in`)
  t.equal((await browser.navigate(`${ORIGIN}/fresh`)).status, 200)
  const authorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`
  t.equal((await app.inject({ url: '/fresh', headers: { authorization } })).statusCode, 200)
  clock.advance(60 + SLACK + 5)
  t.equal((await browser.navigate(`${ORIGIN}/fresh`, { follow: false })).status, 302)
  t.equal((await app.inject({ url: '/fresh', headers: { authorization } })).statusCode, 200, 'a password that comes along is given now')
  t.equal((await app.inject({ url: '/gold', headers: { authorization } })).statusCode, 401)
})

t.test('a demand that cannot be met, or would let everyone in, stops the boot', async t => {
  const provider = await lyingProvider(t)
  const wrong: ReadonlyArray<readonly [object, RegExp]> = [
    [{ acr_values: [] }, /acr_values is empty, and would let everyone in/],
    [{ acr_values: ' ' }, /acr_values is empty/],
    [{ acr_values: { any_of: [] } }, /acr_values is empty/],
    [{ acr_values: { all_of: ['a'] } }, /acr_values/],
    [{ acr_values: ['a b'] }, /acr_values has "a b"/],
    [{ acr_values: ['a"b'] }, /acr_values has/],
    [{ acr_values: ['é'] }, /acr_values has/],
    [{ acr_values: [`a${'b'.repeat(500)}`] }, /longer than 500/],
    [{ max_age: 0 }, /max_age/],
    [{ max_age: -1 }, /max_age/],
    [{ max_age: 1.5 }, /max_age/],
    [{ max_age: '60' }, /max_age/]
  ]
  for (const [options, message] of wrong) {
    const { app } = createApplication(t)
    await t.rejects(async () => { await app.register(oidc, optionsFor(provider, { ...options, session: { secret: SECRET } } as Partial<OidcPluginOptions>)) }, { code: 'FST_OIDC_OPTIONS_INVALID', message }, JSON.stringify(options))
    const { app: other } = createApplication(t)
    await other.register(oidc, optionsFor(provider))
    t.throws(() => { other.get('/', { config: { oidc: options } }, async () => '') }, { code: 'FST_OIDC_POLICY_INVALID', message }, JSON.stringify(options))
  }
})
