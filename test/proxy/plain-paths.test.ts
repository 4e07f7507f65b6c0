import t from 'tap'
import Fastify from 'fastify'
import proxy, { type ProxyOptions } from 'fastify-oidc-proxy'
import { registerFakeCore } from './fake-core.ts'
import { alice, echo, startUpstream, type Echo } from './parts.ts'

const PATHS = ['/', '/x', '/x/', '/x/y', '/x//y', '/api', '/api/', '/api/x', '/api/x/', '/api//x', '/apix', '/API/x', '/api/x.y', '/api/.x', '/api/x;y', '/api/x%20y', '/api/%61', '/api/x@y:1,2+3=4!$&\'()*-~_', '/api/x?y=/../z', '/v1', '/v1/x', '/v1/v1/x', '/a.b/x', '/a-b/x', '/7/x', '/seven/x']

const MOUNTS: ReadonlyArray<Omit<ProxyOptions, 'upstream'> & { readonly base?: string }> = [
  {}, { prefix: '/api' }, { prefix: '/api/' }, { prefix: '/api', rewrite_prefix: '/' }, { prefix: '/api', rewrite_prefix: '/v1' }, { prefix: '/api', rewrite_prefix: '/v1/' }, { prefix: '/api/', rewrite_prefix: '/v1' }, { prefix: '/api', routes: ['*'], rewrite_prefix: '/v1' },
  { rewrite_prefix: '/v1' }, { rewrite_prefix: '/v1/' }, { base: '/base' }, { base: '/base/', prefix: '/api' }, { prefix: '/:id' }, { prefix: '/:id', rewrite_prefix: '/v1' }, { prefix: '/a.b' }, { prefix: '/a-b', rewrite_prefix: '/c.d' }, { prefix: '/api', rewrite_prefix: '/v%31' }
]

t.test('every path goes where the stock forwarder sends it, under every prefix and router option', async t => {
  const upstream = await startUpstream(t, echo)
  let asked = 0
  for (const routerOptions of [{}, { caseSensitive: false }, { ignoreDuplicateSlashes: true }, { ignoreTrailingSlash: true }]) {
    for (const { base = '', ...mount } of MOUNTS) {
      const seen = await Promise.all((['own', 'stock'] as const).map(async forwarder => {
        const app = Fastify({ routerOptions })
        t.teardown(() => app.close())
        registerFakeCore(app)
        await app.register(proxy, { upstream: upstream.url + base, forwarder, websocket: false, ...mount })
        const answers = await Promise.all(PATHS.map(async url => await app.inject({ method: 'GET', url, headers: alice })))
        return answers.map(({ statusCode, body }) => statusCode === 200 ? (JSON.parse(body) as Echo).url : statusCode)
      }))
      asked += PATHS.length
      t.same(seen[0], seen[1], JSON.stringify({ ...mount, base, ...routerOptions }))
    }
  }
  t.ok(asked > 1500)
})

t.test('what the stock forwarder gets wrong: a prefix with a query alone, and names of three dots', async t => {
  const upstream = await startUpstream(t, echo)
  const app = Fastify()
  t.teardown(() => app.close())
  registerFakeCore(app)
  await app.register(proxy, { upstream: upstream.url, prefix: '/api' })
  await app.register(proxy, { upstream: upstream.url, prefix: '/:id/deep' })
  const at = async (url: string): Promise<unknown> => (await app.inject({ url, headers: alice })).json<Echo>().url
  t.equal(await at('/api?x'), '/?x')
  t.equal(await at('/api?/../x'), '/?/../x')
  t.equal(await at('/seven/deep?x'), '/?x')
  t.equal(await at('/api/...'), '/...')
  t.equal(await at('/api/.../[x]'), '/.../[x]')
})
