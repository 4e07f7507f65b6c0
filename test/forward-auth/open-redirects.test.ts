import { readFileSync } from 'node:fs'
import t from 'tap'
import { Browser } from 'fastify-oidc-testing'
import { lyingProvider, ORIGIN, toCallback } from '../oidc/flow.ts'
import { buttonOf, gate } from './parts.ts'

const CORPUS = JSON.parse(readFileSync(new URL('../fixtures/open-redirects.json', import.meta.url), 'utf8')) as string[]
const WHITELIST = ['foo.bar', '.bar.foo', 'port.bar:8080', 'anyport.bar:*']
const ALLOWED = new Set([ORIGIN, 'https://foo.bar', 'https://bar.foo', 'https://port.bar:8080'])

/** Judged by what a browser would do with it, on the page that it comes from. */
function stays (location: string | undefined): boolean {
  return location !== undefined && !/[\u0000-\u0020\\\u007f]/.test(location) && // eslint-disable-line no-control-regex -- these are what it looks for
    URL.canParse(location, `${ORIGIN}/oauth2/sign_out`) && ALLOWED.has(new URL(location, `${ORIGIN}/oauth2/sign_out`).origin)
}

const label = (text: string, location: unknown): string => `${JSON.stringify(encodeURI(text))} -> ${String(location)}`

const provider = await lyingProvider(t)
const { app, log } = await gate(t, { provider, server: { disableRequestLogging: true }, core: { whitelist_domains: WHITELIST } })

t.ok(CORPUS.length >= 500 && new Set(CORPUS).size === CORPUS.length, `${CORPUS.length} addresses`)

t.test('O091: no address of the corpus leads sign_out away, encoded once, twice, in a form or in the header (CVE-2020-5233, CVE-2020-11053, CVE-2020-4037, CVE-2017-1000070, W17)', async t => {
  const led: string[] = []
  let elsewhere = 0
  for (const address of CORPUS) {
    const once = encodeURIComponent(address)
    const sent = [
      { url: `/oauth2/sign_out?rd=${once}` },
      { url: `/oauth2/sign_out?rd=${encodeURIComponent(once)}` },
      { method: 'POST' as const, url: '/oauth2/sign_out', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: `rd=${once}` },
      ...(/^[\u0020-\u007e]*$/.test(address) ? [{ url: '/oauth2/sign_out', headers: { 'x-auth-request-redirect': address } }] : [])
    ]
    for (const request of sent) {
      const { statusCode, headers } = await app.inject(request)
      if (![302, 303].includes(statusCode) || !stays(headers.location)) led.push(label(address, headers.location))
      if (headers.location !== '/') elsewhere++
    }
  }
  t.strictSame(led, [])
  t.ok(elsewhere > 100, `${elsewhere} of them are paths of this origin, and gone to`)
  t.strictSame(log.filter(({ level }) => Number(level) >= 40), [])
})

t.test('O091: nor does the button of the sign-in page', async t => {
  const led: string[] = []
  for (const address of CORPUS) {
    const { start } = buttonOf((await app.inject(`/oauth2/sign_in?rd=${encodeURIComponent(address)}`)).body)
    const rd = start.searchParams.get('rd')
    if (start.origin !== ORIGIN || start.pathname !== '/oauth2/start' || !stays(rd ?? undefined)) led.push(label(address, start.href))
  }
  t.strictSame(led, [])
})

t.test('O091: nor does a login, from its start to where it ends', async t => {
  const led: string[] = []
  for (const address of CORPUS.filter((_address, index) => index % 12 === 0)) {
    const browser = new Browser().route(ORIGIN, app)
    const { location } = await browser.navigate(`${ORIGIN}/oauth2/start?rd=${encodeURIComponent(address)}`, { follow: false })
    const end = await browser.navigate(await toCallback(browser, location ?? new URL('x:')), { follow: false })
    if (end.status !== 302 || !stays(end.headers.get('location') ?? undefined)) led.push(label(address, end.headers.get('location')))
  }
  t.strictSame(led, [])
})

t.test('O104, O103: what tries to leave is nowhere, and what cannot stand in a header is no error', async t => {
  for (const rd of ['https://foo.bar@evil.corp', 'https://evil.corp\\@foo.bar', 'HTTPS://foo.bar/', 'javascript:alert(1)', 'https://foo.bar\r\nX: y', '/a\r\nSet-Cookie: a=b', '/\0', '/\t/evil.corp', '//evil.corp', 'http://foo.bar/', 'https://user:pw@foo.bar/']) {
    t.match(await app.inject({ url: '/oauth2/sign_out', query: { rd } }), { statusCode: 302, headers: { location: '/' } }, JSON.stringify(rd))
  }
})

t.test('O092, O093, O094, O102, O233: what is allowed is gone to', async t => {
  const same = ['https://foo.bar/x?y=z#w', 'https://bar.foo/', 'https://a.bar.foo/', 'https://port.bar:8080/', 'https://anyport.bar:9/', '/search?u=https://x.com/', '/a//b', '/a?b=%2F%2Fc', '/app#/route']
  for (const rd of same) t.equal((await app.inject({ url: '/oauth2/sign_out', query: { rd } })).headers.location, rd)
  const leads = { 'http://localhost/own?x=1': '/own?x=1', 'https://foo.bar:443/x': 'https://foo.bar/x', '/a/../b': '/b', 'https://xbar.foo/': '/', 'https://port.bar/': '/', 'https://foo.bar:444/': '/' }
  for (const [rd, expected] of Object.entries(leads)) t.equal((await app.inject({ url: '/oauth2/sign_out', query: { rd } })).headers.location, expected, rd)
})
