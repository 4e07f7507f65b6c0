import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { Browser } from 'fastify-oidc-testing'
import { WebSocketServer, WebSocket } from 'ws'
import { optionsFor, protectedApp, testProvider } from '../oidc/support.ts'
import { ca, upstreamCertificate } from '../proxy/certificates.ts'
import { startNginx, type Nginx } from '../support/nginx.ts'

const guide = readFileSync(new URL('../../docs/nginx.md', import.meta.url), 'utf8')
const configuration = /```nginx\n([^]*?)```/.exec(guide)?.[1] ?? ''

/** The guide's configuration, for this machine: another port, which `$host` leaves out, and certificates of the tests. */
async function nginxInFront (t: Parameters<typeof startNginx>[0], server: number, without: readonly RegExp[] = []): Promise<Nginx> {
  const lines = configuration.split('\n').filter(line => !without.some(pattern => pattern.test(line))).join('\n')
  return await startNginx(t, (port, folder) => lines
    .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
    .replace('/etc/ssl/app.example.com.pem', `${folder}/cert.pem`)
    .replace('/etc/ssl/app.example.com.key', `${folder}/key.pem`)
    .replace('http://127.0.0.1:4180', `http://127.0.0.1:${server}`)
    .replaceAll('$host;', '$http_host;'), { 'cert.pem': upstreamCertificate.cert, 'key.pem': upstreamCertificate.key })
}

t.test('behind nginx as the guide has it', async t => {
  const provider = await testProvider(t, { resource: 'urn:api', tokenSize: 9000 })
  const { app, log } = await protectedApp(t, optionsFor(provider, { set_raw_id_token_header: true }), { trustProxy: '127.0.0.1', http: { maxHeaderSize: 65_536 } } as never)
  const sockets = new WebSocketServer({ server: app.server, path: '/socket' })
  sockets.on('connection', socket => { socket.on('message', message => { socket.send(message) }) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const server = (app.server.address() as AddressInfo).port

  await t.test('a session of 18 KB of tokens logs in over https and is read on each page', async t => {
    const { port, errors } = await nginxInFront(t, server)
    const origin = `https://127.0.0.1:${port}`
    const browser = new Browser({ ca })
    for (const page of ['/?a=1', '/?a=2']) {
      const answer = await browser.navigate(`${origin}${page}`)
      t.equal(answer.status, 200, answer.body.slice(0, 200))
      t.match(JSON.parse(answer.body), { sub: 'alice', url: page })
    }
    const cookies = browser.cookies(`${origin}/`)
    t.ok(cookies.length >= 4)
    t.ok(cookies.every(({ name }) => name.startsWith('__Host-')), 'the scheme that the browser used is known')
    t.match(log.find(line => line.oidc === 'advice'), { msg: /session_contents.*session\.storage: redis.*proxy_buffer_size|proxy_buffer_size/ })
    const echoed = await browser.navigate(`${origin}/echo/x`, { headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-for': '203.0.113.9' } })
    t.match(JSON.parse(echoed.body), { headers: { 'x-forwarded-host': `127.0.0.1:${port}`, 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' } })
    t.notMatch(await errors(), /upstream sent too big header/)
  })

  await t.test('WebSockets pass', async t => {
    const { port } = await nginxInFront(t, server)
    const socket = new WebSocket(`wss://127.0.0.1:${port}/socket`, { ca })
    const echoed = await new Promise((resolve, reject) => {
      socket.on('open', () => { socket.send('hello') })
      socket.on('message', message => { resolve(String(message)) })
      socket.on('error', reject)
    })
    socket.terminate()
    t.equal(echoed, 'hello')
  })

  await t.test('without proxy_buffer_size the login is 502, and nginx says what the guide says', async t => {
    const { port, errors } = await nginxInFront(t, server, [/proxy_(?:busy_)?buffer/])
    const answer = await new Browser({ ca }).navigate(`https://127.0.0.1:${port}/`)
    t.equal(answer.status, 502)
    t.match(await errors(), /upstream sent too big header while reading response header from upstream/)
  })

  await t.test('without large_client_header_buffers every request after the login is 400', async t => {
    const { port } = await nginxInFront(t, server, [/large_client_header_buffers/])
    const answer = await new Browser({ ca }).navigate(`https://127.0.0.1:${port}/`)
    t.equal(answer.status, 400)
    t.match(answer.body, /Request Header Or Cookie Too Large/)
  })
})
