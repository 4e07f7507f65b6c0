import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { login } from 'fastify-oidc-testing'
import { complaints } from './flow.ts'
import { optionsFor, protectedApp, testProvider } from './support.ts'

const page = { accept: 'text/html' }

async function redirectUri (app: FastifyInstance, headers: Record<string, string>, url = '/'): Promise<string | null> {
  const { headers: { location } } = await app.inject({ url, headers: { ...page, ...headers } })
  return location === undefined ? null : new URL(String(location)).searchParams.get('redirect_uri')
}

t.test('a Host header that names no host is 400', async t => {
  const provider = await testProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  for (const host of ['a b', 'user@evil.example', 'localhost@evil.example', 'user:pw@x', 'evil.example/path', 'evil.example\\path', 'evil.example?x', 'evil.example#x', 'local\thost', '[::1', 'x:99999', 'x:y', ':80', '%65vil.example', 'a,b', '<script>', 'x"y', 'evil.example;x', '..', '']) {
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
  t.strictSame(complaints(log, 50), [])
})

t.test('hosts of every honest kind are taken as they are', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  for (const [host, origin] of [['localhost', 'http://localhost'], ['LOCALHOST:8080', 'http://localhost:8080'], ['app.example:80', 'http://app.example'], ['127.0.0.1:3000', 'http://127.0.0.1:3000'], ['[::1]:3000', 'http://[::1]:3000'], ['my_app.example', 'http://my_app.example'], ['xn--mnchen-3ya.example', 'http://xn--mnchen-3ya.example']] as const) {
    t.equal(await redirectUri(app, { host }), `${origin}/callback`)
  }
})

t.test('forwarded headers count where trustProxy says so, and nowhere else', async t => {
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
  t.match(await redirectUri(trusting.app, { host: 'inner.example', 'x-forwarded-proto': 'https,http' }), /^https?:\/\/inner\.example\/callback$/)
})

t.test('behind a proxy on https cookies are Secure and __Host-, and logins work', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider), { trustProxy: true })
  const { browser, response } = await login(app, { origin: 'https://outer.example', path: '/echo/x' })
  t.equal(response.status, 200)
  t.strictSame(browser.cookies('https://outer.example/').map(({ name, secure, path }) => ({ name, secure, path })), [{ name: '__Host-oidc', secure: true, path: '/' }])
  t.strictSame(browser.rejected, [])
})
