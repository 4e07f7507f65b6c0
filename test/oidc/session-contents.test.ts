import t from 'tap'
import { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { login } from 'fastify-oidc-testing'
import { cookieAfter, handleOf, lyingProvider, movableClock, storedOf } from './session-parts.ts'
import { optionsFor, protectedApp, SECRET, testProvider } from './support.ts'

type Contents = NonNullable<OidcPluginOptions['session_contents']>

/** Of the lying provider's access tokens, in seconds. */
const TOKEN_LIFE = 300
const ALL_HEADERS = { set_refresh_token_header: true } as const

const identityOf = (body: string): string[] => Object.keys((JSON.parse(body) as { identity: object }).identity).sort()

// rows: session_contents, session_contents.access_token, session_contents.id_token, session_contents.enc_id_token, session_contents.user
t.test('a session keeps what session_contents names, and upstreams are told no more (S403, S404)', async t => {
  const cases: Array<[Contents | undefined, string[], number]> = [
    [undefined, ['x-access-token', 'x-id-token', 'x-refresh-token', 'x-userinfo'], 1],
    [{}, [], 0],
    [{ access_token: true }, ['x-access-token', 'x-refresh-token'], 0],
    [{ id_token: true, user: false }, ['x-id-token'], 0],
    [{ user: true }, ['x-userinfo'], 1],
    [{ enc_id_token: true }, [], 0],
    [{ access_token: true, id_token: true, enc_id_token: true, user: true }, ['x-access-token', 'x-id-token', 'x-refresh-token', 'x-userinfo'], 1]
  ]
  for (const [contents, headers, userinfoCalls] of cases) {
    const provider = await lyingProvider(t)
    const { app } = await protectedApp(t, optionsFor(provider, { ...ALL_HEADERS, ...(contents === undefined ? {} : { session_contents: contents }) }))
    const { cookie, response } = await login(app, { path: '/echo/x' })
    const name = JSON.stringify(contents)
    t.equal(response.status, 200, name)
    t.strictSame(identityOf(response.body), headers, name)
    t.equal(provider.count('userinfo'), userinfoCalls, `${name}: the userinfo endpoint is asked only for what is kept (S251)`)
    const { session } = await storedOf(app, cookie)
    t.match(session, { subject: 'alice', scope: 'openid' }, 'who it is, and what was granted, is always kept')
    t.equal(session.accessTokenExpiresAt === null, contents !== undefined && contents.access_token !== true, name)
    t.equal(session.cold.idToken === null, contents !== undefined && contents.enc_id_token !== true, name)
  }
})

// rows: session_contents.user
t.test('with session_contents.user the userinfo endpoint gets the access token, kept or not (S250)', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { session_contents: { user: true } }))
  const { cookie } = await login(app)
  t.equal((await storedOf(app, cookie)).session.userinfo?.sub, 'alice')
  t.equal((await storedOf(app, cookie)).session.accessToken, null)
})

// rows: session_contents.access_token
t.test('without the access token nothing is renewed, nothing ends with it, and nobody gets one (S275)', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { session_contents: { id_token: true } }))
  app.get('/fresh', async request => ({ token: await request.oidc.freshAccessToken() }))
  const { cookie } = await login(app)
  movableClock(t).advance(TOKEN_LIFE + 60)
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200)
  t.strictSame((await app.inject({ url: '/fresh', headers: { cookie } })).json(), { token: null })
  t.equal(provider.count('refresh'), 0)
})

t.test('a renewal brings nothing back that the session does not keep', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { session_contents: { access_token: true } }))
  const { cookie } = await login(app)
  movableClock(t).advance(TOKEN_LIFE)
  const answer = await app.inject({ url: '/echo/x', headers: { cookie } })
  t.equal(answer.statusCode, 200)
  t.equal(provider.count('refresh'), 1)
  t.strictSame(identityOf(answer.body), ['x-access-token'])
  const { session } = await storedOf(app, cookieAfter(answer, cookie))
  t.not(session.accessToken, (await storedOf(app, cookie)).session.accessToken)
  t.match(session, { idTokenClaims: null, userinfo: null, cold: { idToken: null } })
})

// rows: required_scopes
t.test('required scopes hold without any token in the session (S143)', async t => {
  const provider = await lyingProvider(t)
  const kept = await protectedApp(t, optionsFor(provider, { session_contents: { id_token: true }, scope: 'openid email', required_scopes: ['email'] }))
  t.equal((await login(kept.app)).response.status, 200)
  const missing = await protectedApp(t, optionsFor(provider, { session_contents: {}, required_scopes: ['email'] }))
  t.equal((await login(missing.app)).response.status, 403)
})

// rows: set_raw_id_token_header, session_contents.enc_id_token
t.test('S361: set_raw_id_token_header keeps the ID token, and a logout names it only where it is kept', async t => {
  const provider = await lyingProvider(t)
  for (const [more, hinted] of [[{ session_contents: {}, set_raw_id_token_header: true }, true], [{ session_contents: { enc_id_token: true } }, true], [{ session_contents: { access_token: true } }, false]] as const) {
    const { app } = await protectedApp(t, optionsFor(provider, { ...more, post_logout_redirect_uri: '/open' }))
    const { cookie } = await login(app)
    const echo = await app.inject({ url: '/echo/x', headers: { cookie } })
    t.strictSame(identityOf(echo.body).includes('x-raw-id-token'), 'set_raw_id_token_header' in more)
    const { location } = (await app.inject({ url: '/logout', headers: { cookie } })).headers
    t.equal(new URL(String(location)).searchParams.has('id_token_hint'), hinted, JSON.stringify(more))
  }
})

t.test('hooks hear of all that the login brought, whatever is kept', async t => {
  const provider = await lyingProvider(t)
  const heard: unknown[] = []
  const { app } = await protectedApp(t, optionsFor(provider, { session_contents: {}, hooks: { onLogin: ({ claims }) => { heard.push(claims.sub) } } }))
  t.equal((await login(app)).response.status, 200)
  t.strictSame(heard, ['alice'])
})

t.test('what is not kept takes no room in the cookie', async t => {
  const provider = await testProvider(t, { tokenSize: 3000 })
  const sizes: number[] = []
  for (const contents of [undefined, { id_token: true, access_token: true }, { user: true }, {}]) {
    const { app } = await protectedApp(t, optionsFor(provider, contents === undefined ? {} : { session_contents: contents }))
    sizes.push(handleOf((await login(app)).cookie).length)
  }
  t.strictSame(sizes, [...sizes].sort((a, b) => b - a), sizes.join(' > '))
  t.ok((sizes.at(-1) ?? 0) < 900, `${sizes.at(-1)} bytes are left of ${sizes[0]}`)
})

t.test('session_content, and names inside it that are none, stop the boot with the nearest name', async t => {
  const minimal = { client_id: 'app', client_secret: 'a secret of the client', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET } }
  const problemsOf = (more: object): string[] => checkOidcOptions({ ...minimal, ...more }).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
  t.strictSame(problemsOf({ session_content: {} }), ['session_content is not a known option; did you mean session_contents?'])
  t.strictSame(problemsOf({ session_contents: { acces_token: true } }), ['session_contents.acces_token is not a known option; did you mean access_token?'])
  t.strictSame(problemsOf({ session_contents: { user: 'yes' } }), ['session_contents.user must be a boolean, not a string'])
})
