import { join } from 'node:path'
import t from 'tap'
import { checkConfiguration, createGateway, formatProblems, parseConfiguration, type CheckedConfiguration, type GatewayConfiguration } from 'fastify-oidc-gateway'

const SECRET = 'x'.repeat(32)
const OIDC = { discovery: 'https://idp.example/.well-known/openid-configuration', client_id: 'app', client_secret: 'secret', session: { secret: SECRET } }

interface RouteLike { [name: string]: unknown }

function protectedRoute (route: RouteLike, block: Record<string, unknown> = {}): RouteLike {
  return { upstream: 'http://127.0.0.1:8080', ...route, plugins: { 'openid-connect': { ...OIDC, ...block } } }
}

async function check (value: unknown, environment: NodeJS.ProcessEnv = {}): Promise<CheckedConfiguration> {
  return await checkConfiguration({ value, positionOf: () => null }, { environment })
}

async function problemsOf (value: unknown, environment: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const checked = await check(value, environment)
  return checked.kind === 'invalid' ? formatProblems(checked.problems, null).split('\n') : []
}

async function valid (value: unknown, environment: NodeJS.ProcessEnv = {}): Promise<GatewayConfiguration> {
  const checked = await check(value, environment)
  if (checked.kind === 'invalid') throw new Error(formatProblems(checked.problems, null))
  return checked.configuration
}

t.test('all mistakes of a file are told together, with place, path and the nearest name', async t => {
  const source = parseConfiguration(`listen: { prot: 4180 }
routes:
  - uri: /*
    upstream: http://127.0.0.1:8080
    plugins:
      openid-connect:
        discovery: https://idp.example/.well-known/openid-configuration
        client_idd: app
        client_secret: hunter2-client-secret
        session:
          secret: hunter2
  - uri: foo
    upstream: { nodes: { "127.0.0.1:80": heavy } }
    plugins: { openid_connect: {} }
`, 'yaml')
  if (source.kind === 'broken') throw new Error('the text is YAML')
  const checked = await checkConfiguration(source.document)
  const told = checked.kind === 'invalid' ? formatProblems(checked.problems, 'gateway.yaml') : ''
  t.match(told, /^gateway\.yaml:1:11 {2}listen\.prot is not a known option; did you mean port\?$/m)
  t.match(told, /^gateway\.yaml:6:7 {2}routes\[0\]\.plugins\.openid-connect\.client_id is required$/m)
  t.match(told, /^gateway\.yaml:8:9 {2}routes\[0\]\.plugins\.openid-connect\.client_idd is not a known option; did you mean client_id\?$/m)
  t.match(told, /^gateway\.yaml:11:11 {2}routes\[0\]\.plugins\.openid-connect\.session\.secret is too short/m)
  t.match(told, /^gateway\.yaml:12:5 {2}routes\[1\]\.uri must begin with \/$/m)
  t.match(told, /^gateway\.yaml:13:26 {2}routes\[1\]\.upstream\.nodes\.127\.0\.0\.1:80 must be a weight/m)
  t.match(told, /^gateway\.yaml:14:16 {2}routes\[1\]\.plugins\.openid_connect is not a plugin of this gateway.*did you mean openid-connect\?$/m)
  t.notMatch(told, /hunter2/)
  t.equal(told.split('\n').length, 7)
})

t.test('wrong values are told one by one', async t => {
  const upstream = 'http://127.0.0.1:8080'
  const one = (route: RouteLike): unknown => ({ routes: [{ uri: '/*', upstream, ...route }] })
  const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
    [null, /routes is required/],
    [[], /must be an object/],
    ['text', /must be an object/],
    [{ routes: [] }, /routes needs at least 1/],
    [{ routes: ['x'] }, /routes\[0\] must be an object/],
    [one({ uri: '/foo*' }), /uri may have \* only as the last part/],
    [one({ uri: '/a/:id' }), /must not contain a colon/],
    [one({ uri: '/a/../b' }), /must not contain empty parts/],
    [one({ uri: undefined }), /uri is required/],
    [one({ uris: ['/x'] }), /uris cannot stand beside uri/],
    [one({ host: 'a.example:80' }), /host must be a host without scheme and port/],
    [one({ host: 'a b' }), /host must be a host name/],
    [one({ hosts: ['a', 'a*'] }), /hosts\[1\] must be a host name/],
    [one({ methods: ['GET', 'FETCH'] }), /methods\[1\] must be one of/],
    [one({ upstream: undefined }), /upstream is required/],
    [one({ upstream: 'ftp://x' }), /upstream\.?(scheme)? ?must be/],
    [one({ upstream: 'http://u:p@x' }), /must not contain a user name/],
    [one({ upstream: 'http://x/base' }), /must not have a path/],
    [one({ upstream: 7 }), /upstream must be a URL, or an object/],
    [one({ upstream: { nodes: {} } }), /nodes needs at least one entry/],
    [one({ upstream: { nodes: { x: 0 } } }), /nodes needs at least one entry/],
    [one({ upstream: { nodes: [{ host: 'x', prot: 1 }] } }), /nodes\[0\]\.prot is not a known option; did you mean port/],
    [one({ upstream: { nodes: { x: 1 }, scheme: 'grpc' } }), /scheme must be one of/],
    [one({ upstream: { nodes: { x: 1 }, pass_host: 'rewrite' } }), /upstream_host is required/],
    [one({ upstream: { nodes: { x: 1 }, timeout: { send: 1 } } }), /timeout\.send is not available/],
    [one({ upstream: { nodes: { x: 1 }, tls: { verify: false } } }), /tls is only used/],
    [one({ plugins: { 'openid-connect': null } }), /openid-connect must be an object/],
    [one({ plugins: { 'limit-count': {} } }), /plugins\.limit-count is not a plugin of this gateway/],
    [one({ vars: [] }), /routes\[0\]\.vars is not available in this version/],
    [{ ...one({}) as object, workers: 0 }, /workers must be/],
    [{ ...one({}) as object, metrics: { prot: 1 } }, /metrics\.prot is not a known option; did you mean port/],
    [{ ...one({}) as object, listen: { port: 9090, host: '0.0.0.0' }, metrics: {} }, /metrics\.port is the port of listen/],
    [{ ...one({}) as object, secrets: [{ id: 'vault/1', uri: 'http://x', prefix: 'kv' }] }, /secrets\[0\]\.token is required where there is no role_id/],
    [one({ plugins: { 'openid-connect': { ...OIDC, secrets: [] } } }), /openid-connect\.secrets stands at the top of the file, for all routes/],
    [{ ...one({}) as object, trust_proxy: ['10.0.0.0/33'] }, /trust_proxy\[0\] must be an address/],
    [{ ...one({}) as object, trust_proxy: true }, /trust_proxy must be an array/],
    [{ ...one({}) as object, health: { ping_path: '/x', ready_path: '/x' } }, /ready_path must not be the same/],
    [{ ...one({}) as object, listen: { tls: { cert: 'no-such.pem', key: 'no-such.pem' } } }, /listen\.tls\.cert names a file that cannot be read \(ENOENT\)/],
    [JSON.parse('{ "routes": [{ "uri": "/", "upstream": "http://x", "__proto__": {} }], "constructor": {} }'), /__proto__ is not a known option/]
  ]
  for (const [value, expected] of cases) t.match((await problemsOf(value)).join('\n'), expected, String(expected))
})

t.test('references are resolved everywhere, and what they resolve to is never told', async t => {
  const value = { routes: [protectedRoute({ uri: '/*', upstream: '$ENV://UPSTREAM' }, { client_secret: '$ENV://CLIENT_SECRET', session: { secret: '$env://VAULT/session' } })] }
  const environment = { UPSTREAM: 'http://10.1.2.3:8080', CLIENT_SECRET: 'hunter2', VAULT: JSON.stringify({ session: SECRET }) }
  const { cores, routes } = await valid(value, environment)
  t.match(cores[0]?.options, { client_secret: 'hunter2', session: { secret: SECRET } })
  t.match(routes[0]?.upstream, { nodes: [{ origin: 'http://10.1.2.3:8080' }] })
  t.match(await problemsOf(value, { ...environment, CLIENT_SECRET: undefined }), [/^routes\[0\]\.plugins\.openid-connect\.client_secret refers to the environment variable CLIENT_SECRET, which is not set$/])
  t.match((await problemsOf(value, { ...environment, VAULT: 'hunter2' })).join('\n'), /session\.secret refers to session in the environment variable VAULT/)
  t.match((await problemsOf({ routes: [protectedRoute({ uri: '/*' }, { client_secret: '$secret://vault/1/a/x' })] })).join('\n'), /client_secret refers to \$secret:\/\/vault\/1\/a\/x: secrets has no manager vault\/1/)
  for (const bad of ['hunter2 hunter2', 'hunter2://hunter2', 'http://hunter2:hunter2@x']) {
    const told = (await problemsOf(value, { ...environment, UPSTREAM: bad, CLIENT_SECRET: '', VAULT: '{"session":"hunter2"}' })).join('\n')
    t.match(told, /upstream/)
    t.notMatch(told, /hunter2/)
  }
})

t.test('routes that differ only in policy share a core; other hosts or settings make another', async t => {
  const { cores } = await valid({
    routes: [
      protectedRoute({ uri: '/*' }),
      protectedRoute({ uri: '/api/*' }, { unauth_action: 'deny', required_scopes: ['read'] }),
      { ...protectedRoute({ uri: '/x/*' }), plugins: { 'openid-connect': { session: { secret: SECRET }, cross_site: 'allow', client_secret: 'secret', client_id: 'app', discovery: OIDC.discovery } } },
      protectedRoute({ uri: '/*', hosts: ['b.example.com', 'a.example.com'] }, { redirect_uri: '/cb', logout_path: '/bye' }),
      protectedRoute({ uri: '/y/*', hosts: ['A.example.com', 'b.example.com'] }, { redirect_uri: '/cb', logout_path: '/bye' }),
      protectedRoute({ uri: '/z/*' }, { client_id: 'other', redirect_uri: '/z/cb' }),
      { uri: '/open/*', upstream: 'http://127.0.0.1:8080' }
    ]
  })
  t.same(cores.map(core => core.routes.map(({ route }) => route.place[1])), [['0', '1', '2'], ['3', '4'], ['5']])
  t.same(cores[0]?.routes.map(({ policy }) => policy), [{}, { unauth_action: 'deny', required_scopes: ['read'] }, { cross_site: 'allow' }])
  t.same(cores.map(({ callbackPath }) => callbackPath), ['/.apisix/redirect', '/cb', '/z/cb'])
  t.equal(cores[0]?.options.security_profile, 'oauth2.1', 'the profile of native files')
  t.notOk('unauth_action' in (cores[0]?.options ?? {}))
})

t.test('a default logout path gives way to what has it already, a written one does not', async t => {
  const logoutsOf = async (...routes: RouteLike[]): Promise<Array<string | null>> => (await valid({ routes })).cores.map(({ logoutPath }) => logoutPath)
  const other = protectedRoute({ uri: '/b/*' }, { client_id: 'other', redirect_uri: '/b/cb' })
  t.same(await logoutsOf(protectedRoute({ uri: '/a/*' }), other), ['/logout', '/b/logout'])
  t.same(await logoutsOf(protectedRoute({ uri: '/a/*' }), protectedRoute({ uri: '/b/*' }, { client_id: 'other', redirect_uri: '/b/cb', logout_path: '/logout' })), ['/a/logout', '/logout'])
  t.same(await logoutsOf(protectedRoute({ uri: '/a/*' }), { uri: '/logout', upstream: 'http://x' }), ['/a/logout'])
  t.same(await logoutsOf(protectedRoute({ uri: '/a/*', host: 'a.example' }), protectedRoute({ uri: '/b/*', host: 'b.example' }, { client_id: 'other' })), ['/logout', '/logout'], 'on hosts that do not meet')
  const wildcard = await problemsOf({ routes: [protectedRoute({ uri: '/*', host: '*.example' }, { logout_path: '/bye', redirect_uri: '/cb' }), protectedRoute({ uri: '/*', host: 'b.example' }, { logout_path: '/bye' })] })
  t.match(wildcard, [/^routes\[1\]\.plugins\.openid-connect\.logout_path is a path that the logout_path of routes\[0\] has on the same host already/])
})

t.test('conflicts name both places', async t => {
  const open = (route: RouteLike): RouteLike => ({ upstream: 'http://x', ...route })
  const cases: ReadonlyArray<readonly [RouteLike[], RegExp]> = [
    [[open({ uri: '/a' }), open({ uris: ['/b', '/a'], methods: ['GET'] })], /^routes\[1\] is for the same path, host and method as routes\[0\]/],
    [[open({ uri: '/*', host: 'a.example' }), open({ uri: '/*', hosts: ['b.example', 'A.example'] })], /^routes\[1\] is for the same path, host and method as routes\[0\]/],
    [[open({ uri: '/ping' })], /^routes\[0\] is for the path of health\.ping_path/],
    [[protectedRoute({ uri: '/a/*' }, { backchannel_logout_path: '/back' }), protectedRoute({ uri: '/b/*' }, { client_id: 'other', redirect_uri: '/b/callback', backchannel_logout_path: '/back' })], /^routes\[1\]\.plugins\.openid-connect\.backchannel_logout_path has a path that the backchannel_logout_path of routes\[0\] has on the same host/],
    [[protectedRoute({ uri: '/a/*' }), protectedRoute({ uri: '/b/*' }, { client_id: 'other' })], /^routes\[1\]\.plugins\.openid-connect\.redirect_uri has a path that the redirect_uri of routes\[0\] has on the same host/],
    [[protectedRoute({ uri: '/a/*' }, { redirect_uri: '/cb' }), open({ uri: '/cb' })], /^routes\[0\]\.plugins\.openid-connect\.redirect_uri has a path that routes\[1\] has/],
    [[protectedRoute({ uri: '/a/*' }, { redirect_uri: 'https://app.example/ready' })], /redirect_uri has a path that health\.ready_path has/],
    [[protectedRoute({ uri: '/a/*' }, { logout_path: '/.apisix/redirect' })], /logout_path is a path that the redirect_uri of routes\[0\] has/]
  ]
  for (const [routes, expected] of cases) t.match((await problemsOf({ routes })).join('\n'), expected, String(expected))
  const fine = [open({ uri: '/a', methods: ['GET'] }), open({ uri: '/a', methods: ['POST'] }), open({ uri: '/a', priority: 1 }), open({ uri: '/a', host: 'a.example' }), open({ uri: '/a', host: '*.example' }), open({ uri: '/a/*' })]
  t.same(await problemsOf({ routes: fine }), [])
  const crowd = Array.from({ length: 32 }, (_, index) => open({ uri: '/*', host: `h${index}.example` }))
  t.match(await problemsOf({ routes: crowd }), [/^routes\[31\] is one too many: at most 31/])
  t.same(await problemsOf({ routes: crowd.slice(0, 31) }), [])
})

t.test('a library caller gets every problem in one error', async t => {
  await t.rejects(createGateway({ routes: [{ uri: 'a', upstream: 'b' }] }), { code: 'FST_OIDC_GATEWAY_CONFIGURATION_INVALID', message: /routes\[0\]\.uri must[^]*routes\[0\]\.upstream is not a URL/ })
})

t.test('files that openid-connect names are looked for from the folder of the configuration', async t => {
  const directory = t.testdir({ emails: 'ann@example.com\n', consumers: '[{ "username": "ann" }]', folder: {} })
  const look = async (block: Record<string, unknown>) => await checkConfiguration({ value: { routes: [protectedRoute({ uri: '/*' }, block)] }, positionOf: () => null }, { directory })
  const found = await look({ allowed_emails_file: 'emails', consumer: { claims: ['sub'], file: 'consumers' } })
  t.match(found.kind === 'valid' && found.configuration.cores[0]?.options, { allowed_emails_file: join(directory, 'emails'), consumer: { claims: ['sub'], file: join(directory, 'consumers') } })
  const block = ['routes', '0', 'plugins', 'openid-connect']
  t.match(await look({ allowed_emails_file: 'folder', consumer: { claims: ['sub'], file: 'none' } }), {
    kind: 'invalid',
    problems: [{ path: [...block, 'allowed_emails_file'], message: 'names something that is no file' }, { path: [...block, 'consumer', 'file'], message: 'names a file that cannot be read (ENOENT)' }]
  })
})
