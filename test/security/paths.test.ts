import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { startGateway, startUpstream, type Received } from '../gateway/parts.ts'
import { lyingProvider } from '../oidc/session-parts.ts'
import { SECRET } from '../oidc/support.ts'

/** Sends bytes as they are written and answers everything that comes back, up to the end or a switch of protocols. */
async function sendRaw (origin: string, text: string): Promise<string> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.setEncoding('latin1').on('error', () => {}).on('data', (part: string) => {
    answer += part
    if (answer.startsWith('HTTP/1.1 101')) socket.destroy()
  })
  socket.write(text)
  await once(socket, 'close')
  return answer
}

const GUARDED = ['/admin/x', '//admin/x', '///admin/x', '/admin//x', '/%61dmin/x', '/admin/x#', 'http://localhost/admin/x', 'http://OPEN/admin/x', 'http://OPEN//admin/x', 'https://OPEN/admin/x', 'http://x@OPEN/admin/x']
const AMBIGUOUS = [
  '/admin%2fx', '/admin%2Fx', '/%2fadmin/x', '/%2f/admin/x', '/admin\\x', '/admin%5cx',
  '/./admin/x', '/%2e/admin/x', '/a/../admin/x', '/a/%2e%2e/admin/x', '/a/.%2e/admin/x', '/a/..%2fadmin/x', '/a%2f..%2fadmin/x',
  '/a/..;/admin/x', '/a/..;x=1/admin/x', '/a/%2e%2e;/admin/x', '/a;/../admin/x',
  '/admin;x/x', '/admin;a=b/x', '/admin%3bx/x', '/admin;/x', '/;/admin/x', '/;x/admin/x', '/;x//admin/x', '/x;/..;/admin/x',
  '/admin%00/x', '/admin/x%00', '/#/../admin/x', 'http://OPEN/admin%2fx', 'http://OPEN/admin;x/x', 'http://OPEN\\admin/x', 'ws://OPEN/admin/x'
]
const OPEN = ['/', '/admin', '/administration/x', '/a;x/b', '/a%2fb', '/x/admin/x', '/?/../admin/x', '/a%25', '/%E2%82%AC']

const HANDSHAKE = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
const KINDS: ReadonlyArray<readonly [method: string, headers: string]> = [
  ['GET', 'Connection: close\r\n'], ['HEAD', 'Connection: close\r\n'], ['POST', 'Connection: close\r\n'], ['OPTIONS', 'Connection: close\r\n'], ['GET', HANDSHAKE], ['GET', 'Connection: Upgrade, close\r\nUpgrade: h2c\r\n']
]

t.test('no spelling of a path gets past the guard, or to another upstream that may read it as a guarded one', async t => {
  const provider = await lyingProvider(t)
  const asked: string[] = []
  const upstream = await startUpstream(t, 'guarded', (request, response) => { asked.push(request.url ?? ''); response.end() })
  const open = await startUpstream(t, 'open')
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/admin/*', upstream, plugins: { 'openid-connect': { client_id: provider.clientId, client_secret: provider.clientSecret, discovery: provider.discovery, session: { secret: SECRET } } } },
      { uri: '/*', upstream: open }
    ]
  })
  const origin = await gateway.listen()
  const send = async (method: string, target: string, headers: string): Promise<string> =>
    await sendRaw(origin, `${method} ${target.replace('OPEN', new URL(open).host)} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
  for (const [method, headers] of KINDS) {
    for (const target of GUARDED) t.match(await send(method, target, headers), /^HTTP\/1\.1 (302|303|401|400) /, `${method} ${target}`)
    for (const target of AMBIGUOUS) t.match(await send(method, target, headers), /^HTTP\/1\.1 400 /, `${method} ${target}`)
  }
  t.strictSame(asked, [])
  for (const target of ['http://OPEN/x', 'http://localhost/x', 'https://upstream.example/x']) t.match(await send('GET', target, 'Connection: close\r\n'), /^HTTP\/1\.1 400 /, target)
  for (const target of OPEN) {
    const answer = await send('GET', target, 'Connection: close\r\n')
    t.equal((JSON.parse(/\{"name".*\}/.exec(answer)?.[0] ?? '{}') as Received).url, target)
  }
})
