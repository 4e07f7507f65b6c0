import t from 'tap'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { createTestProvider, login } from 'fastify-oidc-testing'
import type { Imported } from '../../packages/gateway/src/importers/imported.ts'
import { loadForeignFile } from '../../packages/gateway/src/importers/foreign-file.ts'
import { load, OIDC, refusals, route, told, translate, UPSTREAM } from './import-apisix-parts.ts'
import { ask, startGateway, startUpstream } from './parts.ts'

t.test('plugins: a route goes before its plugin config, and that before its service; a disabled one is left out', async t => {
  const plugin = (clientId: string, more = {}): unknown => ({ 'openid-connect': { ...OIDC, client_id: clientId, ...more } })
  const file = (own: unknown, config: unknown): unknown => ({
    routes: [{ uri: '/*', service_id: 1, plugin_config_id: 'c', ...own === null ? {} : { plugins: own } }],
    services: [{ id: '1', upstream: UPSTREAM, plugins: plugin('service') }],
    plugin_configs: [{ id: 'c', plugins: config }]
  })
  const clientOf = (root: unknown): unknown => (translate(root).value.routes[0]?.plugins as Record<string, Record<string, unknown>> | undefined)?.['openid-connect']?.client_id
  t.equal(clientOf(file(plugin('route'), plugin('config'))), 'route')
  t.equal(clientOf(file(null, plugin('config'))), 'config')
  t.equal(clientOf(file({}, {})), 'service')
  t.equal(clientOf(file(plugin('route', { _meta: { disable: true } }), {})), undefined, 'disabled in the route: not that of the service')
  t.match(told(translate(file(plugin('route', { _meta: { disable: true } }), {}))), /openid-connect: exact, is disabled: it does not guard the route/)
  t.match(refusals(translate(file({ 'ip-restriction': {} }, {}))), /ip-restriction: refused/)
  t.equal(refusals(translate(file({ 'ip-restriction': { _meta: { disable: true } } }, {}))), '')
  t.match(refusals(translate({ ...file({}, {}) as object, services: [{ id: 1, upstream: UPSTREAM, plugins: { 'key-auth': {} } }] })), /services\.0\.plugins\.key-auth: refused/, "a service's plugin counts")
})

t.test('upstreams and hosts: those of the route go before those of its service', async t => {
  const services = [{ id: 1, hosts: ['service.example'], upstream: { type: 'roundrobin', nodes: { service: 1 } } }]
  const upstreams = [{ id: 1, type: 'roundrobin', nodes: { named: 1 } }]
  const of = (own: Record<string, unknown>): unknown => {
    const { host, hosts, upstream } = translate({ routes: [{ uri: '/*', service_id: 1, ...own }], services, upstreams }).value.routes[0] ?? {}
    return [host ?? hosts, Object.keys((upstream as { nodes: object }).nodes)[0]]
  }
  t.same(of({}), [['service.example'], 'service'])
  t.same(of({ host: 'a.example', upstream_id: '1' }), ['a.example', 'named'])
  t.same(of({ hosts: ['b.example'], upstream: { nodes: { own: 1 } } }), [['b.example'], 'own'])
  t.same(of({ upstream: { nodes: { own: 1 } }, upstream_id: 1 }), [['service.example'], 'named'])
  t.match(refusals(translate({ routes: [], upstreams: [{ id: 1 }, { id: '1' }, {}] })), /upstreams\.1\.id: refused[^]*upstreams\.2: refused, has no id/)
})

t.test('routes that APISIX would choose between by host, and this gateway by path, are refused', async t => {
  const pair = (a: Record<string, unknown>, b: Record<string, unknown>): string => refusals(translate({ routes: [route(a), route(b)] }))
  t.match(pair({ uri: '/admin/*' }, { uri: '/*', host: 'a.example' }), /^routes\.1: refused, would change its turn with routes\[0\]/)
  t.match(pair({ uri: '/*', priority: 9 }, { uri: '/*', host: 'a.example' }), /routes\.1: refused/)
  t.match(pair({ uri: '/*', host: 'a.example' }, { uri: '/x', host: '*.example' }), /routes\.1: refused/)
  t.equal(pair({ uri: '/admin/*', host: 'a.example' }, { uri: '/*' }), '')
  t.equal(pair({ uri: '/admin/*', host: 'a.example' }, { uri: '/*', host: 'b.example' }), '')
  t.equal(pair({ uri: '/admin/*', methods: ['GET'] }, { uri: '/*', host: 'a.example', methods: ['POST'] }), '')
  t.equal(pair({ uri: '/x/*' }, { uri: '/y/*', host: 'a.example' }), '')
})

t.test("a variable in double braces is the environment's, and never a secret by its letters", async t => {
  const variable = (inside: string): string => `$\{{${inside}}}`
  const client = (secret: string): Imported => translate(route({}, { client_secret: secret }))
  t.match(client(variable(' SECRET ')).value.routes[0], { plugins: { 'openid-connect': { client_secret: '$ENV://SECRET' } } })
  t.match(refusals(client(variable('SECRET:=x'))), /client_secret: refused/)
  t.match(refusals(client(`x${variable('SECRET')}`)), /client_secret: refused/)
  t.match(refusals(translate(route({ upstream: { type: 'roundrobin', nodes: { [`${variable('HOST')}:80`]: 1 } } }))), /refused, has a variable in its name/)
})

t.test("the Admin API's answer, its list and a bare route mean the same", async t => {
  const [one, list, bare] = await Promise.all(['admin-route.json', 'admin-list.json', 'route.json'].map(async name => await load(name)))
  for (const loaded of [one, list, bare]) t.equal(loaded?.checked.kind, 'valid')
  t.strictSame(list?.value, one?.value)
  t.strictSame(bare?.value, one?.value)
  t.match(one?.report.find(({ path }) => path.join('.') === 'value.upstream.hash_on'), { position: { line: 5 } })
  t.match(refusals(translate({ key: '/apisix/upstreams/1', value: UPSTREAM })), /value: refused, is not a route/)
  t.match(refusals(translate({ list: [{ value: 7 }], other: 1 })), /other: refused[^]*list\.0\.value: refused/)
  t.match(refusals(translate({ value: route({ upstream: undefined, upstream_id: 'x' }) })), /value\.upstream_id: refused, names what is not in this file/)
  t.match(told(translate(route({ status: 0 }))), /^uri: exact, is of a route that is disabled/m)
})

t.test('what the gateway says is told at the place and under the names of the foreign file', async t => {
  const redis = { ...OIDC, session: { secret: 'short' } }
  const file = JSON.stringify({ routes: [route({ status: 0 }), { uri: '/a', service_id: 's' }, { uri: '/a', service_id: 's' }], services: [{ id: 's', upstream: { nodes: { x: 0 } }, plugins: { 'openid-connect': redis } }] })
  const folder = t.testdir({ 'file.json': file })
  const { checked } = await loadForeignFile(`${folder}/file.json`, { from: 'apisix', ignorePlugins: [] }, { environment: {}, allowUnset: false })
  t.match(checked.kind === 'invalid' ? checked.problems.map(({ path, message }) => `${path.join('.')} ${message}`).sort() : [], [
    /^services\.0\.plugins\.openid-connect\.session\.secret is too short/,
    /^services\.0\.upstream\.nodes needs at least one entry/
  ])
  const twins = t.testdir({ 'file.json': JSON.stringify({ routes: [route({ status: 0 }), route(), route()] }) })
  const doubled = await loadForeignFile(`${twins}/file.json`, { from: 'apisix', ignorePlugins: [] }, { environment: {}, allowUnset: false })
  t.match(doubled.checked, { kind: 'invalid', problems: [{ path: ['routes', '2'], message: /as routes\[1\]: give one/ }] })
})

t.test('an imported file guards its routes', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const upstream = new URL(await startUpstream(t)).host
  const block = { client_id: provider.clientId, client_secret: provider.clientSecret, discovery: provider.discovery, redirect_uri: '/cb', session: { secret: 'x'.repeat(32) } }
  const { value, report } = translate({
    routes: [{ uri: '/*', service_id: 1 }, { uri: '/open', upstream_id: 1, plugins: { 'openid-connect': { _meta: { disable: true } } } }, { uri: '/off', status: 0, upstream_id: 1 }],
    services: [{ id: 1, upstream_id: 1, plugins: { 'openid-connect': block } }],
    upstreams: [{ id: 1, type: 'roundrobin', nodes: { [upstream]: 1 } }]
  })
  t.same(report.entries.filter(({ verdict }) => verdict === 'refused'), [])
  const gateway = await startGateway(t, value as unknown as GatewayOptions)
  t.equal((await ask(gateway, '/page', { headers: { accept: 'text/html' } })).status, 302)
  t.equal((await ask(gateway, '/off', { headers: { accept: 'text/html' } })).status, 302, 'a disabled route opens nothing')
  t.match(await ask(gateway, '/open'), { status: 200, received: { url: '/open' } })
  const { response } = await login(gateway.app, { path: '/page' })
  t.equal(response.status, 200)
})
