import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { Browser } from 'fastify-oidc-testing'
import { answerFor, complaints, lyingProvider, ORIGIN } from './flow.ts'
import { movableClock } from './session-parts.ts'
import { optionsFor, protectedApp } from './support.ts'

async function get (app: FastifyInstance, url: URL | string, cookie = ''): Promise<{ status: number, location: string, cookies: string[], body: string }> {
  const to = new URL(url, ORIGIN)
  const response = await app.inject({ url: to.pathname + to.search, headers: { accept: 'text/html', ...(cookie === '' ? {} : { cookie }) } })
  return { status: response.statusCode, location: String(response.headers.location ?? ''), cookies: [response.headers['set-cookie'] ?? []].flat(), body: response.body }
}

/** What a provider answers to somebody whose browser keeps nothing. */
async function answerWithoutCookies (authorization: string): Promise<URL> {
  const response = await fetch(authorization, { redirect: 'manual' })
  return new URL(response.headers.get('location') ?? '')
}

t.test('O089: an answer that arrives twice shares one code exchange', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, `${ORIGIN}/echo/mine?a=1`)
  const cookie = browser.cookieHeader(ORIGIN)

  await t.test('at the same moment', async t => {
    const gate = provider.hold('token')
    const both = Promise.all([get(app, callback, cookie), get(app, callback, cookie)])
    await gate.reached
    gate.open()
    for (const { status, location, cookies } of await both) {
      t.equal(status, 302)
      t.equal(location, '/echo/mine?a=1')
      t.ok(cookies.some(line => line.startsWith('oidc=')), 'each has the session')
      browser.setCookies(ORIGIN, cookies)
    }
    t.equal(provider.count('token'), 1)
  })

  await t.test('later, from a tab that had sent it before', async t => {
    const { status, location } = await get(app, callback, cookie)
    t.equal(status, 302)
    t.equal(location, '/echo/mine?a=1')
    t.equal(provider.count('token'), 1)
  })

  await t.test('and once the browser has forgotten the attempt it leads home', async t => {
    const page = await browser.navigate(callback, { follow: false })
    t.equal(page.status, 302)
    t.equal(page.headers.get('location'), '/')
    t.equal(provider.count('token'), 1)
    t.equal((await browser.navigate(`${ORIGIN}/`)).status, 200)
  })
  t.equal(provider.reused.code, 0)
  t.strictSame(complaints(log), [])
  t.equal(log.filter(({ oidc }) => oidc === 'login').length, 1, 'and is one login in the log')
})

t.test('O089: an answer that was shared gives nothing to a browser without the attempt', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, `${ORIGIN}/`)
  await browser.navigate(callback)
  const stranger = await get(app, callback)
  t.equal(stranger.status, 302)
  t.ok(stranger.location.startsWith(`${provider.issuer}/authorize`), 'a login of its own')
  t.notOk(stranger.cookies.some(line => line.startsWith('oidc=')))
  t.equal(provider.count('token'), 1)
})

t.test('an unknown answer starts the login again, three times in a row, and then says so (S140)', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  let step = await get(app, '/echo/x')
  let restarts = -1
  while (step.status === 302 && restarts < 10) {
    restarts++
    step = await get(app, await answerWithoutCookies(step.location))
  }
  t.equal(restarts, 3, 'a browser that keeps no cookies is not sent round for ever')
  t.equal(step.status, 400)
  t.match(step.body, /FST_OIDC_LOGIN_EXPIRED/)
  t.match(step.body, /<!doctype html>/)
  t.equal(provider.count('token'), 0)
  const [line, ...more] = complaints(log)
  t.equal(more.length, 0)
  t.match(line, { code: 'FST_OIDC_LOGIN_EXPIRED', msg: /no session state found.*redirect_uri.*SameSite/ })
})

t.test('O065, S387: a sign-in page that was left open for too long leads to another login, which works', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, `${ORIGIN}/echo/x`)
  const kept = browser.cookieHeader(ORIGIN)
  movableClock(t).advance(16 * 60)
  const late = await get(app, callback, kept)
  t.equal(late.status, 302)
  t.ok(late.location.startsWith(`${provider.issuer}/authorize`), 'also where the browser still has the attempt')
  const page = await browser.navigate(callback)
  t.equal(page.status, 200)
  t.match(JSON.parse(page.body), { sub: 'alice' })
  t.equal(provider.count('token'), 1)
  t.strictSame(complaints(log), [])
})

t.test('an answer that nobody asked for leads to a login, or home with a session', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  await app.ready()
  for (const query of ['state=made-up&code=x', `state=${'s'.repeat(5000)}&code=x`, 'state=&code=x', 'state=made-up&error=access_denied', 'state=%00%ff&code=x']) {
    const { status, location } = await get(app, `/callback?${query}`)
    t.equal(status, 302, query.slice(0, 40))
    t.ok(location.startsWith(`${provider.issuer}/authorize`))
  }
  const cookie = await app.oidc.issueCookie({ subject: 'alice' })
  t.match(await get(app, '/callback?state=made-up&code=x', cookie), { status: 302, location: '/', cookies: [] })
  t.match(await get(app, '/callback?state=only', cookie), { status: 302, location: '/' }, 'the way back from a logout')
  t.match(await get(app, '/callback', cookie), { status: 302, location: '/' })
  t.match(await get(app, '/callback?code=x', cookie), { status: 400 }, 'a code without a state is no answer')
  t.equal(provider.count('token'), 0)
  t.equal(complaints(log).length, 1)
})

t.test('O066: beside a planted cookie of the same name the right one is found', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, `${ORIGIN}/echo/x`)
  const [attempt] = browser.cookies(ORIGIN)
  if (attempt === undefined) throw new Error('no attempt')
  const planted = `${attempt.name}=${attempt.value.slice(0, -3)}xxx; ${attempt.name}=`
  const { status, location, cookies } = await get(app, callback, `${planted}; ${attempt.name}=${attempt.value}`)
  t.strictSame([status, location], [302, '/echo/x'])
  t.ok(cookies.some(line => line.startsWith('oidc=')))
})

t.test('O090: what the callback answers is kept by nobody, and no page of it sends its address on', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  for (const [lies, status] of [[{}, 302], [{ idToken: 'bad_signature' }, 502]] as const) {
    const browser = new Browser().route(ORIGIN, app)
    provider.lie(lies)
    const callback = await answerFor(browser, `${ORIGIN}/echo/x`)
    const page = await browser.navigate(callback, { follow: false })
    t.match([page.status, page.headers.get('cache-control')], [status, 'no-store'])
    t.notOk(`${page.body}${page.headers.get('location') ?? ''}`.includes(callback.searchParams.get('code') ?? '-'))
    // A redirect is no referrer: browsers send the page before it.
    if (status !== 302) t.equal(page.headers.get('referrer-policy'), 'no-referrer')
  }
})

t.test('O174: a session is no attempt, and an attempt is no session', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  await app.ready()
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, `${ORIGIN}/echo/x`)
  const [attempt] = browser.cookies(ORIGIN)
  const session = await app.oidc.issueCookie({ subject: 'alice' })
  const value = session.slice(session.indexOf('=') + 1)
  t.ok((await get(app, callback, `${attempt?.name ?? ''}=${value}`)).location.startsWith(`${provider.issuer}/authorize`))
  for (const stolen of [attempt?.value ?? '', (attempt?.value ?? '').replace(/^[^.]*\./, '')]) t.ok((await get(app, '/', `oidc=${stolen}`)).location.startsWith(`${provider.issuer}/authorize`))
  t.equal((await get(app, '/', session)).status, 200)
  t.equal(provider.count('token'), 0)
})

t.test('O067, CVE-2017-1000069: an attempt of another browser, changed, or moved to another state does not open', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const [mine, other] = [new Browser().route(ORIGIN, app), new Browser().route(ORIGIN, app)]
  const callback = await answerFor(mine, `${ORIGIN}/`)
  await answerFor(other, `${ORIGIN}/`)
  const [attempt] = mine.cookies(ORIGIN)
  const [foreign] = other.cookies(ORIGIN)
  if (attempt === undefined || foreign === undefined) throw new Error('no attempts')
  const changed = attempt.value.slice(0, -3) + (attempt.value.endsWith('AAA') ? 'BBB' : 'AAA')
  for (const cookie of [`${attempt.name}=${foreign.value}`, `${attempt.name}=${changed}`, `${attempt.name}=`, `${attempt.name}=${attempt.value.slice(0, 40)}`, `${foreign.name}=${attempt.value}`]) {
    t.ok((await get(app, callback, cookie)).location.startsWith(`${provider.issuer}/authorize`), cookie.slice(0, 40))
  }
  t.equal(provider.count('token'), 0)
  t.equal((await mine.navigate(callback)).status, 200, 'the right one does')
})
