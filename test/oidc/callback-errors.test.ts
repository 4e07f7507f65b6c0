import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import { Browser } from 'fastify-oidc-testing'
import { answerFor, complaints, lyingProvider, ORIGIN } from './flow.ts'
import { optionsFor, protectedApp } from './support.ts'

const provider = await lyingProvider(t)

/** The provider answers with an error; its texts go into the address as they are. */
async function refused (t: Parameters<typeof protectedApp>[0], error: string, description?: string) {
  provider.lie({ callback: { kind: 'error', error, ...(description === undefined ? {} : { description }) } })
  const { app, log } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const page = await browser.navigate(await answerFor(browser, `${ORIGIN}/echo/page`), { follow: false })
  return { page, browser, app, lines: complaints(log), all: JSON.stringify(log) }
}

t.test('O061, S388: a login that the user declined is 403', async t => {
  const { page, browser, lines } = await refused(t, 'access_denied', 'the user said no')
  t.equal(page.status, 403)
  t.equal(page.headers.get('cache-control'), 'no-store')
  t.match(page.headers.get('content-type'), 'text/html')
  t.match(page.body, /The sign-in was declined.*FST_OIDC_LOGIN_REFUSED/s)
  t.notMatch(page.body, 'said no')
  t.strictSame(browser.cookies(ORIGIN), [], 'the attempt is forgotten')
  t.equal(lines.length, 1)
  t.match(lines[0], { oidc: 'login.failed', code: 'FST_OIDC_LOGIN_REFUSED', msg: /access_denied.*the user said no/ })
})

t.test('any other error of the provider is 502', async t => {
  for (const error of ['server_error', 'temporarily_unavailable', 'invalid_scope', 'unauthorized_client', 'login_required', 'consent_required', 'made-up', '']) {
    const { page, lines } = await refused(t, error, 'for reasons')
    t.equal(page.status, 502, error)
    t.match(page.body, 'FST_OIDC_LOGIN_REFUSED')
    t.notMatch(page.body, 'reasons')
    t.equal(lines.length, 1)
  }
})

t.test('O062, W9, S388: what the provider says is never shown, and bounded in the log', async t => {
  const hostile = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    'line\r\nSet-Cookie: evil=1\r\n\r\n<h1>',
    '\u001b[2J\u2028{"level":60,"msg":"forged"}\n{"level":60}',
    '%s%n%25s%25n',
    '%0d%0aLocation: https://evil.example',
    'x'.repeat(10_000),
    '\u0000'.repeat(3000),
    '🦆'.repeat(2000)
  ]
  for (const text of hostile) {
    for (const [error, description] of [['access_denied', text], [text, text]] as const) {
      const { page, lines, browser } = await refused(t, error, description)
      t.equal(page.status, error === 'access_denied' ? 403 : 502)
      t.notOk(page.body.includes(text.slice(0, 8)), encodeURIComponent(text.slice(0, 12)))
      t.ok(page.body.length < 4000)
      t.equal(page.headers.get('location'), null)
      t.strictSame(browser.cookies(ORIGIN), [])
      t.equal(lines.length, 1)
      const [line] = lines
      t.notMatch(String(line?.msg), /[\u0000-\u001f\u2028]/) // eslint-disable-line no-control-regex -- these are what it looks for
      t.ok(JSON.stringify(line).length < 8000, `${JSON.stringify(line).length} characters`)
    }
  }
})

t.test('an answer of 100 KB is bounded too', async t => {
  const { app, log } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  provider.lie()
  const callback = await answerFor(browser, `${ORIGIN}/`)
  const response = await app.inject({ url: `/callback?state=${callback.searchParams.get('state') ?? ''}&error=x&error_description=${'%3Cb%3E'.repeat(15_000)}`, headers: { accept: 'text/html', cookie: browser.cookieHeader(ORIGIN) } })
  t.equal(response.statusCode, 502)
  t.notMatch(response.body, '<b>')
  t.ok(JSON.stringify(log).length < 20_000, 'all of the log')
})

t.test('S390: an error without a state, or with two of anything that counts, is 400 or a new login, never a session', async t => {
  const { app } = await protectedApp(t, optionsFor(provider))
  provider.lie()
  t.equal((await app.inject('/callback?error=access_denied')).statusCode, 400)
  for (const name of ['code', 'state', 'iss']) {
    const browser = new Browser().route(ORIGIN, app)
    const callback = await answerFor(browser, `${ORIGIN}/`)
    callback.searchParams.append(name, name === 'iss' ? 'https://issuer.evil.example' : 'another')
    const page = await browser.navigate(callback, { follow: false })
    t.equal(page.status, 400, name)
    t.match(page.body, 'FST_OIDC_CALLBACK_INVALID')
    t.notOk(browser.cookies(ORIGIN).some(cookie => cookie.name === 'oidc'))
  }
})

t.test('S392: an answer that names another client is refused, one that names us is taken', async t => {
  provider.lie()
  for (const [clientId, status] of [['another-client', 400], ['', 400], [provider.clientId, 302]] as const) {
    const { app, log } = await protectedApp(t, optionsFor(provider))
    const browser = new Browser().route(ORIGIN, app)
    const callback = await answerFor(browser, `${ORIGIN}/`)
    callback.searchParams.set('client_id', clientId)
    const before = provider.count('token')
    const page = await browser.navigate(callback, { follow: false })
    t.equal(page.status, status, clientId)
    t.equal(provider.count('token') - before, status === 400 ? 0 : 1, 'the code is not sent on')
    t.equal(browser.cookies(ORIGIN).some(({ name }) => name === 'oidc'), status === 302)
    t.match(complaints(log).map(({ msg }) => msg), status === 400 ? [/client_id/] : [])
  }
})

t.test('a script that asks the callback gets JSON', async t => {
  const { app } = await protectedApp(t, optionsFor(provider))
  provider.lie({ callback: { kind: 'error', error: 'access_denied' } })
  const browser = new Browser().route(ORIGIN, app)
  const page = await browser.fetch(await answerFor(browser, `${ORIGIN}/`))
  t.equal(page.status, 403)
  t.match(JSON.parse(page.body), { statusCode: 403, code: 'FST_OIDC_LOGIN_REFUSED', error: 'Forbidden', message: 'The sign-in was declined' })
})

t.test('observers are told of logins and failures by ids and codes alone', async t => {
  const seen: Array<readonly [name: string, event: Record<string, unknown>]> = []
  for (const name of ['login', 'login.failed', 'refused']) {
    const listen = (event: unknown): void => { seen.push([name, event as Record<string, unknown>]) }
    subscribe(`fastify-oidc:${name}`, listen)
    t.teardown(() => { unsubscribe(`fastify-oidc:${name}`, listen) })
  }
  provider.lie()
  const { app } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const page = await browser.navigate(await answerFor(browser, `${ORIGIN}/echo/x`))
  t.equal(page.status, 200)
  provider.lie({ idToken: 'wrong_nonce' })
  const other = new Browser().route(ORIGIN, app)
  await other.navigate(await answerFor(other, `${ORIGIN}/`))
  t.match(seen, [
    ['login', { clientId: provider.clientId, issuer: provider.issuer, sessionId: /^[\w-]{22}$/, code: null }],
    ['login.failed', { clientId: provider.clientId, issuer: provider.issuer, sessionId: null, code: 'FST_OIDC_TOKEN_INVALID' }],
    ['refused', { code: 'FST_OIDC_TOKEN_INVALID', sessionId: null }]
  ])
  t.equal(seen.length, 3)
  for (const [, event] of seen) t.strictSame(Object.keys(event).sort(), ['clientId', 'code', 'issuer', 'sessionId'])
})
