import { Writable } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { loggerOptions } from '../../packages/gateway/src/server/log.ts'

const SECRET = 'nobody may read this'

/** An application with the gateway's log, and its lines. */
function application (level = 'info'): { app: FastifyInstance, lines: () => ReadonlyArray<Record<string, unknown>>, text: () => string } {
  let text = ''
  const stream = new Writable({ write (chunk: Buffer, _encoding, done) { text += chunk.toString(); done() } })
  return {
    app: Fastify({ logger: loggerOptions(level, stream) }),
    lines: () => text.split('\n').filter(line => line !== '').map(line => JSON.parse(line) as Record<string, unknown>),
    text: () => text
  }
}

t.test('lines of a request say which it is, what it asks for and how long it took', async t => {
  const { app, lines } = application()
  app.get('/reports', async () => 'ok')
  await app.inject({ url: `/reports?code=${SECRET}`, headers: { host: 'a.example', cookie: SECRET, authorization: SECRET } })
  const [asked, answered] = lines()
  t.match(asked, { reqId: 'req-1', req: { method: 'GET', path: '/reports', host: 'a.example', remoteAddress: '127.0.0.1' } })
  t.match(answered, { reqId: 'req-1', res: { statusCode: 200 } })
  t.type(answered?.responseTime, 'number')
})

t.test('secrets are not in lines, wherever a request or an answer has them', async t => {
  const { app, text, lines } = application()
  app.get('/', async (request, reply) => {
    reply.header('set-cookie', SECRET)
    request.log.info({ req: request, res: reply }, 'both')
    request.log.info({ req: request.raw, res: reply.raw }, 'below them')
    return 'ok'
  })
  await app.inject({ url: `/?state=${SECRET}#${SECRET}`, headers: { cookie: SECRET, 'x-access-token': SECRET, 'proxy-authorization': SECRET } })
  t.equal(lines().length, 4)
  t.notMatch(text(), SECRET)
})

for (const name of ['client_secret', 'secret', 'access_token', 'refresh_token', 'id_token', 'state', 'password', 'token', 'cookie', 'authorization', 'x-userinfo']) {
  t.test(`${name} is not told, alone, in what is told, or of a child`, async t => {
    const { app, text, lines } = application()
    app.log.info({ [name]: SECRET }, 'alone')
    app.log.child({ [name]: SECRET }).info('of a child')
    if (!/[-]|cookie|authorization/.test(name)) app.log.info({ found: { [name]: SECRET } }, 'in what is told')
    else app.log.info({ found: { headers: { [name]: SECRET } }, headers: { [name]: SECRET } }, 'in headers')
    t.notMatch(text(), SECRET)
    t.equal(text().split('[redacted]').length - 1, /[-]|cookie|authorization/.test(name) ? 4 : 3)
    t.equal(lines().length, 3)
  })
}

t.test('codes of errors are told, and queries of addresses are not', async t => {
  const { app, text, lines } = application()
  app.log.info({ code: 'FST_OIDC_X', url: `https://a.example/b?code=${SECRET}`, source: `/c?${SECRET}` }, 'an error')
  t.match(lines()[0], { code: 'FST_OIDC_X', url: 'https://a.example/b', source: '/c' })
  t.notMatch(text(), SECRET)
})
