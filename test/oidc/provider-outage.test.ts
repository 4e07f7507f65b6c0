import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { Browser, login } from 'fastify-oidc-testing'
import { answerFor, complaints, ORIGIN } from './flow.ts'
import { optionsFor, protectedApp, testProvider } from './support.ts'

const page = { accept: 'text/html' }

/** Recovery is told to nobody, so it has to be looked for; asking costs the provider nothing. */
async function reached (app: FastifyInstance): Promise<boolean> {
  for (const until = Date.now() + 60_000; Date.now() < until; await delay(25)) if (app.oidc.issuer !== null) return true
  return false
}

t.test('O218: a provider that is down at boot keeps nothing else down, and is found when it comes', async t => {
  const provider = await testProvider(t)
  await provider.stop()
  const { app, log } = await protectedApp(t, optionsFor(provider))
  await app.ready()
  t.equal(app.oidc.issuer, null)
  t.equal((await app.inject('/open')).statusCode, 200, 'what needs no login is served')

  const navigation = await app.inject({ url: '/echo/page', headers: page })
  t.equal(navigation.statusCode, 503)
  t.equal(navigation.headers['retry-after'], '5')
  t.equal(navigation.headers['cache-control'], 'no-store')
  t.match(navigation.headers['content-type'], 'text/html')
  t.match(navigation.body, /cannot be reached.*FST_OIDC_PROVIDER_UNAVAILABLE/s)
  t.match(navigation.body, 'href="/echo/page"', 'the way to try again')
  t.notMatch(navigation.body, /ECONN|127\.0\.0\.1/)
  t.equal(navigation.headers['set-cookie'], undefined)

  const api = await app.inject({ url: '/echo/api', headers: { accept: 'application/json' } })
  t.equal(api.statusCode, 401, 'what is not sent to the provider needs none')
  t.match(api.headers['content-type'], 'application/json')

  const started = await app.inject({ url: '/echo/page', headers: page })
  t.equal(started.statusCode, 503)
  await t.rejects(async () => { await app.oidc.ready() }, { code: 'FST_OIDC_PROVIDER_UNAVAILABLE' })
  t.ok(complaints(log).every(({ msg }) => /ECONNREFUSED.*nothing listens there/.test(String(msg))))
  t.ok(complaints(log).some(({ oidc }) => oidc === 'discovery.failed'))

  await provider.start()
  t.ok(await reached(app), 'without a request')
  await app.oidc.ready()
  t.equal((await login(app, { path: '/echo/page' })).response.status, 200)
})

t.test('sessions open while the provider is down at boot', async t => {
  const provider = await testProvider(t)
  await provider.stop()
  const { app } = await protectedApp(t, optionsFor(provider))
  await app.ready()
  const cookie = await app.oidc.issueCookie({ subject: 'alice' })
  t.equal((await app.inject({ url: '/', headers: { ...page, cookie } })).statusCode, 200)
  const logout = await app.inject({ url: '/logout', headers: { ...page, cookie } })
  t.equal(logout.statusCode, 200, 'and end')
  t.match(logout.body, 'signed out')
  t.ok([logout.headers['set-cookie']].flat().some(line => /^oidc=;/.test(String(line))))
})

// rows: discovery
t.test('sessions go on when the provider goes down later', async t => {
  const provider = await testProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  const { browser } = await login(app)
  await provider.stop()
  for (const url of ['/', '/echo/a', '/echo/b']) t.equal((await browser.navigate(ORIGIN + url)).status, 200)
  await app.oidc.ready()
  t.strictSame(complaints(log), [])

  const other = new Browser().route(ORIGIN, app)
  t.equal((await other.navigate(`${ORIGIN}/`, { follow: false })).status, 302, 'a login starts from what is known')
  await provider.start()
  const callback = await answerFor(other, `${ORIGIN}/echo/page`)
  await provider.stop()
  t.equal((await other.navigate(callback)).status, 503)
  await provider.start()
  t.equal((await other.navigate(callback)).status, 200, 'and ends once the provider is back')
})

// rows: timeout
t.test('W15: a hanging provider holds requests up for the time-out at the most', async t => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => { silent.closeAllConnections(); silent.close() })
  const { port } = silent.address() as AddressInfo
  const { app } = await protectedApp(t, { ...optionsFor({ discovery: `http://127.0.0.1:${port}/.well-known/openid-configuration`, clientId: 'app', clientSecret: 's' }), timeout: 1 })
  await app.ready()
  const started = performance.now()
  const answers = await Promise.all(Array.from({ length: 10 }, async () => await app.inject({ url: '/', headers: page })))
  t.ok(answers.every(({ statusCode }) => statusCode === 503))
  t.ok(performance.now() - started < 6000)
  const again = performance.now()
  t.equal((await app.inject({ url: '/', headers: page })).statusCode, 503)
  t.ok(performance.now() - again < 900, 'and not at all while the failure is backed off')
})
