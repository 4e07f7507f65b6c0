import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { login } from 'fastify-oidc-testing'
import { complaints } from './flow.ts'
import { optionsFor, protectedApp, testProvider, SECRET } from './support.ts'

const page = { accept: 'text/html' }

async function redirectUri (app: FastifyInstance, headers: Record<string, string>, url = '/'): Promise<string | null> {
  const { headers: { location } } = await app.inject({ url, headers: { ...page, ...headers } })
  return location === undefined ? null : new URL(String(location)).searchParams.get('redirect_uri')
}

t.test('S451: a Host header that names no host is 400, and so is none', async t => {
  const provider = await testProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  for (const host of ['a b', 'user@evil.example', 'localhost@evil.example', 'user:pw@x', 'evil.example/path', 'evil.example\\path', 'evil.example?x', 'evil.example#x', 'local\thost', '[::1', 'x:99999', 'x:y', ':80', '%65vil.example', 'a,b', '<script>', 'x"y', 'evil.example;x', '..', '', `${'a'.repeat(63)}.`.repeat(5)]) {
    for (const path of ['/', '/callback?state=x&code=y']) {
      const socket = connect(port, '127.0.0.1')
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n`)
      let text = ''
      socket.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
      await once(socket, 'close')
      t.match(text, /^HTTP\/1\.1 400 /, `${JSON.stringify(host)} ${path}`)
      t.notMatch(text, /evil|location:/i)
    }
  }
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.0\r\nAccept: text/html\r\n\r\n')
  const [chunk] = await once(socket, 'data') as [Buffer]
  t.match(chunk.toString('latin1'), /^HTTP\/1\.[01] 400 /)
  socket.destroy()
  t.strictSame(complaints(log, 50), [])
})

t.test('a Host header that names no host ends no request of who has a session', async t => {
  const provider = await testProvider(t, { ttl: { AccessToken: 30 } } as object)
  const first = await protectedApp(t, optionsFor(provider))
  const { cookie } = await login(first.app)
  const { app } = await protectedApp(t, optionsFor(provider, { access_token_expires_leeway: 7200, session: { secret: SECRET, cookie_secure: true } } as object))
  const answer = await app.inject({ url: '/echo/x', headers: { cookie, host: '%%%', 'sec-fetch-mode': 'cors' } })
  t.equal(answer.statusCode, 200)
  t.ok(answer.headers['set-cookie'], 'it was renewed')
})

t.test('hosts of every honest kind are taken as they are', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  for (const [host, origin] of [['localhost', 'http://localhost'], ['LOCALHOST:8080', 'http://localhost:8080'], ['app.example:80', 'http://app.example'], ['127.0.0.1:3000', 'http://127.0.0.1:3000'], ['[::1]:3000', 'http://[::1]:3000'], ['my_app.example', 'http://my_app.example'], ['xn--mnchen-3ya.example', 'http://xn--mnchen-3ya.example']] as const) {
    t.equal(await redirectUri(app, { host }), `${origin}/callback`)
  }
})

t.test('O205, S449, S450: forwarded headers count where trustProxy says so, and nowhere else', async t => {
  const provider = await testProvider(t)
  const forwarded = { host: 'inner.example', 'x-forwarded-host': 'outer.example', 'x-forwarded-proto': 'https', 'x-forwarded-port': '8443', forwarded: 'host=evil.example;proto=https', 'x-original-host': 'evil.example', 'x-forwarded-server': 'evil.example', 'x-host': 'evil.example' }
  const direct = await protectedApp(t, optionsFor(provider))
  t.equal(await redirectUri(direct.app, forwarded), 'http://inner.example/callback')
  const trusting = await protectedApp(t, optionsFor(provider), { trustProxy: true })
  t.equal(await redirectUri(trusting.app, forwarded), 'https://outer.example/callback')
  const trustingOther = await protectedApp(t, optionsFor(provider), { trustProxy: ['10.0.0.1'] })
  t.equal(await redirectUri(trustingOther.app, forwarded), 'http://inner.example/callback', 'not from somebody else')
  for (const header of ['evil.example/x', 'a b', 'u@evil.example', '', ':80']) {
    const response = await trusting.app.inject({ url: '/', headers: { ...page, host: 'inner.example', 'x-forwarded-host': header } })
    const uri = response.headers.location === undefined ? null : new URL(String(response.headers.location)).searchParams.get('redirect_uri')
    t.ok(response.statusCode === 400 || uri === 'http://inner.example/callback', `${JSON.stringify(header)}: ${response.statusCode} ${String(uri)}`)
  }
  t.equal(await redirectUri(trusting.app, { host: 'inner.example', 'x-forwarded-proto': 'javascript' }), null, 'a scheme that is none is refused')
  for (const [list, scheme] of [['https,http', 'http'], ['http, https', 'https'], ['javascript, https', 'https']] as const) t.equal(await redirectUri(trusting.app, { host: 'inner.example', 'x-forwarded-proto': list }), `${scheme}://inner.example/callback`, `${list}: what the nearest proxy says`)
})

t.test('behind a proxy on https cookies are Secure and __Host-, and logins work', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider), { trustProxy: true })
  const { browser, response } = await login(app, { origin: 'https://outer.example', path: '/echo/x' })
  t.equal(response.status, 200)
  t.strictSame(browser.cookies('https://outer.example/').map(({ name, secure, path }) => ({ name, secure, path })), [{ name: '__Host-oidc', secure: true, path: '/' }])
  t.strictSame(browser.rejected, [])
})

t.test('where redirect_uri is https, Secure cookies need no proxy that is trusted, and nobody is told of one', async t => {
  const provider = await testProvider(t)
  const options = (redirectUri: string): ReturnType<typeof optionsFor> => optionsFor(provider, { redirect_uri: redirectUri, session: { secret: 'a session secret that is long enough', cookie_secure: true } })
  const advice = (log: ReadonlyArray<Record<string, unknown>>): number => log.filter(({ oidc, msg }) => oidc === 'advice' && /are Secure/.test(String(msg))).length
  const whole = await protectedApp(t, options('https://outer.example/callback'))
  const { browser, response } = await login(whole.app, { origin: 'https://outer.example', path: '/echo/x' })
  t.equal(response.status, 200)
  t.ok(browser.cookies('https://outer.example/').every(({ secure }) => secure))
  t.equal(advice(whole.log), 0)
  const path = await protectedApp(t, options('/callback'))
  await path.app.inject({ url: '/echo/x', headers: { host: 'outer.example' } })
  t.equal(advice(path.log), 1, 'where it is a path, somebody has to say so')
})

/** As Fastify has it: nobody is trusted, somebody else is, or who asks is. */
const TRUST = { nobody: false, another: ['10.0.0.1'], peer: true } as const

const HOSTS: ReadonlyArray<readonly [name: string, trust: keyof typeof TRUST, headers: Record<string, string>, expected: string]> = [
  ['S074, S075: the page and the suffix', 'nobody', { host: '127.0.0.1:1984' }, 'http://127.0.0.1:1984'],
  ['S076: the port of the Host header is kept', 'nobody', { host: 'localhost:8888' }, 'http://localhost:8888'],
  ['S077: no port is made up', 'nobody', { host: 'localhost' }, 'http://localhost'],
  ['S078: somebody who is not trusted cannot name the host', 'another', { host: 'localhost:8888', 'x-forwarded-host': 'evil.com' }, 'http://localhost:8888'],
  ['S079: a proxy that is trusted can', 'peer', { host: 'localhost:8888', 'x-forwarded-host': 'public.example.com:8443', 'x-forwarded-proto': 'https' }, 'https://public.example.com:8443'],
  ['S080: Forwarded counts for nothing, also beside the headers that count', 'peer', { host: 'localhost:8888', forwarded: 'host="cdn.example.com:443";proto="https"', 'x-forwarded-host': 'public.example.com', 'x-forwarded-proto': 'http' }, 'http://public.example.com'],
  ['S081: nor from somebody who is not trusted', 'another', { host: 'localhost:8888', forwarded: 'host=evil.com;proto=https', 'x-forwarded-host': 'evil.com' }, 'http://localhost:8888'],
  ['S168: scheme and host of a trusted proxy', 'peer', { host: 'inner', 'x-forwarded-host': 'example.org', 'x-forwarded-proto': 'https' }, 'https://example.org'],
  ['S171: of a list, what the nearest proxy wrote: the last', 'peer', { host: 'inner', 'x-forwarded-host': 'evil.com , example.org', 'x-forwarded-proto': 'https' }, 'https://example.org'],
  ['S172: blanks around it are none of it', 'peer', { host: 'inner', 'x-forwarded-host': '  example.org ', 'x-forwarded-proto': ' https ' }, 'https://example.org'],
  ['S174: Forwarded alone', 'peer', { host: 'inner', forwarded: 'proto=https;Host=example.org' }, 'http://inner'],
  ['S175: Forwarded in quotes', 'peer', { host: 'inner', forwarded: 'PrOtO="https";HoSt="example.org"' }, 'http://inner'],
  ['S176: Forwarded with two elements', 'peer', { host: 'inner', forwarded: 'proto=https;host=example.org, proto=http;host=other.example' }, 'http://inner']
]

t.test('where nothing is written, the redirect URI is the page with the suffix, on the host that the browser sees', async t => {
  const provider = await testProvider(t)
  for (const [name, trust, headers, origin] of HOSTS) {
    const { app } = await protectedApp(t, { ...optionsFor(provider), security_profile: 'apisix', redirect_uri: undefined }, { trustProxy: TRUST[trust] } as FastifyServerOptions)
    app.get('/hello', async () => 'hello')
    const { headers: { location } } = await app.inject({ url: '/hello', headers: { ...page, ...headers } })
    t.hasStrict(Object.fromEntries(new URL(String(location)).searchParams), { redirect_uri: `${origin}/hello/.apisix/redirect`, scope: 'openid', client_id: provider.clientId, response_type: 'code' }, name)
    await app.close()
  }
})

t.test('headers that come twice are not put together into another host (S173, S177)', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider), { trustProxy: true })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  for (const [lines, expected] of [
    [['X-Forwarded-Host: evil.com', 'X-Forwarded-Host: example.org'], 'http://example.org/callback'],
    [['Forwarded: host=evil.com', 'Forwarded: host=example.org'], 'http://inner/callback']
  ] as const) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET / HTTP/1.1\r\nHost: inner\r\nAccept: text/html\r\nConnection: close\r\n${lines.join('\r\n')}\r\n\r\n`)
    let text = ''
    socket.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
    await once(socket, 'close')
    const location = /^location: (.*)\r$/im.exec(text)?.[1] ?? ''
    t.equal(new URL(location).searchParams.get('redirect_uri'), expected)
  }
})
