import t from 'tap'
import type { FastifyInstance } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { Browser } from 'fastify-oidc-testing'
import { answerFor, complaints, lyingProvider, ORIGIN } from './flow.ts'
import { createApplication, optionsFor, protectedApp } from './support.ts'

const provider = await lyingProvider(t)

const apisix = (more: Partial<OidcPluginOptions> = {}): OidcPluginOptions => ({ ...optionsFor(provider, more), security_profile: 'apisix', redirect_uri: undefined })
const plain = (more: Partial<OidcPluginOptions> = {}): OidcPluginOptions => ({ ...optionsFor(provider), redirect_uri: undefined, ...more })

/** Logs in for an address; answers the redirect URI and where the login ended. */
async function loginAt (app: FastifyInstance, url: string): Promise<{ redirectUri: string, landed: string, status: number, browser: Browser }> {
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, ORIGIN + url)
  const page = await browser.navigate(callback)
  return { redirectUri: callback.origin + callback.pathname, landed: page.url.pathname + page.url.search, status: page.status, browser }
}

// rows: redirect_uri
t.test('S384: under apisix each address has its own callback, with the suffix, however it is spelt', async t => {
  const { app, log } = await protectedApp(t, apisix())
  app.get('/reports/:id', async request => request.url)
  app.get('/optional/:id?', async request => request.url)
  app.get('/trailing/', async request => request.url)
  app.get('/match/:id(^\\d+$)', async request => request.url)
  app.get('/a:b', async request => request.url)
  await app.register(async scope => { scope.get('/', async request => request.url); scope.get('/inner', async request => request.url) }, { prefix: '/deep' })
  for (const [url, redirectUri, status = 200] of [
    ['/', '/.apisix/redirect'],
    ['/echo/deep?q=1', '/echo/deep/.apisix/redirect'],
    ['/echo/', '/echo/.apisix/redirect'],
    ['/reports/7?x=%2F', '/reports/7/.apisix/redirect'],
    ['/reports/%C3%BC%20x', '/reports/%C3%BC%20x/.apisix/redirect'],
    ['/reports/a%2Fb%25', '/reports/a%2Fb%25/.apisix/redirect'],
    ['/optional/7', '/optional/7/.apisix/redirect'],
    ['/optional', '/optional/.apisix/redirect'],
    ['/match/7', '/match/7/.apisix/redirect'],
    ['/trailing/', '/trailing/.apisix/redirect'],
    ['/deep', '/deep/.apisix/redirect'],
    ['/deep/', '/deep/.apisix/redirect'],
    ['/deep/inner', '/deep/inner/.apisix/redirect'],
    ['/nowhere', '/nowhere/.apisix/redirect', 404],
    ['/nowhere/at/all?x', '/nowhere/at/all/.apisix/redirect', 404]
  ] as const) {
    await t.test(url, async t => {
      const login = await loginAt(app, url)
      t.equal(login.redirectUri, ORIGIN + redirectUri)
      t.equal(login.landed, url)
      t.equal(login.status, status)
    })
  }
  t.strictSame(complaints(log).filter(({ oidc }) => oidc !== 'profile'), [])
})

t.test('a callback with the suffix is not mistaken for a page, and a page not for a callback', async t => {
  const { app } = await protectedApp(t, apisix())
  const { browser } = await loginAt(app, '/echo/x')
  const page = await browser.navigate(`${ORIGIN}/echo/x/.apisix/redirect`)
  t.equal(page.status, 200)
  t.match(JSON.parse(page.body), { url: '/echo/x/.apisix/redirect' }, 'without an answer it belongs to the wildcard')
  const back = await browser.navigate(`${ORIGIN}/echo/x/.apisix/redirect?state=only`)
  t.equal(back.status, 200, 'nor is the way back from a logout an answer')
  const other = await browser.navigate(`${ORIGIN}/echo/x?state=a&code=b`)
  t.match(JSON.parse(other.body), { url: '/echo/x?state=a&code=b' })
  const open = await app.inject('/open/.apisix/redirect?state=a&code=b')
  t.not(open.statusCode, 500)
})

t.test('long addresses work under apisix too', async t => {
  const { app } = await protectedApp(t, apisix())
  for (const length of [700, 1000, 1300, 1480]) {
    const url = `/echo/${'p'.repeat(length)}`
    const { status, landed } = await loginAt(app, url)
    t.equal(status, 200, `${length}`)
    t.equal(landed.length, url.length)
  }
})

// rows: redirect_uri
t.test('otherwise one callback serves the scope', async t => {
  const { app } = await protectedApp(t, plain())
  t.match(await loginAt(app, '/echo/x?y=1'), { redirectUri: `${ORIGIN}/.apisix/redirect`, landed: '/echo/x?y=1', status: 200 })
  const relative = await protectedApp(t, plain({ redirect_uri: '/auth/done' }))
  t.match(await loginAt(relative.app, '/echo/x'), { redirectUri: `${ORIGIN}/auth/done`, landed: '/echo/x' })
  const colon = await protectedApp(t, plain({ redirect_uri: '/auth/a:b' }))
  t.match(await loginAt(colon.app, '/echo/x'), { redirectUri: `${ORIGIN}/auth/a:b`, landed: '/echo/x' })
})

// rows: redirect_uri
t.test('an absolute redirect_uri is sent as it is, whatever the host of the request', async t => {
  const { app } = await protectedApp(t, plain({ redirect_uri: 'https://outer.example/auth/done' }))
  const response = await app.inject({ url: '/echo/x', headers: { host: 'inner.example' } })
  t.equal(new URL(String(response.headers.location)).searchParams.get('redirect_uri'), 'https://outer.example/auth/done')
  t.equal((await app.inject('/auth/done')).statusCode, 302, 'its path is the callback')
})

t.test('a redirect_uri keeps its query, at the token endpoint as well', async t => {
  const { app } = await protectedApp(t, plain({ redirect_uri: '/callback?tenant=a%20b&x=1' }))
  const browser = new Browser().route(ORIGIN, app)
  const { location } = await browser.navigate(`${ORIGIN}/echo/x`, { follow: false })
  t.equal(location?.searchParams.get('redirect_uri'), `${ORIGIN}/callback?tenant=a%20b&x=1`)
  t.match(await loginAt(app, '/echo/x'), { landed: '/echo/x', status: 200 })
})

t.test('an absolute redirect_uri is sent letter by letter, at the token endpoint as well (S151, S207)', async t => {
  for (const written of ['http://localhost:80/callback', 'http://Localhost/./callback', 'http://localhost:80/callback?tenant=a%20b', "http://localhost/callback?it's"]) {
    const { app } = await protectedApp(t, plain({ redirect_uri: written }))
    const browser = new Browser().route(ORIGIN, app)
    const { location } = await browser.navigate(`${ORIGIN}/echo/x`, { follow: false })
    t.equal(location?.searchParams.get('redirect_uri'), written)
    t.match(await loginAt(app, '/echo/x'), { landed: '/echo/x', status: 200 })
    await app.close()
  }
})

t.test('in a scope with a prefix it lies under the prefix', async t => {
  const { app } = createApplication(t)
  await app.register(async scope => {
    await scope.register(oidc, plain())
    scope.get('/page', async request => request.url)
  }, { prefix: '/team' })
  await app.register(async scope => {
    await scope.register(oidc, apisix({ session: { cookie_name: 'other' } as OidcPluginOptions['session'] & object }))
    scope.get('/page', async request => request.url)
  }, { prefix: '/other' })
  t.match(await loginAt(app, '/team/page'), { redirectUri: `${ORIGIN}/team/.apisix/redirect`, landed: '/team/page', status: 200 })
  t.match(await loginAt(app, '/other/page'), { redirectUri: `${ORIGIN}/other/page/.apisix/redirect`, landed: '/other/page', status: 200 })
})

t.test('a path that the scope cannot serve stops the boot', async t => {
  for (const options of [{ redirect_uri: '/callback' }, { redirect_uri: 'https://outer.example/callback' }, { redirect_uri: '/teammate/callback' }, { logout_path: '/logout' }]) {
    const { app } = createApplication(t)
    const [name = '', value = ''] = Object.entries(options)[0] ?? []
    await t.rejects(async () => {
      await app.register(async scope => { await scope.register(oidc, plain(options)) }, { prefix: '/team' })
    }, { code: 'FST_OIDC_PATH_OUTSIDE_SCOPE', message: new RegExp(`${name}.*${new URL(value, ORIGIN).pathname}.*/team`) })
  }
})

t.test('a redirect_uri that is no address stops the boot', async t => {
  for (const redirectUri of ['callback', 'ftp://x/callback', 'javascript:alert(1)', 'https://', '/callback#fragment', 'https://user:pass@outer.example/callback', '']) {
    const { app } = createApplication(t)
    await t.rejects(async () => { await app.register(oidc, plain({ redirect_uri: redirectUri })) }, { code: 'FST_OIDC_OPTIONS_INVALID', message: /redirect_uri/ }, redirectUri)
  }
})

// rows: redirect_uri
t.test('a redirect_uri that is a protected route declared before is a callback in place', async t => {
  const { app, log } = createApplication(t)
  app.get('/page', async request => ({ sub: request.oidc.claims?.sub ?? null, url: request.url }))
  await app.register(oidc, plain({ redirect_uri: '/page' }))
  app.get('/other', async request => ({ url: request.url }))
  t.match(await loginAt(app, '/page?x=1'), { redirectUri: `${ORIGIN}/page`, landed: '/page?x=1', status: 200 })
  const { browser, landed } = await loginAt(app, '/other')
  t.equal(landed, '/other')
  t.match(JSON.parse((await browser.navigate(`${ORIGIN}/page`)).body), { sub: 'alice', url: '/page' })
  t.match(JSON.parse((await browser.navigate(`${ORIGIN}/page?state=after-logout`)).body), { url: '/page?state=after-logout' }, 'a state alone is the way back from a logout')
  const logout = await browser.navigate(`${ORIGIN}/logout`, { follow: false })
  t.equal(logout.status, 302)
  const anonymous = await browser.navigate(`${ORIGIN}/page?state=after-logout`, { follow: false })
  t.equal(anonymous.location?.pathname, '/authorize', 'and for somebody anonymous a page like any other')
  t.equal(complaints(log, 50).length, 0)
})

t.test('an open route at the path of the callback stops the boot', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, plain({ redirect_uri: '/page' }))
  t.throws(() => { app.get('/page', { config: { oidc: false } }, async () => '') }, { code: 'FST_OIDC_PATH_TAKEN', message: 'redirect_uri is /page, which is the path of a route of this application: choose one that no route has' })
  t.doesNotThrow(() => { app.post('/page', { config: { oidc: false } }, async () => '') })
  t.doesNotThrow(() => { app.route({ method: 'GET', url: '/page', constraints: { host: 'elsewhere.example' }, handler: async () => '' }) })
})
