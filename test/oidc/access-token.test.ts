import t from 'tap'
import type { LightMyRequestResponse as Response } from 'fastify'
import { login } from 'fastify-oidc-testing'
import { closedOrigin } from './flow.ts'
import { cookieAfter, loginWithToken, lyingProvider, reissue, setCookies, storedOf } from './session-parts.ts'
import { optionsFor, protectedApp, testProvider, type Application } from './support.ts'

type Test = Parameters<typeof protectedApp>[0]

const script = { 'sec-fetch-mode': 'cors' }

/** An application that answers with the access token it gets. */
async function tokenApp (t: Test, options: Parameters<typeof protectedApp>[1]): Promise<Application & { ask (cookie: string): Promise<Response> }> {
  const application = await protectedApp(t, options)
  application.app.get('/fresh', async request => ({ token: await request.oidc.freshAccessToken() }))
  return { ...application, ask: async cookie => await application.app.inject({ url: '/fresh', headers: { cookie, ...script } }) }
}

const tokenOf = (response: Response): string | null => (response.json() as { token: string | null }).token

// One for all: making its keys takes longest.
const provider = await lyingProvider(t)

t.test('S262, S263, S273, S274: a session has its access token, whatever renew_access_token_on_expiry says, and nobody else has one', async t => {
  provider.lie()
  for (const renew of [undefined, true, false]) {
    const { app, ask } = await tokenApp(t, optionsFor(provider, renew === undefined ? {} : { renew_access_token_on_expiry: renew }))
    const { cookie } = await login(app)
    const answer = await ask(cookie)
    t.equal(answer.statusCode, 200)
    t.equal(tokenOf(answer), (await storedOf(app, cookie)).session.accessToken)
    t.equal((await ask('')).statusCode, 401, 'without a session')
  }
  t.equal(provider.count('refresh'), 0)
})

t.test('S264, S265, S276: a token that died is renewed within the request, and the ID token with it', async t => {
  provider.lie()
  for (const [turn, renew] of [undefined, true].entries()) {
    const { app, ask } = await tokenApp(t, optionsFor(provider, renew === undefined ? {} : { renew_access_token_on_expiry: renew }))
    provider.lie()
    const dead = await loginWithToken(app)
    provider.lie({ idTokenClaims: { name: 'Alice the Second' } })
    const answer = await ask(dead)
    t.equal(answer.statusCode, 200)
    t.equal(provider.count('refresh'), turn + 1)
    const [{ session: before }, { session: after }] = [await storedOf(app, dead), await storedOf(app, cookieAfter(answer, dead))]
    t.not(after.accessToken, before.accessToken)
    t.equal(tokenOf(answer), after.accessToken)
    t.equal(after.idTokenClaims?.name, 'Alice the Second')
  }
})

// rows: scope
t.test('S277, S278: a refresh says who asks, with which token, and for the scope of the options', async t => {
  const secret = 'a secret of the client'
  const provider = await testProvider(t, { clients: [{ client_id: 'app', client_secret: secret, redirect_uris: ['http://localhost/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'client_secret_post' }] })
  const forms: Array<Record<string, unknown>> = []
  provider.provider.on('grant.success', ctx => { forms.push({ ...ctx.oidc.body }) })
  for (const scope of [undefined, 'openid email']) {
    const { app, ask } = await tokenApp(t, optionsFor({ ...provider, clientId: 'app', clientSecret: secret }, { token_endpoint_auth_method: 'client_secret_post', ...(scope === undefined ? {} : { scope }) }))
    const dead = await loginWithToken(app)
    const { refreshToken } = (await storedOf(app, dead)).session.cold
    const answer = await ask(dead)
    t.equal(answer.statusCode, 200)
    t.strictSame(forms.at(-1), { grant_type: 'refresh_token', refresh_token: refreshToken, scope: scope ?? 'openid', client_id: 'app', client_secret: secret })
    t.equal(tokenOf(answer), (await storedOf(app, cookieAfter(answer, dead))).session.accessToken)
  }
})

t.test('O184, S279: a token that died without a refresh token is nobody', async t => {
  provider.lie()
  const { app, ask } = await tokenApp(t, optionsFor(provider))
  const dead = await reissue(app, await loginWithToken(app), { cold: { refreshToken: null, idToken: null } })
  t.equal((await ask(dead)).statusCode, 401)
})

t.test('S280 to S287: a provider that cannot renew is an outage or a fault of its own, and no logout', async t => {
  provider.lie()
  const { app } = await tokenApp(t, optionsFor(provider))
  const cookie = await loginWithToken(app)
  const at = (url: string): object => ({ token_endpoint: url })
  const cases: ReadonlyArray<readonly [name: string, lies: Parameters<typeof provider.lie>[0], options: object, status: number, says: RegExp]> = [
    ['S280: no discovery document', { failures: { discovery: 'reset' } }, {}, 503, /connection/],
    ['S281: a host that does not resolve', {}, at('http://no-such-host.invalid/token'), 503, /does not resolve/],
    ['S282: nobody listens', {}, at(`${await closedOrigin()}/token`), 503, /ECONNREFUSED/],
    ['S284: no answer in time', { failures: { refresh: 'hang' } }, {}, 503, /timed? ?out|in time/],
    ['S285: half an answer in time', { failures: { refresh: 'stall' } }, {}, 503, /timed? ?out|in time/],
    ['S286: 404', {}, at(`${provider.issuer}/nothing`), 502, /404/],
    ['S287: no JSON', { failures: { refresh: 'not_json' } }, {}, 502, /content-type|JSON/]
  ]
  for (const [name, lies, options, status, says] of cases) {
    provider.lie(lies)
    const { ask, log, app } = await tokenApp(t, optionsFor(provider, { timeout: 1, ...options }))
    const answer = await ask(cookie)
    t.equal(answer.statusCode, status, name)
    t.equal(setCookies(answer).length, 0, `${name}: the session stays`)
    t.match(log.filter(line => Number(line.level) >= 40).map(({ msg }) => msg).join('\n'), says, name)
    await app.close()
  }
  provider.lie()
  const gate = provider.hold('refresh')
  const slow = await tokenApp(t, optionsFor(provider))
  const waiting = slow.ask(cookie)
  await gate.reached
  gate.open()
  t.equal((await waiting).statusCode, 200, 'S283: a slow one is waited for')
})

// rows: authorization_params
t.test('scopes of authorization_params go before scope, at renewals too, and are what a session has where the provider does not say', async t => {
  const options = { scope: 'openid admin', authorization_params: { scope: 'openid email' } }
  const provider = await testProvider(t)
  const scopes: unknown[] = []
  provider.provider.on('grant.success', ctx => { scopes.push(ctx.oidc.body?.scope) })
  const { app, ask } = await tokenApp(t, optionsFor(provider, options))
  t.equal((await ask(await loginWithToken(app))).statusCode, 200)
  t.strictSame(scopes, [undefined, 'openid email'], 'a code has its scopes already')
  const silent = await lyingProvider(t)
  silent.lie({ tokenResponse: { scope: undefined } })
  for (const [scope, status] of [['email', 200], ['admin', 403]] as const) {
    const { app } = await protectedApp(t, optionsFor(silent, { ...options, required_scopes: [scope] }))
    t.equal((await login(app)).response.status, status, scope)
  }
})
