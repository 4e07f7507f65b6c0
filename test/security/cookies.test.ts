import t from 'tap'
import oidc from 'fastify-oidc'
import { createMemoryStore } from 'fastify-oidc-session-store'
import { Browser, login } from 'fastify-oidc-testing'
import { answerFor, ORIGIN } from '../oidc/flow.ts'
import { cookieAfter, loginWithToken, lyingProvider, now, reissue, setCookies, storedOf } from '../oidc/session-parts.ts'
import { createApplication, optionsFor, protectedApp } from '../oidc/support.ts'

t.test('O178, W6: a login takes nothing over from a session or an attempt that somebody planted', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const { cookie: planted } = await login(app)
  const before = await storedOf(app, planted)
  const victim = new Browser().route(ORIGIN, app)
  const callback = await answerFor(victim, `${ORIGIN}/`)
  const answer = await app.inject({ url: callback.href, headers: { cookie: `${planted}; ${victim.cookieHeader(ORIGIN)}` } })
  const after = await storedOf(app, cookieAfter(answer))
  t.not(after.handle, before.handle)
  t.not(after.session.id, before.session.id)
  const attacker = new Browser().route(ORIGIN, app)
  const theirs = await answerFor(attacker, `${ORIGIN}/`)
  const forced = await app.inject({ url: theirs.href })
  t.strictSame(setCookies(forced).filter(line => line.startsWith('oidc=')), [], 'an answer of somebody else logs nobody in')
})

t.test('O178: where sessions are kept, the one that a login replaces serves what is under way, and ends within a minute', async t => {
  const provider = await lyingProvider(t)
  const { app } = createApplication(t)
  app.decorate('oidcSessionStore', createMemoryStore())
  await app.register(oidc, optionsFor(provider))
  app.get('/', async () => 'home')
  const { browser, cookie: old } = await login(app, { path: '/' })
  t.ok((await storedOf(app, old)).expiresAt - now() > 600)
  const again = await browser.navigate(await answerFor(new Browser().route(ORIGIN, app), `${ORIGIN}/`), { follow: false })
  t.equal(again.status, 302, 'an answer to another browser changes nothing')
  t.ok((await storedOf(app, old)).expiresAt - now() > 600)
  const other = new Browser().route(ORIGIN, app)
  const callback = await answerFor(other, `${ORIGIN}/`)
  const answer = await app.inject({ url: callback.href, headers: { cookie: `${old}; ${other.cookieHeader(ORIGIN)}` } })
  t.not((await storedOf(app, cookieAfter(answer))).handle, (await storedOf(app, old)).handle)
  t.ok((await storedOf(app, old)).expiresAt - now() <= 60)
})

t.test('after a logout every handle that the session ever had is dead, and none is renewed', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const generations = [await loginWithToken(app)]
  for (let generation = 0; generation < 3; generation++) {
    const answer = await app.inject({ url: '/', headers: { cookie: generations.at(-1) ?? '' } })
    t.equal(answer.statusCode, 200)
    const renewed = cookieAfter(answer)
    generations.push(renewed, await reissue(app, renewed, { accessTokenExpiresAt: now() - 60 }))
  }
  const refreshes = provider.count('refresh')
  t.equal(refreshes, 3)
  t.equal((await app.inject({ url: '/logout', headers: { cookie: generations[2] ?? '' } })).statusCode, 302)
  for (const cookie of generations) t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 302)
  t.equal(provider.count('refresh'), refreshes)
})

t.test('a cookie that any sibling or the network could plant is not read over https', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider), { trustProxy: true })
  const https = { 'x-forwarded-proto': 'https' }
  const plain = await app.oidc.issueCookie({})
  t.equal((await app.inject({ url: '/', headers: { cookie: plain } })).statusCode, 200)
  t.equal((await app.inject({ url: '/', headers: { cookie: plain, ...https } })).statusCode, 302)
  t.equal((await app.inject({ url: '/', headers: { cookie: `__Host-${plain}`, ...https } })).statusCode, 200)
  t.equal((await app.inject({ url: '/', headers: { cookie: `__Host-${plain}` } })).statusCode, 302)
})

t.test('claims named like members of every object stay what they are, and change nothing else', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ idTokenClaims: JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"toString":"x"}') as Record<string, unknown>, userinfo: JSON.parse('{"__proto__":{"admin":true}}') as Record<string, unknown> })
  const { app } = await protectedApp(t, optionsFor(provider))
  app.get('/admin', async request => ({ admin: request.oidc.claims?.admin ?? null, own: Object.hasOwn(request.oidc.claims ?? {}, '__proto__'), scopes: request.oidc.scopes }))
  const { cookie } = await login(app)
  t.strictSame((await app.inject({ url: '/admin', headers: { cookie } })).json<{ admin: unknown, own: boolean }>(), { admin: null, own: true, scopes: ['openid'] })
  t.equal(({} as Record<string, unknown>).admin, undefined)
})
