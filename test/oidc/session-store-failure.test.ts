import t from 'tap'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { login } from 'fastify-oidc-testing'
import { createMemoryStore, StoreUnavailableError, type SessionStore } from 'fastify-oidc-session-store'
import { createApplication, optionsFor, type Application } from './support.ts'
import { isCleared, lyingProvider, now, setCookies, storedOf } from './session-parts.ts'

type Broken = Partial<Record<keyof SessionStore, Error>>

/** A home-made store whose methods fail on request. */
function breakable (): { readonly store: SessionStore, break (broken?: Broken): void } {
  const memory = createMemoryStore()
  let broken: Broken = {}
  const store = new Proxy(memory, {
    get (target, name: keyof SessionStore) {
      const member = target[name]
      if (typeof member !== 'function') return member
      return async (...parameters: never[]): Promise<unknown> => {
        const error = broken[name]
        if (error !== undefined) throw error
        return await (member as (...parameters: never[]) => unknown)(...parameters)
      }
    }
  })
  return { store, break (next = {}) { broken = next } }
}

async function application (t: Parameters<typeof createApplication>[0], options: OidcPluginOptions): Promise<Application & ReturnType<typeof breakable>> {
  const made = breakable()
  const application = createApplication(t)
  const { app } = application
  app.decorate('oidcSessionStore', made.store)
  await app.register(oidc, options)
  app.get('/', async () => 'answered')
  app.get('/pass', { config: { oidc: { unauth_action: 'pass' } } }, async request => ({ authenticated: request.oidc.authenticated }))
  app.get('/open', { config: { oidc: false } }, async () => 'open')
  return { ...application, ...made }
}

const unavailable = (): Error => Object.assign(new StoreUnavailableError(), { cause: Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:6379'), { code: 'ECONNREFUSED' }) })
const script = { 'sec-fetch-mode': 'cors' }

t.test('O179, W10, S439: a store that cannot be reached is 503 and never anonymous, and the cookie stays', async t => {
  const provider = await lyingProvider(t)
  const { app, log, break: breakStore } = await application(t, optionsFor(provider))
  const { cookie } = await login(app)
  breakStore({ get: unavailable() })
  for (const url of ['/', '/pass', '/nowhere', '/logout']) {
    const answer = await app.inject({ url, headers: { cookie, ...script } })
    t.equal(answer.statusCode, 503, url)
    t.equal(answer.headers['retry-after'], '5')
    t.equal(answer.headers['cache-control'], 'no-store')
    t.equal(setCookies(answer).length, 0)
    t.match(answer.json(), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
    t.notMatch(answer.body, /10\.1\.2\.3|ECONNREFUSED/)
  }
  const page = await app.inject({ url: '/', headers: { cookie, accept: 'text/html' } })
  t.equal(page.statusCode, 503)
  t.match(page.headers['content-type'], /text\/html/)
  t.equal((await app.inject({ url: '/open', headers: { cookie } })).statusCode, 200, 'open routes need no store')
  t.equal((await app.inject('/')).statusCode, 302, 'and nor does who brings no cookie')
  t.ok(log.some(line => line.level === 50 && line.code === 'FST_OIDC_STORE_UNAVAILABLE' && /ECONNREFUSED/.test(String(line.msg))))
  breakStore()
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200, 'it goes on where it was')
})

t.test('an unknown error of a store closes the route as well', async t => {
  const provider = await lyingProvider(t)
  const { app, break: breakStore } = await application(t, optionsFor(provider))
  const { cookie } = await login(app)
  breakStore({ get: new TypeError('undefined is not a session') })
  for (const url of ['/', '/pass', '/logout']) {
    const answer = await app.inject({ url, headers: { cookie, ...script } })
    t.equal(answer.statusCode, 500, url)
    t.equal(setCookies(answer).length, 0)
  }
})

t.test('a logout that the store could not keep is 503, and the session lives for another try', async t => {
  const provider = await lyingProvider(t)
  const { app, break: breakStore } = await application(t, optionsFor(provider))
  const { cookie } = await login(app)
  breakStore({ destroy: unavailable() })
  const failed = await app.inject({ url: '/logout', headers: { cookie } })
  t.equal(failed.statusCode, 503)
  t.equal(setCookies(failed).length, 0)
  breakStore()
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200)
  const done = await app.inject({ url: '/logout', headers: { cookie } })
  t.equal(done.statusCode, 302)
  t.ok(isCleared(done))
  t.equal((await app.inject({ url: '/', headers: { cookie, ...script } })).statusCode, 401)
})

t.test('a login that the store cannot keep is 503, without a cookie', async t => {
  const provider = await lyingProvider(t)
  const { app, break: breakStore } = await application(t, optionsFor(provider))
  breakStore({ create: unavailable() })
  const { response, browser } = await login(app)
  t.equal(response.status, 503)
  t.strictSame(browser.cookies('http://localhost/').filter(({ name }) => name === 'oidc'), [])
  breakStore()
  t.equal((await browser.navigate('http://localhost/')).status, 200, 'the next visit logs in')
})

t.test('a renewal or a slide that the store cannot keep is 503, and nothing is lost', async t => {
  const provider = await lyingProvider(t)
  const { app, store, break: breakStore } = await application(t, optionsFor(provider, { session: { secret: 'a secret of more than thirty-two bytes', cookie: { lifetime: 400 } } }))
  const { cookie } = await login(app)
  const { session } = await storedOf(app, cookie)
  const { handle } = await store.create({ ...session, id: 'sliding' }, now() + 50)
  breakStore({ touch: unavailable() })
  const sliding = { url: '/', headers: { cookie: `oidc=${handle}`, ...script } }
  t.equal((await app.inject(sliding)).statusCode, 503)
  breakStore()
  const slid = await app.inject(sliding)
  t.equal(slid.statusCode, 200)
  t.match(setCookies(slid), [new RegExp(`^oidc=${handle};`)], 'the same handle, and a new end')
  const dead = await app.oidc.issueCookie({ ...session, id: 'renewing', accessTokenExpiresAt: now() - 1 })
  const renewing = { url: '/', headers: { cookie: dead, ...script } }
  breakStore({ update: unavailable() })
  const failed = await app.inject(renewing)
  t.equal(failed.statusCode, 503)
  t.equal(setCookies(failed).length, 0)
  breakStore()
  t.equal((await app.inject(renewing)).statusCode, 200, 'what the provider gave is kept at the next request')
  t.equal(provider.count('refresh'), 1)
  t.equal(provider.reused.refreshToken, 0)
  t.ok(((await storedOf(app, dead)).session.accessTokenExpiresAt ?? 0) > now())
})

t.test('with a store that keeps the handle a renewal changes the session and not the cookie', async t => {
  const provider = await lyingProvider(t)
  const { app } = await application(t, optionsFor(provider))
  const { cookie } = await login(app)
  const { session } = await storedOf(app, cookie)
  const dead = await app.oidc.issueCookie({ ...session, id: 'again', accessTokenExpiresAt: now() - 1 })
  const answers = await Promise.all(Array.from({ length: 50 }, async () => await app.inject({ url: '/', headers: { cookie: dead } })))
  t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(provider.count('refresh'), 1)
  t.not((await storedOf(app, dead)).session.accessToken, session.accessToken)
})

t.test('session.storage beside a store that is there already is a boot error', async t => {
  const provider = await lyingProvider(t)
  const { app } = createApplication(t)
  app.decorate('oidcSessionStore', createMemoryStore())
  await t.rejects(async () => { await app.register(oidc, optionsFor(provider, { session: { secret: 'a secret of more than thirty-two bytes', storage: 'cookie' } })) }, { code: 'FST_OIDC_STORE_CONFLICT' })
})

t.test('ready() says what is not', async t => {
  const provider = await lyingProvider(t)
  const { app, break: breakStore } = await application(t, optionsFor(provider))
  await app.ready()
  await app.oidc.ready()
  breakStore({ ready: unavailable() })
  await t.rejects(app.oidc.ready(), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
})
