import t from 'tap'
import oidc from 'fastify-oidc'
import { createMemoryStore } from 'fastify-oidc-session-store'
import { login } from 'fastify-oidc-testing'
import { loginWithToken, lyingProvider, setCookies } from '../oidc/session-parts.ts'
import { createApplication, optionsFor, protectedApp, SECRET } from '../oidc/support.ts'

t.test('a cookie of ours makes an answer private, whatever the handler says of it', async t => {
  const provider = await lyingProvider(t)
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(provider))
  const written = { public: 'public, max-age=3600', shared: 's-maxage=60', partly: 'private="x-name", max-age=60', private: 'max-age=60, private', nothing: 'no-store' }
  app.get('/', async () => 'home')
  app.get('/as/:name', async (request, reply) => {
    reply.header('cdn-cache-control', 'max-age=60').header('surrogate-control', 'max-age=60')
    return reply.header('cache-control', written[(request.params as { name: keyof typeof written }).name]).send('for everybody')
  })
  for (const [name, value] of Object.entries(written)) {
    const url = `/as/${name}`
    const renewed = await app.inject({ url, headers: { cookie: await loginWithToken(app) } })
    t.equal(renewed.statusCode, 200)
    t.ok(setCookies(renewed).some(line => line.startsWith('oidc=')))
    t.equal(renewed.headers['cache-control'], name === 'private' || name === 'nothing' ? value : 'private, no-cache')
    t.equal(renewed.headers['cdn-cache-control'], undefined)
    t.equal(renewed.headers['surrogate-control'], undefined)
    const settled = await app.inject({ url, headers: { cookie: (await login(app)).cookie } })
    t.equal(settled.headers['set-cookie'], undefined)
    t.match(settled.headers, { 'cache-control': value, 'cdn-cache-control': 'max-age=60' }, 'without a cookie of ours it is the handler\'s')
  }
})

t.test('a listener that throws neither keeps the others from hearing of an end nor stops the process', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider, { session: { secret: SECRET, cookie: { lifetime: 3 } } }))
  let hear = (): void => {}
  app.get('/watch', async request => {
    app.oidc.onSessionEnd(request, () => { throw new Error('a listener of the application') })
    app.oidc.onSessionEnd(request, () => { hear() })
    return 'watched'
  })
  await app.ready()
  const watch = async (): Promise<{ cookie: string, ended: Promise<void> }> => {
    const ended = new Promise<void>(resolve => { hear = resolve })
    const cookie = await app.oidc.issueCookie({})
    await app.inject({ url: '/watch', headers: { cookie } })
    return { cookie, ended }
  }
  const { cookie, ended } = await watch()
  t.equal((await app.inject({ url: '/logout', headers: { cookie } })).statusCode, 302)
  await ended
  await (await watch()).ended
  t.equal(log.filter(({ oidc }) => oidc === 'session.end').length, 2, 'and it is told')
})

t.test('after a logout a request that goes on gets no access token', async t => {
  const provider = await lyingProvider(t)
  for (const store of ['cookie', 'memory']) {
    const { app } = createApplication(t)
    if (store === 'memory') app.decorate('oidcSessionStore', createMemoryStore())
    await app.register(oidc, optionsFor(provider))
    let ask = async (): Promise<string | null> => null
    app.get('/', async request => {
      ask = request.oidc.freshAccessToken.bind(request.oidc)
      return await ask()
    })
    const { cookie } = await login(app)
    t.match((await app.inject({ url: '/', headers: { cookie } })).body, /^access-/)
    await app.inject({ url: '/logout', headers: { cookie } })
    t.equal(await ask(), null, store)
  }
})

t.test('the button of the sign-out page works', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const { cookie } = await login(app)
  const page = await app.inject({ url: '/logout', headers: { cookie, 'sec-fetch-site': 'cross-site', accept: 'text/html' } })
  t.match(page.body, /<form method="post" action="\/logout">/)
  const response = await app.inject({ method: 'POST', url: '/logout', headers: { cookie, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0', accept: 'text/html' } })
  t.equal(response.statusCode, 303)
})
