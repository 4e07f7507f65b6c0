import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { Browser } from 'fastify-oidc-testing'
import { complaints, lyingProvider, ORIGIN, toCallback } from './flow.ts'
import { optionsFor, protectedApp } from './support.ts'

const provider = await lyingProvider(t)

/** What somebody who sends a link may write into it. */
const HOSTILE: readonly string[] = [
  '//evil.example', '//evil.example/', '//evil.example/x?y=1', '///evil.example', '////evil.example', '//evil.example//',
  '/\\evil.example', '\\\\evil.example', '\\/evil.example', '/\\/evil.example', '/\\\\evil.example', '\\evil.example', '//\\evil.example', '/\\@evil.example',
  '/%09/evil.example', '/%0a/evil.example', '/%0d%0a/evil.example', '/%5cevil.example', '/%2fevil.example', '/%2f%2fevil.example', '//%2fevil.example', '%2f%2fevil.example',
  '/.//evil.example', '/./\\evil.example', '/..//evil.example', '/%2e//evil.example', '/%2e%2e//evil.example', '/.%2e//evil.example', '/a/..//evil.example', '/a/%2e%2e//evil.example', '/a/../..//evil.example', '/././/evil.example', '/a/b/../../..//evil.example', '/%2E/\\evil.example', './/evil.example', '..//evil.example',
  '//a@evil.example', '//localhost@evil.example', '//localhost:80@evil.example', '//localhost%40evil.example', '//evil.example@localhost', '//evil.example%23@localhost/', '//evil.example:80', '//[::1]/', '//0x7f000001/', '//2130706433/', '//127.1/',
  'http://evil.example', 'https://evil.example', 'HTTP://EVIL.EXAMPLE', 'http:evil.example', 'http:/evil.example', 'http:\\\\evil.example', 'https:evil.example', 'http:///evil.example', 'http://localhost@evil.example/', 'http://localhost.evil.example/', 'http://localhost:81/', 'https://localhost/', 'http://evil.example\\@localhost/', 'http://localhost\\@evil.example/', 'http://evil.example#@localhost/', 'http://evil.example?@localhost/',
  'javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'javascript://localhost/%0aalert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'ftp://evil.example/', 'blob:http://localhost/x', 'about:blank', 'mailto:a@evil.example', 'ws://localhost/',
  '/\t/evil.example', '/\n/evil.example', '/\r/evil.example', '\t//evil.example', ' //evil.example', '\n//evil.example', '/\t\\evil.example', 'java\nscript:alert(1)', '\u0000//evil.example', '/\u0000/evil.example',
  '／／evil.example', '/／evil.example', '//evil。example', '⁄⁄evil.example', '∕∕evil.example', '／＼evil.example', '//evil\u200b.example', '\ufeff//evil.example', '//ｅｖｉｌ.example', '//xn--evil-.example',
  '//;@evil.example', ';//evil.example', '?//evil.example', '#//evil.example', '/?returnTo=//evil.example', '/#//evil.example', '', ' ', '/', '//', '///', '\\', '/\\', '.', '..', ':', '//:80', '//@', 'http://', 'http:', 'http://[', '%', '/%', '/%zz', '/%ff%fe'
]

/** Judged by what a browser would do with it. */
function staysHere (location: string | null): boolean {
  return location !== null && URL.canParse(location, ORIGIN) && new URL(location, ORIGIN).origin === ORIGIN && !/[\u0000-\u0020\\]/.test(location) // eslint-disable-line no-control-regex -- these are what it looks for
}

async function finish (app: FastifyInstance, response: { headers: Record<string, unknown> }): Promise<{ status: number, location: string | null }> {
  const browser = new Browser().route(ORIGIN, app)
  browser.setCookies(ORIGIN, [response.headers['set-cookie'] ?? []].flat() as string[])
  const { status, headers } = await browser.navigate(await toCallback(browser, new URL(String(response.headers.location))), { follow: false })
  return { status, location: headers.get('location') }
}

const label = (text: string): string => JSON.stringify(encodeURI(text))

t.ok(HOSTILE.length >= 100 && new Set(HOSTILE).size === HOSTILE.length, `${HOSTILE.length} addresses`)

t.test('fastify.oidc.login comes back to a path of this origin, whatever it is told', async t => {
  const { app, log } = await protectedApp(t, optionsFor(provider))
  app.get('/go', { config: { oidc: false } }, async (request, reply) => await app.oidc.login(request, reply, { returnTo: (request.query as { to: string }).to }))
  const led: string[] = []
  for (const returnTo of HOSTILE) {
    const { status, location } = await finish(app, await app.inject({ url: '/go', query: { to: returnTo } }))
    // Back to the login would never end.
    if (status !== 302 || !staysHere(location) || location?.startsWith('/go') === true) led.push(`${label(returnTo)} ${status} ${String(location)}`)
  }
  t.strictSame(led, [])
  for (const [returnTo, expected] of [['/echo/x?a=1&b=%2F%2Fc', '/echo/x?a=1&b=%2F%2Fc'], ['http://localhost/echo/y', '/echo/y'], ['/a//b', '/a//b'], ['/ü?ü', '/%C3%BC?%C3%BC']] as const) {
    t.equal((await finish(app, await app.inject({ url: '/go', query: { to: returnTo } }))).location, expected)
  }
  t.strictSame(complaints(log), [])
})

/** Writes what no well-behaved client would, and answers the head of the response. */
async function sendRaw (port: number, text: string): Promise<{ status: number, headers: Record<string, string> }> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  socket.on('error', () => { /* the server may hang up on nonsense */ })
  await once(socket, 'close')
  const [head = ''] = Buffer.concat(chunks).toString('latin1').split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()])) }
}

t.test('S385: a request target leads back to a path of this origin, whatever it looks like', async t => {
  for (const profile of ['oauth2.1', 'apisix'] as const) {
    await t.test(profile, async t => {
      const { app } = await protectedApp(t, profile === 'apisix' ? { ...optionsFor(provider), security_profile: 'apisix', redirect_uri: undefined } : optionsFor(provider))
      app.get('/*', async request => ({ sub: request.oidc.claims?.sub }))
      await app.listen({ port: 0, host: '127.0.0.1' })
      const { port } = app.server.address() as AddressInfo
      let logins = 0
      const led: string[] = []
      for (const target of HOSTILE) {
        const line = Buffer.from(`GET ${target} HTTP/1.1\r\n`, 'utf8').toString('latin1')
        const response = await sendRaw(port, `${line}Host: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n`)
        if (response.status >= 400 && response.status < 500) continue
        const redirectUri = new URL(response.headers.location ?? '').searchParams.get('redirect_uri')
        if (response.status !== 302 || !staysHere(redirectUri)) led.push(`${label(target)} ${response.status} ${String(redirectUri)}`)
        logins++
        if (profile === 'apisix') continue // what comes after is the same code
        const { status, location } = await finish(app, response)
        if (status !== 302 || !staysHere(location)) led.push(`${label(target)} ${status} ${String(location)}`)
      }
      t.strictSame(led, [])
      t.ok(logins > 40, `${logins} logins`)
    })
  }
})

t.test('a form comes back to the page that it stood on, of this origin alone', async t => {
  const { app } = await protectedApp(t, optionsFor(provider, { cross_site: 'allow' }))
  const led: string[] = []
  const post = async (referer: string | undefined) => await app.inject({ method: 'POST', url: '/echo/save', headers: { 'sec-fetch-mode': 'navigate', ...(referer === undefined ? {} : { referer }) } })
  for (const referer of [...HOSTILE.filter(text => !/[\r\n\u0000]|[^\u0000-\u00ff]/.test(text)), 'http://evil.example/http://localhost/', 'http://localhost.evil.example/form', 'https://localhost/form', 'http://localhost:8080/form']) { // eslint-disable-line no-control-regex -- what no header can hold
    const response = await post(referer)
    const { location } = await finish(app, response)
    if (response.statusCode !== 303 || !staysHere(location)) led.push(`${label(referer)} ${response.statusCode} ${String(location)}`)
  }
  t.strictSame(led, [])
  t.equal((await finish(app, await post(undefined))).location, '/')
  t.equal((await finish(app, await post('http://localhost/echo/form?id=7#x'))).location, '/echo/form?id=7')
  t.equal((await finish(app, await post('http://evil.example/form'))).location, '/')
})

t.test('parameters of the callback lead nowhere', async t => {
  const { app } = await protectedApp(t, optionsFor(provider))
  const response = await app.inject({ url: '/echo/page' })
  const browser = new Browser().route(ORIGIN, app)
  browser.setCookies(ORIGIN, [response.headers['set-cookie'] ?? []].flat())
  const callback = await toCallback(browser, new URL(String(response.headers.location)))
  for (const name of ['returnTo', 'return_to', 'redirect', 'redirect_uri', 'rd', 'next', 'url', 'target_link_uri']) callback.searchParams.set(name, 'https://evil.example/')
  t.equal((await browser.navigate(callback, { follow: false })).headers.get('location'), '/echo/page')
})
