import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { startGuardedGateway } from './support/gateway.ts'

interface Stage {
  readonly origin: string
  readonly browser: Browser
  readonly cookie: string
}

function sendEvents (response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let count = 0
  const timer = setInterval(() => { response.write(`data: ${++count}\n\n`) }, 20)
  response.on('close', () => { clearInterval(timer) })
}

/** An upstream with a WebSocket that tells its caller's access token, and an event stream. */
async function startUpstream (t: Test): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/events') sendEvents(response)
    else response.end('page')
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    socket.send(JSON.stringify({ token: request.headers['x-access-token'], cookie: request.headers.cookie ?? null }))
    socket.on('message', message => { socket.send(`echo ${String(message)}`) })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A gateway in front of it that listens, and somebody who is logged in. */
async function setStage (t: Test): Promise<Stage> {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const { origin } = await startGuardedGateway(t, provider, await startUpstream(t))
  const browser = new Browser()
  const page = await browser.navigate(`${origin}/`)
  t.equal(page.body, 'page')
  return { origin, browser, cookie: browser.cookieHeader(`${origin}/`) }
}

async function openEvents ({ origin, cookie }: Stage): Promise<IncomingMessage> {
  const outgoing = httpRequest(`${origin}/events`, { headers: { accept: 'text/event-stream', cookie } }).end()
  const [response] = await once(outgoing, 'response') as [IncomingMessage]
  return response
}

t.test('a WebSocket and an event stream pass with a session, and end within a second of the logout', async t => {
  const stage = await setStage(t)
  const socket = new WebSocket(`${stage.origin.replace('http', 'ws')}/socket`, { headers: { cookie: stage.cookie, origin: stage.origin } })
  const [hello] = await once(socket, 'message') as [Buffer]
  const told = JSON.parse(hello.toString()) as { token: string, cookie: string | null }
  t.type(told.token, 'string')
  t.equal(told.cookie, null, 'our cookie stays here')
  socket.send('hi')
  const [echo] = await once(socket, 'message') as [Buffer]
  t.equal(echo.toString(), 'echo hi')

  const events = await openEvents(stage)
  t.equal(events.statusCode, 200)
  const [first] = await once(events, 'data') as [Buffer]
  t.match(first.toString(), /^data: \d+/)
  events.resume()

  const closed = once(socket, 'close') as Promise<[number]>
  const ended = once(events, 'end')
  const loggedOutAt = performance.now()
  await stage.browser.navigate(`${stage.origin}/logout`, { follow: false })
  const [code] = await closed
  await ended
  t.equal(code, 1008)
  t.ok(performance.now() - loggedOutAt < 1000, 'within a second')
})

t.test('without a session both are 401', async t => {
  const { origin } = await setStage(t)
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/socket`)
  const [, refused] = await once(socket, 'unexpected-response') as [unknown, IncomingMessage]
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], /^Bearer realm=/)
  refused.destroy()
  const events = await openEvents({ origin, browser: new Browser(), cookie: '' })
  t.equal(events.statusCode, 401)
  events.resume()
})

t.test('a page of another site cannot open a socket with the session', async t => {
  const { origin, cookie } = await setStage(t)
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/socket`, { headers: { cookie, origin: 'https://evil.example' } })
  const [, refused] = await once(socket, 'unexpected-response') as [unknown, IncomingMessage]
  t.equal(refused.statusCode, 403)
  refused.destroy()
})
