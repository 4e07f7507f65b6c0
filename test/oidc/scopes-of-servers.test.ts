import t from 'tap'
import type { FastifyInstance } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { Browser } from 'fastify-oidc-testing'
import { answerFor, lyingProvider, ORIGIN } from './flow.ts'
import { createApplication, optionsFor, type ProviderFacts } from './support.ts'

type Scope = Parameters<typeof createApplication>[0]

function protect (app: FastifyInstance, prefix: string, options: OidcPluginOptions): void {
  app.register(async scope => {
    await scope.register(oidc, options)
    scope.get('/page', async request => ({ sub: request.oidc.claims?.sub, sid: request.oidc.claims?.sid, at: prefix, session: request.oidc.sessionId }))
  }, { prefix })
}

const inScope = (prefix: string, provider: ProviderFacts, more: Partial<OidcPluginOptions> = {}): OidcPluginOptions => optionsFor(provider, { redirect_uri: `${prefix}/callback`, ...more })

/** Two scopes of one server, each with its own provider. */
async function twoProviders (t: Scope, more: Partial<OidcPluginOptions> = {}) {
  const [left, right] = [await lyingProvider(t, { id: 'left' }), await lyingProvider(t, { id: 'right' })]
  const { app } = createApplication(t)
  protect(app, '/left', inScope('/left', left, more))
  protect(app, '/right', inScope('/right', right, more))
  await app.ready()
  return { app, left, right, browser: new Browser().route(ORIGIN, app) }
}

const sessions = (browser: Browser): string[] => browser.cookies(ORIGIN).map(({ name }) => name).filter(name => !name.includes('_tx_'))

async function statusOf (browser: Browser, path: string): Promise<number> {
  return (await browser.navigate(ORIGIN + path, { follow: false })).status
}

t.test('two cores of one server have logins, cookies and logouts of their own', async t => {
  for (const profile of ['oauth2.1', 'apisix'] as const) {
    await t.test(profile, async t => {
      const { left, right, browser } = await twoProviders(t, { security_profile: profile })
      const toLeft = await answerFor(browser, `${ORIGIN}/left/page`)
      const toRight = await answerFor(browser, `${ORIGIN}/right/page`)
      t.equal((await browser.navigate(toLeft)).url.pathname, '/left/page')
      t.equal(await statusOf(browser, '/right/page'), 302, 'the one says nothing to the other')
      t.equal((await browser.navigate(toRight)).url.pathname, '/right/page')
      t.equal(sessions(browser).length, 2)
      t.match([left.count('token'), right.count('token')], [1, 1])
      t.equal(await statusOf(browser, '/left/page'), 200)

      const out = await browser.navigate(`${ORIGIN}/left/logout`, { follow: false })
      t.equal(out.location?.origin, left.issuer, 'a logout goes to the own provider')
      t.equal(await statusOf(browser, '/left/page'), 302)
      t.equal(await statusOf(browser, '/right/page'), 200)
      await browser.navigate(`${ORIGIN}/right/logout`, { follow: false })
      t.strictSame(sessions(browser), [])
    })
  }
})

t.test('attempts at both at once stay apart', async t => {
  const { browser, left, right } = await twoProviders(t)
  const answers: URL[] = []
  for (let attempt = 0; attempt < 6; attempt++) answers.push(await answerFor(browser, `${ORIGIN}/left/page?${attempt}`), await answerFor(browser, `${ORIGIN}/right/page?${attempt}`))
  for (const [index, callback] of answers.entries()) {
    const page = await browser.navigate(callback)
    t.equal(page.url.pathname + page.url.search, `/${index % 2 === 0 ? 'left' : 'right'}/page?${Math.floor(index / 2)}`)
  }
  t.match([left.count('token'), right.count('token')], [6, 6])
})

t.test("an answer, an attempt or a session of the one does not open at the other's", async t => {
  const { app, left, right, browser } = await twoProviders(t)
  const toLeft = await answerFor(browser, `${ORIGIN}/left/page`)
  const [attempt] = browser.cookies(ORIGIN)
  const swapped = new URL(toLeft.href.replace('/left/', '/right/'))
  const wrong = await browser.navigate(swapped, { follow: false })
  t.equal(wrong.location?.origin, right.issuer, 'another core does not know the state, and starts its own login')
  const renamed = attempt?.name.replace(/^.*_tx_/, `${browser.cookies(ORIGIN).find(({ name }) => name !== attempt.name)?.name.replace(/_tx_.*$/, '') ?? ''}_tx_`)
  const forged = await app.inject({ url: swapped.pathname + swapped.search, headers: { cookie: `${renamed}=${attempt?.value}` } })
  t.ok(String(forged.headers.location).startsWith(right.issuer), 'nor by the name of its own cookies')
  t.match([left.count('token'), right.count('token')], [0, 0])

  await browser.navigate(toLeft)
  await browser.navigate(await answerFor(browser, `${ORIGIN}/right/page`))
  const cookies = browser.cookies(ORIGIN).filter(({ name }) => !name.includes('_tx_'))
  t.equal(cookies.length, 2)
  const [one, two] = cookies
  const exchanged = `${one?.name}=${two?.value}; ${two?.name}=${one?.value}`
  for (const path of ['/left/page', '/right/page']) {
    const response = await app.inject({ url: path, headers: { cookie: exchanged } })
    t.equal(response.statusCode, 302)
    t.notOk([response.headers['set-cookie']].flat().some(line => /=;.*Max-Age=0/.test(String(line))), 'what does not open is left alone')
  }
  const straight = await app.inject({ url: '/left/page', headers: { cookie: `${one?.name}=${one?.value}; ${two?.name}=${two?.value}` } })
  t.equal(straight.statusCode, 200)
})

t.test('two clients of one provider have sessions of their own, under one name and one secret too', async t => {
  const provider = await lyingProvider(t)
  const other = { discovery: provider.discovery, clientId: 'other', clientSecret: provider.clientSecret }
  for (const session of [undefined, { cookie_name: 'mine' } as OidcPluginOptions['session'] & object]) {
    const { app } = createApplication(t)
    protect(app, '/one', inScope('/one', provider, session === undefined ? {} : { session }))
    protect(app, '/two', inScope('/two', other, session === undefined ? {} : { session }))
    await app.ready()
    const browser = new Browser().route(ORIGIN, app)
    await browser.navigate(await answerFor(browser, `${ORIGIN}/one/page`))
    t.equal(await statusOf(browser, '/one/page'), 200)
    const elsewhere = await browser.navigate(`${ORIGIN}/two/page`, { follow: false })
    t.equal(elsewhere.status, 302)
    t.equal(elsewhere.location?.searchParams.get('client_id'), 'other')
    t.equal(await statusOf(browser, '/one/page'), 200, 'and the first one is left alone')
    await app.close()
  }
})

t.test('one client in two scopes is one login', async t => {
  const provider = await lyingProvider(t)
  const { app } = createApplication(t)
  protect(app, '/one', inScope('/one', provider))
  protect(app, '/two', inScope('/two', provider))
  await app.ready()
  const browser = new Browser().route(ORIGIN, app)
  const { session } = JSON.parse((await browser.navigate(await answerFor(browser, `${ORIGIN}/one/page`))).body) as { session: string }
  const page = await browser.navigate(`${ORIGIN}/two/page`)
  t.match(JSON.parse(page.body), { session, at: '/two' })
  t.equal(provider.count('token'), 1)
  await browser.navigate(`${ORIGIN}/two/logout`, { follow: false })
  t.equal(await statusOf(browser, '/one/page'), 302, 'and one logout')
})

t.test('what stands beside the scopes is not guarded by them', async t => {
  const { app, browser } = await twoProviders(t)
  t.equal(await statusOf(browser, '/elsewhere'), 404)
  t.equal(await statusOf(browser, '/left/nothing'), 404, 'the 404 of a prefix is that of the server')
  t.notOk(app.hasDecorator('oidc'))
})

t.test('a core inside a core, or beside another in one scope, stops the boot', async t => {
  const provider = await lyingProvider(t)
  const inner = createApplication(t).app
  await inner.register(oidc, optionsFor(provider))
  await t.rejects(async () => { await inner.register(async scope => { await scope.register(oidc, inScope('/inner', provider)) }, { prefix: '/inner' }) }, { code: 'FST_OIDC_ALREADY_REGISTERED', message: /scope of its own/ })
  const twice = createApplication(t).app
  await twice.register(oidc, optionsFor(provider))
  await t.rejects(async () => { await twice.register(oidc, optionsFor(provider)) }, { code: 'FST_OIDC_ALREADY_REGISTERED' })
})

t.test('every core of a server knows the cookies of all, and nobody else\'s', async t => {
  const provider = await lyingProvider(t)
  const { app } = createApplication(t)
  const scopes: FastifyInstance[] = []
  for (const [prefix, clientId] of [['/one', 'app'], ['/two', 'other']] as const) {
    app.register(async scope => {
      await scope.register(oidc, inScope(prefix, { ...provider, clientId }))
      scope.get('/page', async () => '')
      scopes.push(scope)
    }, { prefix })
  }
  await app.ready()
  const issued = await Promise.all(scopes.map(async scope => await scope.oidc.issueCookie({ subject: 'alice' })))
  const attempts = await Promise.all(['/one', '/two'].map(async prefix => String((await app.inject(`${prefix}/page`)).headers['set-cookie']).split(';')[0]))
  for (const scope of scopes) {
    t.equal(scope.oidc.cookies.strip(['a=1', ...issued, 'oidc_id=z', ...attempts, 'b=2'].join('; ')), 'a=1; oidc_id=z; b=2')
    t.equal(scope.oidc.cookies.strip(issued.join('; ')), undefined)
  }
})
