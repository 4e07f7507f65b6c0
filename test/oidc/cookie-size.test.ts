import { request as httpRequest, type Server } from 'node:http'
import type { FastifyHttpOptions } from 'fastify'
import t from 'tap'
import { login, type TestProvider } from 'fastify-oidc-testing'
import { optionsFor, protectedApp, testProvider, type Application } from './support.ts'
import { cookieAfter, reissue, setCookies, storedOf } from './session-parts.ts'

const TOKEN_BYTES = 10_000
const headersOf = (maxHeaderSize: number): FastifyHttpOptions<Server> => ({ http: { maxHeaderSize } })
const LARGE_HEADERS = headersOf(65_536)

async function bigProvider (t: Parameters<typeof testProvider>[0]): Promise<TestProvider> {
  return await testProvider(t, { tokenSize: TOKEN_BYTES, resource: 'urn:api' })
}

async function listening (application: Application): Promise<string> {
  return await application.app.listen({ port: 0, host: '127.0.0.1' })
}

t.test('O171: 20 KB of tokens work on a server that takes 64 KB of headers', async t => {
  const provider = await bigProvider(t)
  const application = await protectedApp(t, optionsFor(provider), LARGE_HEADERS)
  const { app } = application
  const origin = await listening(application)
  const { browser, cookie, response } = await login(app, { origin, path: '/echo/big' })
  t.equal(response.status, 200)
  const { session } = await storedOf(app, cookie)
  t.ok((session.accessToken?.length ?? 0) + (session.cold.idToken?.length ?? 0) >= 2 * TOKEN_BYTES)
  t.ok(cookie.length > 16_384, `${cookie.length} bytes of cookies`)
  t.strictSame(browser.rejected, [], 'no cookie is above what a browser keeps')
  for (const { name, value } of browser.cookies(origin)) t.ok(name.length + value.length + 160 <= 4096, name)
  for (let visit = 0; visit < 3; visit++) t.equal((await browser.navigate(`${origin}/`)).status, 200)
  t.equal((await browser.navigate(`${origin}/logout`, { follow: false })).status, 302)
  t.strictSame(browser.cookies(origin).filter(({ value }) => value !== ''), [], 'every piece is cleared')
})

t.test("on Node's own limit the login is refused with advice, and there is no loop of 431", async t => {
  const provider = await bigProvider(t)
  const application = await protectedApp(t, optionsFor(provider))
  const origin = await listening(application)
  const { browser, response } = await login(application.app, { origin })
  t.equal(response.status, 500)
  t.match(response.body, /FST_OIDC_SESSION_TOO_LARGE/)
  t.notMatch(response.body, /maxHeaderSize|redis/, 'the advice is for the operator')
  const line = application.log.find(({ code }) => code === 'FST_OIDC_SESSION_TOO_LARGE')
  t.equal(line?.level, 50)
  t.match(line?.msg, /session\.storage: redis.*session_contents.*http\.maxHeaderSize/)
  for (let visit = 0; visit < 4; visit++) {
    const again = await browser.navigate(`${origin}/`)
    t.equal(again.status, 500, 'each visit ends in the same answer')
    t.strictSame(again.history.filter(({ status }) => status === 431), [])
  }
  t.strictSame(browser.cookies(origin).filter(({ name }) => /^oidc(_\d+)?$/.test(name)), [], 'nothing of the session was left in the browser')
})

t.test('S437: a session that no cookies can carry is 500 on a server with any limit', async t => {
  const provider = await testProvider(t, { tokenSize: 60_000, resource: 'urn:api' })
  const application = await protectedApp(t, optionsFor(provider), headersOf(1024 * 1024))
  const { response } = await login(application.app)
  t.equal(response.status, 500)
  t.match(response.body, /FST_OIDC_SESSION_TOO_LARGE/)
})

t.test('O172, S438: a session that becomes smaller takes the pieces that are left over with it', async t => {
  const provider = await bigProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider), LARGE_HEADERS)
  const { cookie } = await login(app)
  const pieces = cookie.split('; ').length
  t.ok(pieces > 4)
  const { session } = await storedOf(app, cookie)
  const { handle } = await app.oidcSessionStore.create({ ...session, idTokenClaims: { sub: 'alice' }, userinfo: null, accessToken: null, accessTokenExpiresAt: null, cold: { refreshToken: null, idToken: null } }, Math.floor(Date.now() / 1000) + 100)
  const mixed = `oidc=${handle}; ${cookie.split('; ').slice(1).join('; ')}`
  const answer = await app.inject({ url: '/', headers: { cookie: mixed } })
  t.equal(answer.statusCode, 200)
  t.equal(cookieAfter(answer, mixed).split('; ').length, 1)
  t.equal(setCookies(answer).filter(line => /Max-Age=0/.test(line)).length, pieces - 1)
  t.notMatch(setCookies(answer)[0], /Max-Age=0/, 'the session first: nginx in front passes on no other')
})

t.test('pieces of two sessions are not put together; each whole one still counts', async t => {
  const provider = await bigProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { unauth_action: 'deny' }), LARGE_HEADERS)
  const bigger = await protectedApp(t, optionsFor(provider), LARGE_HEADERS)
  const one = (await login(bigger.app)).cookie
  const other = await reissue(bigger.app, one, { id: 'another session' })
  const [a, b] = [one.split('; '), other.split('; ')]
  t.equal(a.length, b.length)
  const mixed = a.map((pair, index) => index % 2 === 0 ? pair : b[index]).join('; ')
  const anonymous = await app.inject({ url: '/', headers: { cookie: mixed } })
  t.equal(anonymous.statusCode, 401)
  t.equal(setCookies(anonymous).length, 0, 'what does not open is left alone')
  const both = await app.inject({ url: '/', headers: { cookie: [...a.slice(1), ...b].join('; ') } })
  t.equal(both.statusCode, 200, 'an incomplete one beside a whole one')
  t.equal((await app.inject({ url: '/', headers: { cookie: [...b].reverse().join('; ') } })).statusCode, 200, 'cookies have no order')
})

/** As many cookies as fit into the headers of a real request; fetch would not send some of them. */
async function overSocket (origin: string, cookie: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    httpRequest(`${origin}/`, { headers: { cookie, 'sec-fetch-mode': 'cors' }, maxHeaderSize: 65_536 }, response => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).on('error', reject).end()
  })
}

t.test('O175: as many made-up pieces as fit are anonymous over a socket, and so are 10,000 without one, quickly', async t => {
  const provider = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }
  const application = await protectedApp(t, optionsFor(provider, { unauth_action: 'deny' }), LARGE_HEADERS)
  const origin = await listening(application)
  const pieces = (count: number, spell: (index: number) => string): string => Array.from({ length: count }, (_, index) => spell(index)).join('; ')
  const spellings: Array<(index: number) => string> = [
    index => `oidc_${index}=x`,
    index => `oidc_${index % 100}=20.abcdef.${'A'.repeat(20)}`,
    index => `oidc=${index % 20}.abcdef.AAAA`,
    index => `oidc=${'A'.repeat(60)}${index}`,
    () => 'oidc',
    () => 'oidc=',
    index => `oidc_tx_${String(index).padStart(11, '0')}=x`
  ]
  for (const spell of spellings) {
    t.equal(await overSocket(origin, pieces(2000, spell).slice(0, 60_000)), 401)
    const started = performance.now()
    const answer = await application.app.inject({ url: '/', headers: { cookie: pieces(10_000, spell), 'sec-fetch-mode': 'cors' } })
    t.equal(answer.statusCode, 401)
    t.ok(performance.now() - started < 250, `${Math.round(performance.now() - started)} ms`)
    t.equal(setCookies(answer).length, 0)
  }
  const loggingIn = await protectedApp(t, optionsFor(await testProvider(t)))
  const started = performance.now()
  const redirected = await loggingIn.app.inject({ url: '/', headers: { cookie: pieces(10_000, spellings[6] as (index: number) => string) } })
  t.equal(redirected.statusCode, 302)
  t.ok(performance.now() - started < 1000, 'a login begins beside 10,000 made-up attempts')
  t.ok(setCookies(redirected).length < 300)
})
