import t, { type Test } from 'tap'
import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import oidc, { type OidcOptions } from 'fastify-oidc'
import proxy, { type ProxyOptions } from 'fastify-oidc-proxy'
import { withIdentity } from 'fastify-oidc-testing'
import { WebSocket, WebSocketServer } from 'ws'
import { echo, startUpstream, until, type Echo } from './parts.ts'

/** Nothing listens on the discard port: sessions open without the provider. */
const UNREACHABLE = 'http://127.0.0.1:9/.well-known/openid-configuration'

interface Stage {
  readonly app: FastifyInstance
  readonly origin: string
  readonly upstream: http.Server
}

async function start (t: Test, listener: RequestListener, options: Partial<OidcOptions> = {}, proxyOptions: ProxyOptions = {}): Promise<Stage> {
  const { url, server } = await startUpstream(t, listener)
  const app = Fastify({ forceCloseConnections: true })
  t.teardown(async () => { await app.close() })
  await app.register(oidc, {
    security_profile: 'oauth2.1',
    discovery: UNREACHABLE,
    client_id: 'app',
    client_secret: 'secret',
    session: { secret: 'a secret of more than thirty-two bytes, for tests' },
    ...options
  })
  app.get('/me', async request => request.oidc.sessionId)
  await app.register(proxy, { upstream: url, prefix: '/up', ...proxyOptions })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, origin: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, upstream: server }
}

async function end (app: FastifyInstance, headers: { cookie: string }): Promise<void> {
  const { body } = await app.inject({ url: '/me', headers })
  await app.oidc.revoke({ id: body })
}

const caller = { accessToken: 'the-access-token', userinfo: { sub: 'alice', email: 'alice@example.test' } }

t.test('the upstream is told by the table\'s headers, and gets none of our cookies', async t => {
  const { app, origin } = await start(t, echo, { set_userinfo_header: true, set_id_token_header: true })
  const { cookie } = await withIdentity(app, { sub: 'alice' }, caller)
  const response = await fetch(`${origin}/up/x`, { headers: { cookie: `a=1; ${cookie}; b=2`, 'x-userinfo': 'forged', x_access_token: 'forged', 'x-refresh-token': 'forged' } })
  const { headers } = await response.json() as Echo
  const decode = (text = ''): unknown => JSON.parse(Buffer.from(text, 'base64').toString())
  t.equal(headers['x-access-token'], 'the-access-token')
  t.match(decode(headers['x-userinfo']), caller.userinfo)
  t.match(decode(headers['x-id-token']), { sub: 'alice' })
  t.equal(headers.cookie, 'a=1; b=2')
  t.notMatch(JSON.stringify(headers), /forged/)
})

t.test('in Authorization, where the options say so, and a client\'s own does not get through', async t => {
  const { app, origin } = await start(t, echo, { access_token_in_authorization_header: true, unauth_action: 'pass' })
  const { cookie } = await withIdentity(app, { sub: 'alice' }, caller)
  const seen = await (await fetch(`${origin}/up/x`, { headers: { cookie, authorization: 'Bearer forged' } })).json() as Echo
  t.equal(seen.headers.authorization, 'Bearer the-access-token')
  const anonymous = await (await fetch(`${origin}/up/x`, { headers: { authorization: 'Bearer forged' } })).json() as Echo
  t.notOk('authorization' in anonymous.headers)
})

t.test('without a session: 401 for calls and sockets; an open route is open and still strips', async t => {
  const { origin: open } = await start(t, echo, {}, { oidc: false })
  const closed = await start(t, echo)
  t.equal((await fetch(`${closed.origin}/up/x`, { headers: { 'sec-fetch-mode': 'cors', accept: 'application/json' } })).status, 401)
  const [, refused] = await once(new WebSocket(`${closed.origin.replace('http', 'ws')}/up/ws`).on('error', () => {}), 'unexpected-response') as [unknown, IncomingMessage]
  t.equal(refused.statusCode, 401)
  const { cookie } = await withIdentity(closed.app, { sub: 'alice' }, caller)
  const seen = await (await fetch(`${open}/up/x`, { headers: { cookie, 'x-access-token': 'forged' } })).json() as Echo
  t.notOk('cookie' in seen.headers)
  t.notOk('x-access-token' in seen.headers)
})

t.test('a route\'s policy is the guard\'s; a bad one stops the boot', async t => {
  const { app, origin } = await start(t, echo, {}, { oidc: { required_scopes: ['write'] } })
  const reader = await withIdentity(app, { sub: 'alice' }, { scope: 'openid' })
  const writer = await withIdentity(app, { sub: 'alice' }, { scope: 'openid write' })
  t.equal((await fetch(`${origin}/up/x`, { headers: reader.headers })).status, 403)
  t.equal((await fetch(`${origin}/up/x`, { headers: writer.headers })).status, 200)
  await t.rejects(start(t, echo, {}, { oidc: { required_scope: [] } as object }), { message: /required_scope/ })
})

t.test('an upstream cannot set the session\'s cookies', async t => {
  const { app, origin } = await start(t, (_request, response) => { response.setHeader('set-cookie', ['oidc=evil; Path=/', '__Host-oidc=evil; Path=/; Secure', 'oidc_1=evil', 'mine=1']).end('ok') })
  const { headers } = await withIdentity(app, { sub: 'alice' })
  t.same((await fetch(`${origin}/up/x`, { headers })).headers.getSetCookie(), ['mine=1'])
})

t.test('an event stream ends when its session is revoked', async t => {
  let closed = 0
  const { app, origin } = await start(t, (_request, response) => {
    response.once('close', () => { closed++ })
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
  })
  const mine = await withIdentity(app, { sub: 'alice' })
  const other = await withIdentity(app, { sub: 'bob' })
  const [first] = await once(http.get(`${origin}/up/x`, { headers: mine.headers }), 'response') as [IncomingMessage]
  const [second] = await once(http.get(`${origin}/up/x`, { headers: other.headers }), 'response') as [IncomingMessage]
  first.resume()
  second.resume()
  await end(app, mine.headers)
  await once(first, 'end')
  await until(() => closed === 1)
  t.notOk(second.complete)
  t.equal((await fetch(`${origin}/up/x`, { headers: { ...mine.headers, accept: 'text/event-stream' } })).status, 401, 'it cannot connect anew')
  second.destroy()
})

t.test('a WebSocket is closed with 1008 when its session is revoked', async t => {
  const { app, origin, upstream } = await start(t, echo)
  new WebSocketServer({ server: upstream }).on('connection', (socket, request) => { socket.send(String(request.headers['x-access-token'])) })
  const { headers } = await withIdentity(app, { sub: 'alice' }, caller)
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/up/ws`, { headers })
  t.equal(String((await once(socket, 'message'))[0]), 'the-access-token')
  const closed = once(socket, 'close')
  await end(app, headers)
  t.equal((await closed)[0], 1008)
})
