import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { Browser, type Page } from 'fastify-oidc-testing'

async function serve (t: Test, handler: RequestListener): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Sets what the path `/set` names in `?c=`, and answers the Cookie header elsewhere. */
const cookieServer: RequestListener = (request, response) => {
  const url = new URL(request.url ?? '/', 'http://x')
  response.setHeader('set-cookie', url.searchParams.getAll('c'))
  response.end(request.headers.cookie ?? '')
}

function setting (origin: string, ...lines: string[]): string {
  return `${origin}/set?${new URLSearchParams(lines.map(line => ['c', line]))}`
}

t.test('cookies go back to their host, port and path alone', async t => {
  const origin = await serve(t, cookieServer)
  const other = await serve(t, cookieServer)
  const browser = new Browser()
  await browser.navigate(setting(origin, 'a=1; Path=/', 'b=2; Path=/deep', 'c=3; Path=/deep/er/'))
  t.equal((await browser.navigate(`${origin}/`)).body, 'a=1')
  t.equal((await browser.navigate(`${origin}/deep`)).body, 'b=2; a=1', 'the longest path first')
  t.equal((await browser.navigate(`${origin}/deeper`)).body, 'a=1', 'a path is whole segments')
  t.equal((await browser.navigate(`${origin}/deep/er/x`)).body, 'c=3; b=2; a=1')
  t.equal((await browser.navigate(`${other}/`)).body, '', 'another port')
  t.equal(browser.cookieHeader(`${origin}/deep`), 'b=2; a=1')
})

t.test('without a Path attribute a cookie is for the folder of its address', async t => {
  const browser = new Browser()
  browser.setCookies('http://a.test/one/two', ['a=1'])
  t.equal(browser.cookieHeader('http://a.test/one/three'), 'a=1')
  t.equal(browser.cookieHeader('http://a.test/'), '')
})

t.test('a Domain attribute includes subdomains and refuses strangers', async t => {
  const browser = new Browser()
  browser.setCookies('http://app.example.test/', ['a=1; Domain=example.test', 'b=2', 'c=3; Domain=other.test', 'd=4; Domain=deeper.app.example.test'])
  t.equal(browser.cookieHeader('http://app.example.test/'), 'a=1; b=2')
  t.equal(browser.cookieHeader('http://api.example.test/'), 'a=1')
  t.same(browser.rejected.map(({ name }) => name), ['c', 'd'])
})

t.test('cookies end by Max-Age before Expires, and by both when they say the past', async t => {
  let nowMs = Date.UTC(2030, 0, 1)
  const browser = new Browser({ nowMs: () => nowMs })
  const url = 'http://a.test/'
  browser.setCookies(url, ['a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'b=2; Expires=Tue, 01 Jan 2030 00:00:20 GMT', 'c=3'])
  t.equal(browser.cookieHeader(url), 'a=1; b=2; c=3')
  nowMs += 10_000
  t.equal(browser.cookieHeader(url), 'b=2; c=3')
  nowMs += 10_000
  t.equal(browser.cookieHeader(url), 'c=3')
  browser.setCookies(url, ['c=; Max-Age=0'])
  t.equal(browser.cookieHeader(url), '')
  browser.setCookies(url, ['d=1', 'd=; Expires=Thu, 01 Jan 1970 00:00:00 GMT'])
  t.equal(browser.cookieHeader(url), '')
})

t.test('Secure needs https to be set and to be sent', async t => {
  const browser = new Browser()
  browser.setCookies('http://a.test/', ['a=1; Secure'])
  t.same(browser.rejected, [{ name: 'a', reason: 'Secure over http' }])
  browser.setCookies('https://a.test/', ['a=1; Secure', 'b=2; SameSite=None'])
  t.equal(browser.cookieHeader('https://a.test/'), 'a=1')
  t.equal(browser.rejected.at(-1)?.reason, 'SameSite=None without Secure')
})

t.test('a broken __Host- or __Secure- rule throws', async t => {
  const browser = new Browser()
  const https = 'https://a.test/'
  browser.setCookies(https, ['__Host-a=1; Secure; Path=/', '__Secure-b=2; Secure; Domain=a.test'])
  t.equal(browser.cookieHeader(https), '__Host-a=1; __Secure-b=2')
  for (const [url, line] of [
    [https, '__Host-a=1; Path=/'],
    [https, '__Host-a=1; Secure; Path=/deep'],
    [https, '__Host-a=1; Secure'],
    [https, '__Host-a=1; Secure; Path=/; Domain=a.test'],
    ['http://a.test/', '__Host-a=1; Secure; Path=/'],
    [https, '__Secure-a=1'],
    [https, '__host-a=1; Path=/']
  ] as const) t.throws(() => { browser.setCookies(url, [line]) }, { code: 'FST_OIDC_TESTING_COOKIE_PREFIX' }, line)
})

t.test('a cookie over 4096 bytes of name and value is not kept', async t => {
  const browser = new Browser()
  browser.setCookies('http://a.test/', [`a=${'x'.repeat(4095)}; Path=/; HttpOnly`, `b=${'x'.repeat(4096)}`, `ü=${'x'.repeat(4095)}`])
  t.same(browser.cookies('http://a.test/').map(({ name }) => name), ['a'])
  t.same(browser.rejected.map(({ reason }) => reason), ['over 4096 bytes', 'over 4096 bytes'])
})

t.test('a domain has 180 cookies, the oldest makes room', async t => {
  const browser = new Browser()
  for (let n = 0; n < 180; n++) browser.setCookies('http://a.test/', [`c${n}=1`])
  browser.setCookies('http://a.test/', ['c0=again', 'new=1'])
  const names = browser.cookies('http://a.test/').map(({ name }) => name)
  t.equal(names.length, 180)
  t.notOk(names.includes('c0'), 'an update does not make it younger')
  t.ok(names.includes('c1'))
  t.ok(names.includes('new'))
})

t.test('SameSite decides what a request from another site carries', async t => {
  const browser = new Browser()
  const seen: string[] = []
  const app = Fastify()
  app.all('/', async request => { seen.push(request.headers.cookie ?? ''); return '' })
  browser.route('https://app.test', app)
  browser.setCookies('https://app.test/', ['strict=1; SameSite=Strict', 'lax=1; SameSite=Lax', 'default=1', 'none=1; SameSite=None; Secure'])
  const target = 'https://app.test/'
  await browser.navigate(target)
  await browser.navigate(target, { from: 'https://other.example/' })
  await browser.navigate(target, { from: 'https://other.example/', method: 'POST' })
  await browser.fetch(target, { from: 'https://other.example/' })
  await browser.fetch(target, { from: 'https://www.app.test/' })
  t.same(seen, [
    'strict=1; lax=1; default=1; none=1',
    'lax=1; default=1; none=1',
    'none=1',
    'none=1',
    'strict=1; lax=1; default=1; none=1'
  ])
})

t.test('requests say what they are: Sec-Fetch-*, Accept, Origin', async t => {
  const seen: Array<Record<string, unknown>> = []
  const record = ({ headers }: IncomingMessage): void => {
    seen.push({ mode: headers['sec-fetch-mode'], site: headers['sec-fetch-site'], accept: headers.accept?.slice(0, 9), origin: headers.origin })
  }
  const origin = await serve(t, (request, response) => { record(request); response.end() })
  const browser = new Browser()
  await browser.navigate(origin)
  await browser.navigate(origin, { from: `${origin}/page` })
  await browser.navigate(origin, { from: 'http://127.0.0.1:1/' })
  await browser.navigate(origin, { from: 'http://evil.test/form', method: 'POST', body: new URLSearchParams({ a: '1' }) })
  await browser.fetch(origin)
  await browser.fetch(origin, { headers: { accept: 'application/json', 'sec-fetch-mode': 'no-cors' } })
  t.same(seen, [
    { mode: 'navigate', site: 'none', accept: 'text/html', origin: undefined },
    { mode: 'navigate', site: 'same-origin', accept: 'text/html', origin: undefined },
    { mode: 'navigate', site: 'same-site', accept: 'text/html', origin: undefined },
    { mode: 'navigate', site: 'cross-site', accept: 'text/html', origin: 'http://evil.test' },
    { mode: 'cors', site: 'same-origin', accept: '*/*', origin: undefined },
    { mode: 'no-cors', site: 'same-origin', accept: 'applicati', origin: undefined }
  ])
})

t.test('a chain of redirects through another site is cross-site from there on', async t => {
  const sites: unknown[] = []
  const app = Fastify()
  app.get('/', async (request, reply) => await reply.redirect('https://idp.example/'))
  app.get('/back', async request => { sites.push(request.headers['sec-fetch-site']); return '' })
  const provider = Fastify()
  provider.get('/', async (request, reply) => { sites.push(request.headers['sec-fetch-site']); return await reply.redirect('https://app.test/back') })
  const browser = new Browser().route('https://app.test', app).route('https://idp.example', provider)
  await browser.navigate('https://app.test/', { from: 'https://app.test/link' })
  await browser.navigate('https://app.test/')
  t.same(sites, ['cross-site', 'cross-site', 'none', 'none'])
})

t.test('redirects are followed with their cookies, or not, and not forever', async t => {
  const origin = await serve(t, (request, response) => {
    const next: Record<string, string> = { '/a': '/b', '/b': '/c?x=1', '/loop': '/loop' }
    const location = next[request.url ?? '']
    if (location === undefined) return response.end(`${request.method} ${request.url} ${request.headers.cookie}`)
    return response.writeHead(request.url === '/a' ? 307 : 302, { location, 'set-cookie': `at=${request.url?.slice(1)}; Path=/` }).end()
  })
  const browser = new Browser()
  const page = await browser.navigate(`${origin}/a`, { method: 'POST', body: 'x' })
  t.equal(page.body, 'GET /c?x=1 at=b')
  t.same(page.history.map(({ method, url, status }) => `${method} ${url.pathname} ${status}`), ['POST /a 307', 'POST /b 302', 'GET /c 200'])
  const stopped: Page = await browser.navigate(`${origin}/a`, { follow: false })
  t.equal(stopped.location?.pathname, '/b')
  await t.rejects(browser.navigate(`${origin}/loop`), { code: 'FST_OIDC_TESTING_REDIRECTS', message: /\/loop 302/ })
})

t.test('forms are sent as they stand, with what the user types', async t => {
  const origin = await serve(t, (request, response) => {
    if (request.url === '/') {
      return response.end(`<form action='/get?old=1'><input name=q value="&quot;1&quot; &lt; 2"><input type="checkbox" name="off"><input type="checkbox" name="on" checked></form>
        <form method="post" action="/post?keep=1&amp;x=2"><input type="hidden" name="token" value="t&amp;k"><input name="name"><button name="b" value="v">go</button></form>`)
    }
    let body = ''
    return request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk }).on('end', () => { response.end(`${request.method} ${request.url} ${request.headers['content-type']} ${body}`) })
  })
  const browser = new Browser()
  const page = await browser.navigate(`${origin}/`)
  t.equal((await browser.submit(page)).body, 'GET /get?q=%221%22+%3C+2&on= undefined ')
  t.equal((await browser.submit(page, { name: 'alice', b: 'v' }, { form: 1 })).body, 'POST /post?keep=1&x=2 application/x-www-form-urlencoded token=t%26k&name=alice&b=v')
  await t.rejects(browser.submit(page, {}, { form: 2 }), { code: 'FST_OIDC_TESTING_NO_FORM' })
})

t.test('one origin is answered by inject, everything else by the network', async t => {
  const network = await serve(t, (request, response) => { response.end(`network ${request.headers.host}`) })
  const app = Fastify({ trustProxy: true })
  app.post('/in', async request => ({ host: request.host, protocol: request.protocol, body: request.body }))
  const browser = new Browser().route('https://app.test:8443/ignored', app)
  const inside = await browser.fetch('https://app.test:8443/in?x=1', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' })
  t.same(JSON.parse(inside.body), { host: 'app.test:8443', protocol: 'https', body: { a: 1 } })
  t.equal((await browser.navigate(network)).body, `network ${new URL(network).host}`)
  t.notOk(app.server.listening)
})
