import { join } from 'node:path'
import t, { type Test } from 'tap'
import { main } from '../../packages/gateway/src/cli/main.ts'
import type { Terminal } from '../../packages/gateway/src/cli/terminal.ts'

const upstream = 'http://127.0.0.1:8080'
const discovery = 'https://idp.example/.well-known/openid-configuration'
const configuration = {
  endpoints: { prefix: '/in' },
  routes: [
    {
      uri: '/*',
      hosts: ['b.example', 'a.example'],
      priority: 3,
      upstream,
      plugins: { 'openid-connect': { discovery, client_id: 'site', client_secret: '$ENV://CLIENT_SECRET', unauth_action: 'deny', allowed_groups: ['admin', 'a "$ENV://GROUP"'], skip_auth_routes: ['GET=^/pub/'], skip_auth_preflight: true, trusted_ips: ['10.0.0.0/8'], session: { secret: 'a session secret that is long enough' } } }
    },
    { uris: ['/api', '/api/*'], methods: ['GET', 'POST'], upstream, plugins: { 'openid-connect': { discovery, client_id: 'api', bearer_only: true, use_jwks: true, required_scopes: { any_of: ['read', 'admin'] }, resource_metadata: { resource: 'https://a.example/api' } } } },
    { uri: '/public/*', upstream: { nodes: { '127.0.0.1:1': 2, '127.0.0.1:2': 1 } } }
  ]
}

async function list (t: Test, args: readonly string[]) {
  const folder = t.testdir({ 'gateway.json': JSON.stringify(configuration) })
  const said = { out: '', err: '' }
  const terminal: Terminal = { environment: process.env, out: text => { said.out += `${text}\n` }, err: text => { said.err += `${text}\n` }, style: (_stream, _style, text) => text, flushed: async () => {}, progress: () => {}, ask: async () => null }
  const code = await main(['routes', '-c', join(folder, 'gateway.json'), ...args], terminal)
  return { code, ...said }
}

t.test('routes --json is a line for each route, with all of its members whatever is written', async t => {
  Object.assign(process.env, { CLIENT_SECRET: 'quoted "secret" of the client' })
  t.teardown(() => { delete process.env.CLIENT_SECRET })
  const { code, out, err } = await list(t, ['--json'])
  t.strictSame([code, err], [0, ''])
  const [site, api, open, ...own] = out.trim().split('\n').map(line => JSON.parse(line) as Record<string, unknown>)
  t.strictSame(site, {
    kind: 'route',
    route: 'routes[0]',
    hosts: ['a.example', 'b.example'],
    methods: null,
    uris: ['/*'],
    priority: 3,
    upstream,
    open: false,
    client_id: 'site',
    discovery,
    bearer_only: false,
    unauth_action: 'deny',
    required: { allowed_groups: 'one of admin, a "$ENV://GROUP"' },
    policy: { unauth_action: 'deny', allowed_groups: ['admin', 'a "$ENV://GROUP"'] },
    resources: [],
    skip_auth_routes: ['GET=^/pub/'],
    skip_auth_preflight: true,
    trusted_ips: ['10.0.0.0/8']
  })
  t.match(api, { route: 'routes[1]', hosts: ['*'], methods: ['GET', 'POST'], uris: ['/api', '/api/*'], open: false, client_id: 'api', bearer_only: true, unauth_action: 'auth', required: { required_scopes: 'one of read, admin' }, policy: { required_scopes: { any_of: ['read', 'admin'] } }, resources: ['https://a.example/api'] })
  t.strictSame(open, { kind: 'route', route: 'routes[2]', hosts: ['*'], methods: null, uris: ['/public/*'], priority: 0, upstream: 'http://127.0.0.1:1 (2), http://127.0.0.1:2 (1)', open: true, client_id: null, discovery: null, bearer_only: null, unauth_action: null, required: {}, policy: {}, resources: [], skip_auth_routes: [], skip_auth_preflight: false, trusted_ips: [] })
  t.strictSame([Object.keys(api ?? {}), Object.keys(open ?? {})], [Object.keys(site ?? {}), Object.keys(site ?? {})])
  t.strictSame(own, [
    { kind: 'endpoint', route: 'routes[0]', hosts: ['a.example', 'b.example'], methods: null, uris: ['sign_in', 'sign_out', 'start', 'userinfo', 'auth', 'static/*'].map(name => `/in/${name}`), client_id: 'site', discovery },
    { kind: 'metadata', route: 'routes[1]', hosts: ['*'], methods: ['GET', 'HEAD', 'OPTIONS'], uris: ['/.well-known/oauth-protected-resource/api'], client_id: 'api', discovery, resource: 'https://a.example/api' }
  ])
})

t.test('what came from a reference is shown as the reference, in JSON too', async t => {
  const value = 'a "group" of the environment'
  Object.assign(process.env, { CLIENT_SECRET: 'secret of the client', IDP: 'https://quoted.example', GROUP: value })
  t.teardown(() => { for (const name of ['CLIENT_SECRET', 'IDP', 'GROUP']) delete process.env[name] })
  const folder = t.testdir({ 'gateway.json': JSON.stringify({ routes: [{ uri: '/*', upstream, plugins: { 'openid-connect': { ...configuration.routes[0]?.plugins?.['openid-connect'], allowed_groups: ['$ENV://GROUP'] } } }] }) })
  const lines: string[] = []
  const code = await main(['routes', '-c', join(folder, 'gateway.json'), '--json'], { environment: process.env, out: text => { lines.push(text) }, err: () => {}, style: (_stream, _style, text) => text, flushed: async () => {}, progress: () => {}, ask: async () => null })
  t.equal(code, 0)
  t.match(JSON.parse(lines[0] ?? ''), { policy: { allowed_groups: ['$ENV://GROUP'] }, required: { allowed_groups: '$ENV://GROUP' } })
  t.notMatch(lines.join(), /group\\?" of the environment/)
})

t.test('what is typed wrong is 2', async t => {
  for (const [args, expected] of [[['--json=yes'], /--json takes no value/], [['--sub', 'x'], /--sub is for sessions/], [['--token', 'x'], /--token is for explain/]] as const) {
    t.match(await list(t, args), { code: 2, out: '', err: expected })
  }
})
