import t from 'tap'
import { Browser } from 'fastify-oidc-testing'
import { answerFor, complaints, lyingProvider, ORIGIN, shuffle, toCallback } from './flow.ts'
import { optionsFor, protectedApp, testProvider } from './support.ts'

const TABS = Array.from({ length: 20 }, (_, index) => `/echo/tab-${index}?q=${index}`)
const ATTEMPT = /^oidc_tx_/

async function openTabs (app: Awaited<ReturnType<typeof protectedApp>>['app'], browser: Browser): Promise<URL[]> {
  const opened = await Promise.all(TABS.map(async url => await app.inject(url)))
  for (const { headers } of opened) browser.setCookies(ORIGIN, [headers['set-cookie'] ?? []].flat())
  return opened.map(({ headers }) => new URL(String(headers.location)))
}

t.test('O052: 20 tabs that were opened at once come back to their own pages, whatever the order they finish in (S132)', async t => {
  const provider = await testProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const answers: Array<{ url: string | undefined, callback: URL }> = []
  for (const [index, authorization] of shuffle([...(await openTabs(app, browser)).entries()], 1)) {
    answers.push({ url: TABS[index], callback: await toCallback(browser, authorization) })
  }
  t.equal(browser.cookies(ORIGIN).filter(({ name }) => ATTEMPT.test(name)).length, TABS.length)
  for (const { url, callback } of shuffle(answers, 2)) {
    const page = await browser.navigate(callback)
    t.equal(page.status, 200)
    t.equal(page.url.pathname + page.url.search, url)
    t.match(JSON.parse(page.body), { sub: 'alice', url })
  }
  t.equal(provider.count('POST /token'), TABS.length, 'one code exchange each')
  t.equal(browser.cookies(ORIGIN).filter(({ name }) => ATTEMPT.test(name)).length, 0, 'no attempt is left over')
  t.strictSame(complaints(log), [])
})

t.test('20 tabs whose answers arrive at the same moment come back to their own pages', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const gate = provider.hold('token')
  const callbacks = await Promise.all((await openTabs(app, browser)).map(async to => await toCallback(browser, to)))
  const finished = Promise.all(callbacks.map(async to => await browser.navigate(to, { follow: false })))
  await gate.reached
  gate.open()
  const locations = (await finished).map(({ location }) => `${location?.pathname ?? ''}${location?.search ?? ''}`)
  t.strictSame(locations, TABS)
  t.equal(provider.count('token'), TABS.length)
  const pages = await Promise.all(locations.map(async url => await browser.navigate(`${ORIGIN}${url}`, { follow: false })))
  t.ok(pages.every(({ status }) => status === 200), 'the session that came last serves them all')
  t.strictSame(complaints(log), [])
})

t.test('O053: abandoned attempts do not pile up: the oldest go, and the newest still works', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  const names: string[] = []
  for (let attempt = 0; attempt < 60; attempt++) {
    const before = new Set(browser.cookies(ORIGIN).map(({ name }) => name))
    await browser.navigate(`${ORIGIN}/echo/${attempt}?${'x'.repeat(attempt)}`, { follow: false })
    const attempts = browser.cookies(ORIGIN).filter(({ name }) => ATTEMPT.test(name))
    names.push(attempts.find(({ name }) => !before.has(name))?.name ?? '')
    const bytes = attempts.reduce((sum, { name, value }) => sum + name.length + value.length + 3, 0)
    if (attempts.length > 24 || bytes > 8192) t.fail(`${attempts.length} attempts, ${bytes} bytes`)
  }
  const kept = browser.cookies(ORIGIN).map(({ name }) => name)
  t.ok(kept.length >= 15, `${kept.length} attempts are kept`)
  t.strictSame(new Set(kept), new Set(names.slice(-kept.length)), 'those that are kept are the newest')
  const page = await browser.navigate(await answerFor(browser, `${ORIGIN}/echo/newest`))
  t.equal(page.status, 200)
  t.equal(page.url.pathname, '/echo/newest')
})

t.test('large addresses of many tabs stay within 8 KB', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const browser = new Browser().route(ORIGIN, app)
  for (let attempt = 0; attempt < 12; attempt++) await browser.navigate(`${ORIGIN}/echo/${attempt}?${'x'.repeat(1450)}`, { follow: false })
  t.ok(browser.cookieHeader(ORIGIN).length <= 8192, String(browser.cookieHeader(ORIGIN).length))
  const last = `/echo/last?${'y'.repeat(1480)}`
  t.equal((await browser.navigate(await answerFor(browser, ORIGIN + last))).url.href, ORIGIN + last, 'up to 1,500 bytes come back as they were')
  const other = new Browser().route(ORIGIN, app)
  t.equal((await other.navigate(await answerFor(other, `${ORIGIN}/echo/last?${'y'.repeat(1600)}`))).url.href, `${ORIGIN}/echo/last`, 'beyond that the path alone')
  const third = new Browser().route(ORIGIN, app)
  t.equal((await third.navigate(await answerFor(third, `${ORIGIN}/echo/${'z'.repeat(1600)}`))).url.href, `${ORIGIN}/`, 'a longer path is forgotten')
})
