import t from 'tap'
import Fastify, { type FastifyReply } from 'fastify'
import proxy from 'fastify-oidc-proxy'
import type { AddressInfo } from 'node:net'
import { registerFakeCore } from './fake-core.ts'
import type { Teardown } from './parts.ts'
import { corpus, type Exchange } from './differential/corpus.ts'
import { explain, unused } from './differential/explanations.ts'
import { talk, type Outcome } from './differential/outcome.ts'
import { MARK, startScripted } from './differential/scripted-upstream.ts'

/** As plugins do it: @fastify/cors on the reply, @fastify/helmet on the raw response, others anywhere. */
const HOOKS: Readonly<Record<string, (reply: FastifyReply) => unknown>> = {
  cookie: reply => reply.header('set-cookie', 'hook=1').header('set-cookie', 'hook=2'),
  cors: reply => reply.header('vary', 'Origin').header('access-control-allow-origin', 'https://hook.example'),
  raw: reply => reply.raw.setHeader('X-Frame-Options', 'SAMEORIGIN').setHeader('X-Raw', ['1', '2']),
  framing: reply => reply.header('content-length', 99).header('transfer-encoding', 'chunked')
}

type Ask = (exchange: Exchange) => Promise<Outcome>

const AT_ONCE = 16

function requestOf ({ method, target, version, lines, body }: Exchange, mark: string): string {
  const closing = lines.some(line => /^connection:/i.test(line)) ? [] : ['Connection: close']
  return [`${method} ${target} HTTP/${version}`, 'Host: app.example.com', 'Cookie: other=1; session=alice', `${MARK}: ${mark}`, ...closing, ...lines, '', body].join('\r\n')
}

async function startForwarder (t: Teardown, forwarder: 'own' | 'stock'): Promise<Ask> {
  const upstream = await startScripted(t, mark => corpus[Number(mark)]?.script ?? { pieces: [], then: 'reset' })
  const app = Fastify({ forceCloseConnections: true })
  t.teardown(() => app.close())
  registerFakeCore(app)
  app.addHook('onRequest', async (request, reply) => { HOOKS[String(request.headers['x-hook'])]?.(reply) })
  await app.register(proxy, { upstream: upstream.url, forwarder, websocket: false })
  await app.register(proxy, { upstream: upstream.url, forwarder, prefix: '/api', rewrite_prefix: '/inner', websocket: false })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return async exchange => {
    const mark = String(corpus.indexOf(exchange))
    const answer = await talk(port, requestOf(exchange, mark))
    const outcome: Outcome = { ...answer, ...upstream.seen(mark) }
    return JSON.parse(JSON.stringify(outcome).replaceAll(upstream.url, 'http://upstream').replaceAll(new URL(upstream.url).host, 'upstream')) as Outcome
  }
}

function differencesOf (own: Outcome, stock: Outcome): Array<keyof Outcome> {
  return (Object.keys(own) as Array<keyof Outcome>).filter(field => JSON.stringify(own[field]) !== JSON.stringify(stock[field]))
}

t.test('both forwarders do the same, but for what is explained', async t => {
  const own = await startForwarder(t, 'own')
  const stock = await startForwarder(t, 'stock')
  t.ok(corpus.length > 600, `${corpus.length} exchanges`)
  t.equal(new Set(corpus.map(({ name }) => name)).size, corpus.length, 'each name once')
  const waiting = [...corpus]
  const work = async (): Promise<void> => {
    for (let exchange = waiting.shift(); exchange !== undefined; exchange = waiting.shift()) {
      const [ours, theirs] = await Promise.all([own(exchange), stock(exchange)])
      const differences = differencesOf(ours, theirs)
      const explanation = explain(exchange, ours, theirs, differences)
      t.same(differences, explanation, exchange.name)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  t.same(unused(), [], 'every explanation is needed')
})
