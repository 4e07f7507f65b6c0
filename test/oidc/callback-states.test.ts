import t from 'tap'
import type { FastifyInstance, LightMyRequestResponse as Response } from 'fastify'
import oidc, { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { Browser, type Page } from 'fastify-oidc-testing'
import { answerFor, complaints, lyingProvider, ORIGIN } from './flow.ts'
import { setCookies } from './session-parts.ts'
import { createApplication, optionsFor, protectedApp, type Application } from './support.ts'

type Test = Parameters<typeof protectedApp>[0]

const provider = await lyingProvider(t)
const page = { accept: 'text/html' }

interface Login extends Application {
  readonly browser: Browser
  /** The honest answer of the provider, not asked yet. */
  readonly callback: URL
  /** Of the login attempts. */
  readonly cookie: string
}

/** A login at the point where the provider has answered. */
async function loginBegun (t: Test, more: Partial<OidcPluginOptions> = {}): Promise<Login> {
  provider.lie()
  const application = await protectedApp(t, optionsFor(provider, { security_profile: 'apisix', ...more }))
  const browser = new Browser().route(ORIGIN, application.app)
  const callback = await answerFor(browser, `${ORIGIN}/echo/page?tab=A`)
  return { ...application, browser, callback, cookie: browser.cookieHeader(ORIGIN) }
}

async function answerWith (app: FastifyInstance, query: Record<string, string>, cookie = ''): Promise<Response> {
  return await app.inject({ url: '/callback', query, headers: { ...page, ...(cookie === '' ? {} : { cookie }) } })
}

const hasSession = (response: Response): boolean => setCookies(response).some(line => /^session(?:_\d+)?=[^;]/.test(line))
const startsLogin = (response: Response): boolean => response.statusCode === 302 && String(response.headers.location).startsWith(`${provider.issuer}/authorize?`)

t.test('O064, O067, W9: an answer without a login of this browser, or with another state, begins a new one (S129, S131, S136, S194, S195)', async t => {
  const { app, log, browser, callback, cookie } = await loginBegun(t)
  const { code = '', state = '' } = Object.fromEntries(callback.searchParams)
  const before = provider.count('token')
  const cases: ReadonlyArray<readonly [string, Record<string, string>, string]> = [
    ['S129, S195: another state', { code, state: `${state}x` }, cookie],
    ['S131, S194: no cookie', { code, state }, ''],
    ['S136: an error, and no cookie', { error: 'temporarily_unavailable', state }, '']
  ]
  for (const [name, query, sent] of cases) {
    const response = await answerWith(app, query, sent)
    t.ok(startsLogin(response), name)
    t.notOk(hasSession(response), name)
  }
  t.equal(provider.count('token'), before, 'no code is spent')
  t.strictSame(complaints(log).filter(({ oidc }) => oidc !== 'profile'), [])
  t.equal((await browser.navigate(callback)).status, 200, 'and the attempt that was begun still ends well')
})

t.test('O063, O068: an answer without a state, or without a code, is none (S196, S197)', async t => {
  const { app, browser, callback, cookie } = await loginBegun(t)
  const before = provider.count('token')
  const withoutState = await answerWith(app, { code: callback.searchParams.get('code') ?? '' }, cookie)
  t.equal(withoutState.statusCode, 400)
  t.match(withoutState.body, 'FST_OIDC_CALLBACK_INVALID')
  const withoutCode = await answerWith(app, { state: callback.searchParams.get('state') ?? '' }, cookie)
  t.strictSame([withoutCode.statusCode, withoutCode.headers.location], [302, '/'])
  for (const response of [withoutState, withoutCode]) t.notOk(hasSession(response))
  t.equal(provider.count('token'), before)
  t.equal((await browser.navigate(callback)).status, 200)
})

t.test('the whole of an answer leads back to the page, and the page needs no further login (S198, S199, S200)', async t => {
  const { browser, callback, log } = await loginBegun(t, { redirect_uri: '/callback' })
  const answered = await browser.navigate(callback, { follow: false })
  t.strictSame([answered.status, answered.headers.get('location')], [302, '/echo/page?tab=A'])
  t.strictSame(browser.cookies(ORIGIN).map(({ name }) => name), ['session'])
  const there = await browser.navigate(`${ORIGIN}/echo/page?tab=A`, { follow: false })
  t.equal(there.status, 200)
  t.hasStrict(JSON.parse(there.body), { sub: 'alice', url: '/echo/page?tab=A' })
  t.strictSame(complaints(log).filter(({ oidc }) => oidc !== 'profile'), [])
})

t.test('with a redirect_uri on another host the way back is the same path there, and no other host (S202)', async t => {
  const { app } = await protectedApp(t, optionsFor(provider, { security_profile: 'apisix', redirect_uri: 'http://app.example.test/callback' }))
  const browser = new Browser().route('http://app.example.test', app).route(ORIGIN, app)
  const first = await app.inject({ url: 'http://localhost/echo/page?a=1', headers: page })
  const query = new URL(String(first.headers.location)).searchParams
  t.equal(query.get('redirect_uri'), 'http://app.example.test/callback')
  const callback = await answerFor(browser, 'http://app.example.test/echo/page?a=1', 'http://app.example.test')
  const answered = await browser.navigate(callback, { follow: false })
  t.strictSame([answered.status, answered.headers.get('location')], [302, '/echo/page?a=1'])
})

t.test('what is sent to the callback by POST is no answer: form_post is not available (S130, S135, S185, S186, S187, S188, S189, S190)', async t => {
  const { app, log, browser, callback, cookie } = await loginBegun(t)
  const { code = '', state = '' } = Object.fromEntries(callback.searchParams)
  const before = provider.count('token')
  const forms: ReadonlyArray<readonly [string, Record<string, string>, string]> = [
    ['S186: no cookie', { code, state }, ''],
    ['S130, S187: another state', { code, state: 'another' }, cookie],
    ['S188: no state', { code }, cookie],
    ['S189: no code', { state }, cookie],
    ['S190: the whole of it', { code, state }, cookie],
    ['S135: an error', { error: 'temporarily_unavailable', state }, cookie]
  ]
  for (const [name, form, sent] of forms) {
    const payload = new URLSearchParams(form).toString()
    for (const mode of ['cors', 'navigate']) {
      const response = await app.inject({ method: 'POST', url: '/callback', payload, headers: { ...page, 'sec-fetch-mode': mode, 'content-type': 'application/x-www-form-urlencoded', ...(sent === '' ? {} : { cookie: sent }) } })
      t.equal(response.statusCode, mode === 'cors' ? 401 : 303, `${name}: as anything else that nobody may ask for`)
      t.notOk(hasSession(response), name)
    }
  }
  t.equal(provider.count('token'), before)
  t.strictSame(complaints(log, 50), [])
  t.equal((await browser.navigate(callback)).status, 200)
  const { problems } = checkOidcOptions({ ...optionsFor(provider), authorization_params: { response_mode: 'form_post' } })
  t.match(problems, [{ path: ['authorization_params', 'response_mode'], message: /must be query/ }], 'S185')
})

/** The provider answers this login with an error. */
async function refusal (browser: Browser, error: string): Promise<Page> {
  provider.lie({ callback: { kind: 'error', error } })
  return await browser.navigate(await answerFor(browser, `${ORIGIN}/echo/page?tab=A&b="`), { follow: false })
}

t.test('an error of the provider ends its login with a page, each time, and a later login is as good as the first (S133, S134, S137, S138)', async t => {
  const { app } = await protectedApp(t, optionsFor(provider, { security_profile: 'apisix' }))
  const browser = new Browser().route(ORIGIN, app)
  for (let failure = 0; failure < 5; failure++) {
    const { status, headers, body } = await refusal(browser, 'temporarily_unavailable')
    t.strictSame([status, headers.get('location')], [502, null], `S133, S137: failure ${failure + 1}`)
    t.match(body, 'FST_OIDC_LOGIN_REFUSED')
    t.match(body, 'href="/echo/page?tab=A&amp;b=%22"', 'the way to try again is the page that was asked for')
  }
  t.equal((await refusal(browser, 'access_denied')).status, 403, 'S134')
  t.strictSame(browser.cookies(ORIGIN), [], 'nothing is left of them')
  provider.lie()
  t.equal((await browser.navigate(await answerFor(browser, `${ORIGIN}/echo/page`))).status, 200, 'S138')
  t.equal((await browser.navigate(`${ORIGIN}/`)).status, 200)
})

t.test('errors that somebody made up end nothing (S139)', async t => {
  const { app, browser, callback, cookie } = await loginBegun(t)
  const error = 'temporarily_unavailable'
  t.ok(startsLogin(await answerWith(app, { error, state: 'made-up' }, cookie)), 'a state that is not ours')
  t.equal((await answerWith(app, { error }, cookie)).statusCode, 400, 'no state')
  t.equal((await answerWith(app, { error, state: callback.searchParams.get('state') ?? '' }, cookie)).statusCode, 502, 'ours')
  t.equal((await browser.navigate(callback)).status, 200, 'of a browser that did not get the answer above')
})

t.test('a page of an error leads home where nothing is known of the login, and home is where the scope is', async t => {
  const { app } = createApplication(t)
  await app.register(async scope => { await scope.register(oidc, optionsFor(provider, { redirect_uri: '/team/callback' })) }, { prefix: '/team' })
  const answer = await app.inject({ url: '/team/callback?error=access_denied', headers: page })
  t.equal(answer.statusCode, 400)
  t.match(answer.body, ' href="/team">')
})
