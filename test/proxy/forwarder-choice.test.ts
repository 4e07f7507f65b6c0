import t from 'tap'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import proxy, { type ProxyOptions } from 'fastify-oidc-proxy'
import { registerFakeCore } from './fake-core.ts'
import { alice, echo, startUpstream, type LogLine, type Teardown } from './parts.ts'

interface Chosen {
  /** What `onSend` hooks saw pass: one entry for each answer. */
  readonly seen: string[]
  readonly status: number
  readonly log: LogLine[]
}

type Prepare = (app: FastifyInstance, seen: string[]) => unknown

/** Asks an upstream once, in an application that was prepared like this. */
async function ask (t: Teardown, options: ProxyOptions, prepare: Prepare, finish: Prepare = () => {}): Promise<Chosen> {
  const upstream = await startUpstream(t, echo)
  const log: LogLine[] = []
  const stream = new PassThrough().on('data', (line: Buffer) => { log.push(JSON.parse(line.toString()) as LogLine) })
  const app = Fastify({ logger: { level: 'info', stream } })
  t.teardown(() => app.close())
  registerFakeCore(app)
  const seen: string[] = []
  await prepare(app, seen)
  await app.register(proxy, { upstream: upstream.url, prefix: '/up', ...options })
  await finish(app, seen)
  const { statusCode: status } = await app.inject({ url: '/up/x', headers: alice })
  stream.end()
  await once(stream, 'end')
  return { seen, status, log: log.filter(({ oidc }) => oidc === 'proxy.forwarder') }
}

const onSend: Prepare = (app, seen) => app.addHook('onSend', async function watch (request) { seen.push(request.url) })

t.test('without onSend hooks answers go straight to the connection, and nothing is said', async t => {
  t.same(await ask(t, {}, () => {}), { seen: [], status: 200, log: [] })
})

t.test('an onSend hook of the application sees the answers: nothing is lost unasked, and the log says what it costs', async t => {
  const { seen, status, log } = await ask(t, {}, onSend)
  t.same([status, seen], [200, ['/up/x']])
  t.match(log, [{ level: 30, hooks: ['watch()'], msg: /forwarder/ }])
})

t.test('so does one that is added after the proxy, and one of a route', async t => {
  t.same((await ask(t, {}, () => {}, onSend)).seen, ['/up/x'])
  const ofRoute: Prepare = (app, seen) => app.addHook('onRoute', route => {
    route.onSend = async (request: { url: string }) => { seen.push(request.url) }
  })
  t.same((await ask(t, {}, ofRoute)).seen, ['/up/x'])
})

t.test('one of another scope changes nothing', async t => {
  const { seen, log } = await ask(t, {}, async (app, seen) => {
    await app.register(async scope => {
      onSend(scope, seen)
      scope.get('/other', async () => 'other')
    })
  })
  t.same([seen, log], [[], []])
})

t.test('two proxies choose each for itself', async t => {
  const upstream = await startUpstream(t, echo)
  const app = Fastify()
  t.teardown(() => app.close())
  registerFakeCore(app)
  const seen: string[] = []
  await app.register(proxy, { upstream: upstream.url, prefix: '/plain' })
  await app.register(async scope => {
    onSend(scope, seen)
    await scope.register(proxy, { upstream: upstream.url, prefix: '/watched' })
  })
  for (const url of ['/plain/x', '/watched/x']) t.equal((await app.inject({ url, headers: alice })).statusCode, 200)
  t.same(seen, ['/watched/x'])
})

t.test('forwarder: own goes past onSend hooks, with a warning that names them', async t => {
  const { seen, status, log } = await ask(t, { forwarder: 'own' }, onSend)
  t.same([status, seen], [200, []])
  t.match(log, [{ level: 40, hooks: ['watch()'] }])
})

t.test('forwarder: stock answers through Fastify, whatever the hooks', async t => {
  t.same((await ask(t, { forwarder: 'stock' }, onSend)).seen, ['/up/x'])
  t.same(await ask(t, { forwarder: 'stock' }, () => {}), { seen: [], status: 200, log: [] })
})

t.test('an error of ours goes through onSend hooks under each forwarder', async t => {
  for (const forwarder of ['own', 'stock'] as const) {
    const { seen, status } = await ask(t, { forwarder, upstream: 'http://127.0.0.1:1' }, onSend)
    t.same([status, seen], [502, ['/up/x']], forwarder)
  }
})

t.test('forwarder: own and http2 exclude each other', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  registerFakeCore(app)
  await t.rejects(async () => { await app.register(proxy, { upstream: 'http://127.0.0.1:1', http2: true, forwarder: 'own' }) }, { message: /forwarder own and http2 exclude each other/ })
})

t.test('onResponse hooks see every answer, its status and its time', async t => {
  for (const forwarder of ['own', 'stock'] as const) {
    const answers: Array<[number, boolean]> = []
    await ask(t, { forwarder }, app => app.addHook('onResponse', async (_request, reply) => { answers.push([reply.statusCode, reply.elapsedTime > 0]) }))
    t.same(answers, [[200, true]], forwarder)
  }
})

t.test('an answer to inject() has its headers, each cookie and its body', async t => {
  const upstream = await startUpstream(t, (_request, response) => { response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], 'x-many': ['1', '2'], 'content-type': 'text/plain' }).end('hello') })
  for (const forwarder of ['own', 'stock'] as const) {
    const app = Fastify()
    t.teardown(() => app.close())
    registerFakeCore(app)
    await app.register(proxy, { upstream: upstream.url, forwarder })
    const { statusCode, headers, body, cookies } = await app.inject({ url: '/renew', headers: alice })
    t.match({ statusCode, headers, body }, { statusCode: 201, body: 'hello', headers: { 'content-type': 'text/plain', 'x-many': ['1', '2'], 'set-cookie': ['session=alice; Path=/; HttpOnly', 'a=1', 'b=2'] } }, forwarder)
    t.same(cookies.map(({ name }) => name), ['session', 'a', 'b'])
  }
})
