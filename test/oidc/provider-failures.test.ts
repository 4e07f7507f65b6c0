import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Browser } from 'fastify-oidc-testing'
import { upstreamCertificate } from '../proxy/certificates.ts'
import type { Endpoint, Failure } from '../support/lies.ts'
import type { LyingProvider } from '../support/lying-provider.ts'
import { answerFor, closedOrigin, complaints, lyingProvider, ORIGIN, toCallback } from './flow.ts'
import { optionsFor, protectedApp } from './support.ts'

type Test = Parameters<typeof protectedApp>[0]

const ENDPOINTS = ['discovery', 'token', 'jwks', 'userinfo'] as const satisfies readonly Endpoint[]
/** Of `timeout: 1`; this machine may be busy. */
const SLACK_MS = 20_000
/** Well before the time-out. */
const LATE_MS = 300

// One for each endpoint, so that they fail at the same time; making their keys takes longest.
const providers = await Promise.all(ENDPOINTS.map(async endpoint => ({ endpoint, provider: await lyingProvider(t) })))
const provider = await lyingProvider(t)

async function loginWith (t: Test, provider: LyingProvider, endpoint: Endpoint, failure: Failure) {
  provider.lie({ failures: { [endpoint]: failure } })
  // Who does answer may take long on a busy machine.
  const { app, log } = await protectedApp(t, optionsFor(provider, { timeout: failure === 'hang' || failure === 'stall' ? 1 : 10 }))
  const browser = new Browser().route(ORIGIN, app)
  const started = performance.now()
  const first = await browser.navigate(`${ORIGIN}/echo/page`, { follow: false })
  const page = first.location === null ? first : await browser.navigate(await toCallback(browser, first.location))
  return { page, ms: performance.now() - started, lines: complaints(log), browser }
}

const FAILURES: ReadonlyArray<readonly [failure: Failure, status: number, says: RegExp, numbers: string]> = [
  ['hang', 503, /timed? ?out.*raise timeout \(seconds\)/, ' (S164, S218)'],
  ['stall', 503, /timed? ?out.*raise timeout \(seconds\)/, ' (S165, S219)'],
  ['reset', 503, /connection to the provider failed: check the network/, ''],
  ['server_error', 503, /500/, ''],
  ['huge', 502, /larger than 1048576 bytes.*check discovery/, ''],
  ['not_json', 502, /JSON|content-type.*check discovery/i, ' (S167, S221)']
]

for (const [failure, status, says, numbers] of FAILURES) {
  t.test(`a provider that answers with ${failure} is bounded, and said to be${numbers}`, async t => {
    const logins = await Promise.all(providers.map(async ({ endpoint, provider }) => ({ endpoint, ...await loginWith(t, provider, endpoint, failure) })))
    for (const { endpoint, page, ms, lines, browser } of logins) {
      await t.test(endpoint, async t => {
        t.ok(ms < 1000 + SLACK_MS, `${Math.round(ms)} ms`)
        const line = lines.find(({ oidc }) => oidc === (endpoint === 'userinfo' ? 'userinfo.failed' : endpoint === 'discovery' ? 'discovery.failed' : 'login.failed'))
        t.match(line?.msg, says)
        t.ok(JSON.stringify(lines).length < 10_000)
        if (endpoint === 'userinfo') {
          t.equal(page.status, 200, 'the login goes on without userinfo')
          t.match(JSON.parse(page.body), { sub: 'alice' })
          t.equal(JSON.parse(page.body).identity['x-userinfo'], undefined)
          t.match(line, { level: 40, msg: /without userinfo/ })
          t.equal(lines.length, 1)
          return
        }
        t.equal(page.status, status)
        t.equal(page.headers.get('retry-after') === null, status !== 503)
        t.match(page.headers.get('content-type'), 'text/html')
        t.notMatch(page.body, /hotel|timeout|larger|ECONN|\b500\b/)
        t.notOk(browser.cookies(ORIGIN).some(({ name }) => name === 'oidc'))
        if (endpoint !== 'discovery') t.equal(lines.length, 1)
      })
    }
  })
}

t.test('an outage at the token endpoint can be tried again with the same answer', async t => {
  provider.lie()
  const { app } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, `${ORIGIN}/echo/page`)
  provider.lie({ failures: { token: 'reset' } })
  const failed = await browser.navigate(callback)
  t.equal(failed.status, 503)
  provider.lie()
  const href = /href="([^"]*)"/.exec(failed.body)?.[1]?.replaceAll('&amp;', '&') ?? ''
  const page = await browser.navigate(new URL(href, ORIGIN))
  t.equal(page.status, 200)
  t.equal(page.url.pathname, '/echo/page')
})

t.test('O079, W11, S252, S253, S406: userinfo of another subject is not taken, and the login is', async t => {
  for (const userinfo of [{ sub: 'mallory' }, { sub: undefined }, { sub: 7 }]) {
    provider.lie({ userinfo })
    const { app, log } = await protectedApp(t, optionsFor(provider))
    const browser = new Browser().route(ORIGIN, app)
    const page = await browser.navigate(await answerFor(browser, `${ORIGIN}/echo/page`))
    t.match(JSON.parse(page.body), { sub: 'alice' })
    t.equal(JSON.parse(page.body).identity['x-userinfo'], undefined)
    const lines = complaints(log)
    t.equal(lines.length, 1)
    t.match(lines[0], { oidc: 'userinfo.failed', level: 40 })
    t.notMatch(JSON.stringify(lines), /mallory|alice@/)
  }
})

t.test('the log tells apart why a provider cannot be reached (S161, S162, S166)', async t => {
  provider.lie()
  const { port: free } = new URL(await closedOrigin())
  const tls = createServer({ ...upstreamCertificate }, (_request, response) => { response.end('{}') }).listen(0, '127.0.0.1')
  await once(tls, 'listening')
  t.teardown(() => { tls.closeAllConnections(); tls.close() })
  const path = '/.well-known/openid-configuration'
  const reasons: ReadonlyArray<readonly [discovery: string, status: number, says: RegExp]> = [
    [`http://no-such-host.invalid${path}`, 503, /no-such-host\.invalid.*does not resolve: check discovery and the DNS/],
    [`http://127.0.0.1:${free}${path}`, 503, /ECONNREFUSED.*nothing listens there: check the host and port/],
    [`http://localhost:${free}${path}`, 503, /ECONNREFUSED.*nothing listens there: check the host and port/],
    [`https://127.0.0.1:${(tls.address() as AddressInfo).port}${path}`, 503, /certificate was not accepted.*NODE_EXTRA_CA_CERTS/],
    [provider.discovery.replace('http:', 'https:'), 503, /does not speak TLS there: check the scheme/],
    [provider.discovery.replace('openid-configuration', 'nothing'), 502, /status 404: check discovery/],
    [`${provider.issuer}/jwks?/.well-known/openid-configuration`, 502, /check discovery/]
  ]
  for (const [discovery, status, says] of reasons) {
    const { app, log } = await protectedApp(t, optionsFor({ ...provider, discovery }))
    const response = await app.inject({ url: '/', headers: { accept: 'text/html' } })
    t.equal(response.statusCode, status, discovery)
    for (const { msg, level } of complaints(log)) {
      t.match(msg, says)
      t.ok(Number(level) >= 40)
    }
    t.ok(complaints(log).length >= 1)
    await app.close()
  }
})

t.test('the log tells apart why a token endpoint cannot be reached (S215, S216, S220)', async t => {
  provider.lie()
  const reasons: ReadonlyArray<readonly [name: string, endpoint: string, status: number, says: RegExp]> = [
    ['S215', 'http://no-such-host.invalid/token', 503, /no-such-host\.invalid.*does not resolve.*DNS/],
    ['S216', `${await closedOrigin()}/token`, 503, /ECONNREFUSED.*nothing listens there: check the host and port/],
    ['S220', `${provider.issuer}/nothing`, 502, /status 404/]
  ]
  for (const [name, endpoint, status, says] of reasons) {
    const { app, log } = await protectedApp(t, optionsFor(provider, { token_endpoint: endpoint }))
    const browser = new Browser().route(ORIGIN, app)
    const page = await browser.navigate(await answerFor(browser, `${ORIGIN}/`))
    t.equal(page.status, status, name)
    t.notOk(browser.cookies(ORIGIN).some(({ name }) => name === 'oidc'))
    const lines = complaints(log)
    t.equal(lines.length, 1)
    t.match(lines[0]?.msg, says, name)
  }
})

t.test('an answer that is late and within the time-out is waited for (S163, S217)', async t => {
  const slow = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(slow))
  const browser = new Browser().route(ORIGIN, app)
  const login = async (): Promise<number> => (await browser.navigate(await answerFor(browser, `${ORIGIN}/`))).status
  for (const endpoint of ['discovery', 'token'] as const) {
    const gate = slow.hold(endpoint)
    const answered = login()
    await gate.reached
    await delay(LATE_MS)
    gate.open()
    t.equal(await answered, 200, endpoint)
    await browser.navigate(`${ORIGIN}/logout`, { follow: false })
  }
  t.strictSame(complaints(log), [])
})

// rows: ssl_verify
t.test('ssl_verify: false takes any certificate, for this provider alone', async t => {
  const tls = createServer({ ...upstreamCertificate }, (_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` }))
  }).listen(0, '127.0.0.1')
  await once(tls, 'listening')
  t.teardown(() => { tls.closeAllConnections(); tls.close() })
  const issuer = `https://127.0.0.1:${(tls.address() as AddressInfo).port}`
  const facts = { discovery: `${issuer}/.well-known/openid-configuration`, clientId: 'app', clientSecret: 'a secret of the client' }
  const careless = await protectedApp(t, optionsFor(facts, { ssl_verify: false }))
  await careless.app.ready()
  await careless.app.oidc.ready()
  t.equal(careless.app.oidc.issuer, issuer)
  const careful = await protectedApp(t, optionsFor(facts))
  await careful.app.ready()
  await t.rejects(async () => { await careful.app.oidc.ready() }, { code: 'FST_OIDC_PROVIDER_UNAVAILABLE' })
  await t.rejects(fetch(facts.discovery), 'nor is anything else in this process careless')
  t.equal(process.env.NODE_TLS_REJECT_UNAUTHORIZED, undefined)
})

t.test('an answer that breaks off is not quoted in the log', async t => {
  provider.lie()
  for (const body of ['{"access_token":"secret-of-the-user', 'secret-of-the-user', '{"access_token":"secret-of-the-user"} trailing', '"secret-of-the-user"', '[]', 'null', '']) {
    const broken = createHttpServer((_request, response) => { response.setHeader('content-type', 'application/json').end(body) }).listen(0, '127.0.0.1')
    await once(broken, 'listening')
    t.teardown(() => { broken.closeAllConnections(); broken.close() })
    const { app, log } = await protectedApp(t, optionsFor(provider, { token_endpoint: `http://127.0.0.1:${(broken.address() as AddressInfo).port}/token` }))
    const browser = new Browser().route(ORIGIN, app)
    const page = await browser.navigate(await answerFor(browser, `${ORIGIN}/`))
    t.equal(page.status, 502, body)
    t.equal(complaints(log).length, 1)
    t.notMatch(JSON.stringify(log), /secret-?of|of-the|the-user/)
  }
})
