import { readFileSync } from 'node:fs'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { createTestProvider, login } from 'fastify-oidc-testing'
import t from 'tap'
import { block, fixture, load, refusals, reportText, SECRET, told, translate } from './import-oauth2-proxy-parts.ts'
import { ask, startGateway, startUpstream } from './parts.ts'
import { runCommand as run } from './program.ts'

type Tree = Record<string, unknown>
const FILE = { cookie_secret: SECRET, email_domains: ['*'] }
const PROVIDER = { id: 'idp', provider: 'oidc', clientID: 'app', clientSecret: 'hunter2', oidcConfig: { issuerURL: 'https://idp.example' } }
const UPSTREAM = { id: 'app', path: '/', uri: 'http://127.0.0.1:8080' }
const ALPHA = { server: { bindAddress: '127.0.0.1:4180' }, upstreamConfig: { upstreams: [UPSTREAM] }, providers: [PROVIDER] }

const alphaOf = (others: Tree, file: unknown = FILE, more: Tree = {}) => translate(file, { alpha: { ...ALPHA, ...others }, ...more })
const upstreamsOf = (...upstreams: Tree[]) => alphaOf({ upstreamConfig: { upstreams } })
const providerOf = (others: Tree) => alphaOf({ providers: [{ ...PROVIDER, ...others }] })
const headerOf = (others: Tree, more: Tree = {}) => alphaOf({ injectRequestHeaders: [{ name: 'X-H', ...others }], ...more })

t.test('the least that the YAML says becomes a configuration that holds', async t => {
  const imported = alphaOf({})
  t.same(refusals(imported), [])
  t.match(imported.value, { listen: { host: '127.0.0.1', port: 4180 }, routes: [{ id: 'app', uri: '/*', upstream: 'http://127.0.0.1:8080', headers: { request: {}, response: {} } }] })
  t.match(block(imported), { discovery: 'https://idp.example/.well-known/openid-configuration', client_id: 'app', client_secret: 'hunter2', redirect_uri: '/oauth2/callback', session: { secret: SECRET } })
  t.same(Object.keys((imported.value.routes[0]?.headers as Tree).request as Tree), [], 'no header that it does not ask for')
})

t.test('a whole file is reported member by member, each at its line in its own file', async t => {
  const environment = { CLIENT_SECRET: 'hunter2', BASIC_PASSWORD: 'pass' }
  const { checked, report, value } = await load(fixture('alpha.cfg'), { environment, args: ['--alpha-config', fixture('alpha.yaml')] })
  t.equal(checked.kind === 'valid' && checked.configuration.routes.length, 4)
  t.equal(reportText(report), readFileSync(fixture('alpha.report.txt'), 'utf8'))
  t.notMatch(JSON.stringify({ value, report }), /hunter2/, 'a secret of the environment is a reference')
})

t.test('a member that nobody knows is refused at its line, with the nearest name', async t => {
  const folder = t.testdir({ 'a.yaml': 'providers:\n  - id: x\n    clientId: app\n    clientSecert: y\n    oidcConfig:\n      issuerUrl: https://idp.example\n      issuer: z\nupstreams: []\nzzz: 1\n' })
  const { checked } = await load(null, { args: ['--alpha-config', `${folder}/a.yaml`] })
  const lines = checked.kind === 'invalid' ? checked.problems.map(({ path, message, position }) => `${position?.file === `${folder}/a.yaml` ? position.line : '?'} ${path.join('.')} ${message}`) : []
  t.ok(lines.includes('4 providers.0.clientSecert is not known to OAuth2 Proxy; did you mean clientSecret?'), lines.join('\n'))
  t.ok(lines.some(line => line.startsWith('7 providers.0.oidcConfig.issuer is not known to OAuth2 Proxy')))
  t.ok(lines.some(line => line.startsWith('8 upstreams is not known to OAuth2 Proxy')))
  t.ok(lines.some(line => line.startsWith('9 zzz is not known')))
  t.notOk(lines.some(line => line.includes('clientId ') || line.includes('issuerUrl ')), 'capitals do not matter, as in OAuth2 Proxy')
  const printed = await run(['start', '--from', 'oauth2-proxy', '--', `--alpha-config=${folder}/a.yaml`, '--config-test'])
  t.match(printed, { code: 2, err: /a\.yaml:4:5 {2}providers\[0\]\.clientSecert is not known/ })
})

t.test('a YAML that cannot be read says where', async t => {
  const folder = t.testdir({ 'broken.yaml': 'server:\n  a: [\n', 'list.yaml': '- x\n' })
  t.match((await load(null, { args: ['--alpha-config', `${folder}/broken.yaml`] })).checked, { problems: [{ position: { file: `${folder}/broken.yaml`, line: 3 } }] })
  await t.rejects(load(null, { args: ['--alpha-config', `${folder}/missing.yaml`] }), { code: 'FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE' })
  t.match(refusals(translate(FILE, { alpha: [1] })), [/^: refused, must have members/])
})

t.test('options that the YAML says in other words are refused in the file and in arguments, and variables have no effect', async t => {
  const imported = alphaOf({}, { ...FILE, upstreams: ['http://x'], pass_access_token: true, client_id: 'x', http_address: ':1', metrics_address: ':2', prompt: 'login' }, { environment: { OAUTH2_PROXY_CLIENT_ID: 'y' }, args: ['--set-xauthrequest', '--oidc-issuer-url=https://x'] })
  t.same(refusals(imported), [
    'upstreams: refused, must be left out beside --alpha-config, where it is upstreamConfig.upstreams',
    'pass_access_token: refused, must be left out beside --alpha-config, where it is injectRequestHeaders',
    'client_id: refused, must be left out beside --alpha-config, where it is providers[0].clientID',
    'http_address: refused, must be left out beside --alpha-config, where it is server.bindAddress',
    'metrics_address: refused, must be left out beside --alpha-config, where it is metricsServer.bindAddress',
    'prompt: refused, must be left out beside --alpha-config, where it is providers[0].loginURLParameters',
    '--set-xauthrequest: refused, must be left out beside --alpha-config, where it is injectResponseHeaders',
    '--oidc-issuer-url: refused, must be left out beside --alpha-config, where it is providers[0].oidcConfig.issuerURL'
  ])
  t.match(told(imported), /^OAUTH2_PROXY_CLIENT_ID: exact, has no effect beside --alpha-config$/m)
  t.equal(block(imported).client_id, 'app')
})

t.test('what is missing is told where it would stand', async t => {
  const lines = refusals(translate({}, { alpha: {} })).join('\n')
  for (const name of ['providers.0.provider', 'providers.0.clientID', 'providers.0.clientSecret', 'providers.0.oidcConfig.issuerURL', 'cookie_secret', 'email_domains']) t.match(lines, new RegExp(`^${name}: refused, is missing`, 'm'), name)
  const notes = translate({}, { alpha: {} }).report.notes.map(({ message }) => message).join('\n')
  t.match(notes, /has no server: listens at 127\.0\.0\.1:4180[^]*has no upstreams/)
})

t.test('variables are put in, and one that is not set is no empty text', async t => {
  const environment = { SECRET: 'hunter2', PORT: '8081', EMPTY: '' }
  const imported = alphaOf({
    providers: [{ ...PROVIDER, clientSecret: '${SECRET}', clientID: '${NONE:-app}-${EMPTY:-e}-$PORT$$1' }], // eslint-disable-line no-template-curly-in-string
    upstreamConfig: { upstreams: [{ ...UPSTREAM, uri: 'http://127.0.0.1:${PORT}', passHostHeader: '${PASS:=false}', timeout: '${PORT:+9s}' }] } // eslint-disable-line no-template-curly-in-string
  }, FILE, { environment })
  t.same(refusals(imported), [])
  t.match(block(imported), { client_secret: '$ENV://SECRET', client_id: 'app-e-8081$1' })
  t.match(imported.value.routes, [{ upstream: { nodes: { '127.0.0.1:8081': 1 }, pass_host: 'node', timeout: { read: 9 } } }])
  t.match(refusals(alphaOf({ providers: [{ ...PROVIDER, scope: 'a ${NONE}' }] })), ['providers.0.scope: refused, names the variable NONE, which is not set']) // eslint-disable-line no-template-curly-in-string
  t.match(refusals(alphaOf({ providers: [{ ...PROVIDER, oidcConfig: { issuerURL: 'https://${your-okta-domain}/oauth2/default' } }] })).join('\n'), /has the placeholder \$\{your-okta-domain\}/) // eslint-disable-line no-template-curly-in-string
})

t.test('upstreams are routes', async t => {
  const folder = t.testdir({ 'index.html': '' })
  const imported = upstreamsOf(UPSTREAM, { id: 'b', path: '/b/', uri: 'https://127.0.0.1:1/ignored', insecureSkipTLSVerify: true, timeout: '2s' }, { id: 'c', path: '/c', static: true }, { id: 'd', path: '/d/', uri: `file://${folder}/` }, { id: 'e', path: '/e/', uri: 'unix:///run/a.sock', flushInterval: '1s', disableKeepAlives: true })
  t.same(refusals(imported), [])
  t.match(imported.value.routes, [{ id: 'app', uri: '/*' }, { id: 'b', uri: '/b/*', upstream: { scheme: 'https', nodes: { '127.0.0.1:1': 1 }, pass_host: 'pass', tls: { verify: false }, timeout: { read: 2 } } }, { id: 'c', uri: '/c', upstream: 'static://200' }, { id: 'd', uri: '/d/*', upstream: `file://${folder}` }, { id: 'e', uri: '/e/*', upstream: 'unix:/run/a.sock' }])
  const written = upstreamsOf({ ...UPSTREAM, path: '^/(.*)$', rewriteTarget: '/in/$1' }, { id: 'g', path: '^/g/h/(.*)', uri: 'http://127.0.0.1:1', rewriteTarget: '/$1' })
  t.same(refusals(written), [])
  t.match(written.value.routes, [{ uri: '/*', rewrite_prefix: { from: '/', to: '/in' } }, { uri: '/g/h/*', rewrite_prefix: { from: '/g/h', to: '/' } }])
  t.match(told(imported), /upstreams\.4\.disableKeepAlives: approximated, is left out/)
  for (const [others, why] of [
    [{ path: '' }, /path: refused, is missing/],
    [{ path: '^/a/(.*)$' }, /path: refused, must begin with \//],
    ...[['^/a/(.*)$', '/b/$1?x=y'], ['^/a/(.*)$', '/b/$2'], ['^/a/(\\d+)$', '/b/$1'], ['/a/(.*)', '/$1'], ['^/a(.*)$', '/b$1'], ['^/a/(.*)$', 'https://x/$1'], ['^/a/../(.*)$', '/$1'], ['^/a/(.*)$', '/../$1'], ['/a/', '/b/'], ['', '/$1']]
      .map(([path, rewriteTarget]) => [{ path, rewriteTarget }, /rewriteTarget: refused, can be written where/] as const),
    [{ path: '^/a/(.*)$', rewriteTarget: '/$1', uri: `file://${folder}/` }, /rewriteTarget: refused, has no counterpart beside file/],
    [{ id: '' }, /id: refused, is missing/],
    [{ uri: '' }, /uri: refused, is missing/],
    [{ uri: 'x' }, /uri: refused, must be a URL/],
    [{ uri: 'ftp://x' }, /must be a URL that begins with/],
    [{ uri: 'http://u:p@x' }, /a name or a password/],
    [{ uri: 'http://x/?y' }, /a query or a fragment/],
    [{ uri: 'https://{your_domain}/' }, /has the placeholder \{your_domain\}/],
    [{ proxyWebSockets: false }, /proxyWebSockets: refused, must be true/],
    [{ staticCode: 200 }, /staticCode: refused, is for static: true/],
    [{ static: true }, /uri: refused, has no effect beside static/],
    [{ static: true, uri: null, staticCode: 99 }, /staticCode: refused, must be a status/],
    [{ timeout: 30 }, /timeout: refused, must be a duration such as 30s/],
    [{ uri: 'unix:///a', passHostHeader: false }, /passHostHeader: refused/],
    [{ uri: 'unix:///a', timeout: '1s' }, /timeout: refused/],
    [{ passHostHeader: 'maybe' }, /passHostHeader: refused, must be true or false/],
    [{ pathh: '/' }, /pathh: refused, is not known to OAuth2 Proxy; did you mean path\?/]
  ] as const) t.match(refusals(upstreamsOf({ ...UPSTREAM, ...others })).join('\n'), why, JSON.stringify(others))
  t.match(refusals(upstreamsOf(UPSTREAM, UPSTREAM)), [/upstreams\.1\.id: refused, is the id of an earlier one/, /upstreams\.1\.path: refused, is the path of an earlier one/])
  t.match(refusals(alphaOf({ upstreamConfig: { upstreams: {} } })), [/upstreams: refused, must be a list/])
})

t.test('O206 headers come from claims, with a prefix or as Basic credentials, and from secrets', async t => {
  const values = (value: unknown, more: Tree = {}): unknown => (headerOf({ values: [value] }, more).value.routes[0]?.headers as { request: Tree } | undefined)?.request['X-H']
  t.same(values({ claimSource: { claim: 'user' } }), { claim: 'sub' })
  t.same(values({ claim: 'email', prefix: 'a ' }), { claim: 'email', prefix: 'a ' })
  t.same(values({ claimSource: { claim: 'email' } }, { providers: [{ ...PROVIDER, oidcConfig: { ...PROVIDER.oidcConfig, emailClaim: 'mail', groupsClaim: 'roles' } }] }), { claim: 'mail' })
  t.same(values({ claimSource: { claim: 'groups' } }, { providers: [{ ...PROVIDER, oidcConfig: { ...PROVIDER.oidcConfig, groupsClaim: 'roles' } }] }), { claim: 'roles' })
  t.same(values({ claimSource: { claim: 'user', basicAuthPassword: { secretSource: { value: 'pass' } } } }), { claim: 'sub', basic_password: 'pass' })
  t.same(values({ claim: 'user', basicAuthPassword: { value: 'cGFzcw==' } }), { claim: 'sub', basic_password: 'pass' }, 'where it has no secretSource around it, it is base64')
  t.same(values({ secretSource: { fromEnv: 'KEY' } }), { value: '$ENV://KEY' })
  const files = { alphaFiles: new Map([['/run/key', 'from a file\n']]) }
  const fromFile = alphaOf({ injectRequestHeaders: [{ name: 'X-H', values: [{ secretSource: { fromFile: '/run/key' } }] }] }, FILE, files)
  t.match(fromFile.value.routes, [{ headers: { request: { 'X-H': { value: 'from a file' } } } }])
  for (const [entry, why] of [
    [{ values: [{ claimSource: { claim: 'team' } }] }, /claim: refused, is not in additionalClaims/],
    [{ values: [{ claimSource: { claim: 'refresh_token' } }] }, /claim: refused, cannot be refresh_token/],
    [{ values: [{ claimSource: { claim: 'created_at' } }] }, /claim: refused, has no counterpart/],
    [{ values: [{ claimSource: {} }] }, /claimSource: refused, must have a claim/],
    [{ values: [{ claimSource: { claim: 'user' }, secretSource: { value: 'x' } }] }, /values\.0: refused, must have exactly one/],
    [{ values: [{}] }, /values\.0: refused, must have exactly one/],
    [{ values: [{ secretSource: { value: 'a', fromEnv: 'b' } }] }, /secretSource: refused, must have exactly one of value, fromEnv and fromFile/],
    [{ values: [{ value: 'not base64!' }] }, /value: refused, must be base64/],
    [{ values: [{ secretSource: { fromFile: '/none' } }] }, /fromFile: refused, is a file that cannot be read/],
    [{ values: [{ claim: 'user', prefix: 'x', basicAuthPassword: { value: 'cGFzcw==' } }] }, /prefix: refused/],
    [{ values: [] }, /injectRequestHeaders\.0: refused, must have a value/],
    [{ values: [{ claim: 'user' }, { claim: 'email' }] }, /values\.1: refused, must be the only one/],
    [{ preserveRequestValue: true, values: [{ claim: 'user' }] }, /preserveRequestValue: refused, must be false/],
    [{ name: 'Host', values: [{ claim: 'user' }] }, /name: refused, is a header that cannot be set here/],
    [{ name: 'X_H', values: [{ claim: 'user' }] }, /name: refused, is not the name of a header/],
    [{ values: [{ secretSource: { value: 'a\nX-Admin: 1' } }] }, /name: refused, value must be printable ASCII/]
  ] as const) t.match(refusals(headerOf(entry)).join('\n'), why, JSON.stringify(entry))
  const twice = { name: 'x-h', values: [{ claim: 'user' }] }
  t.match(refusals(alphaOf({ injectResponseHeaders: [twice, { ...twice, name: 'X-H' }] })), [/injectResponseHeaders\.1: refused, has the name of an earlier one/])
})

t.test('one provider, and its parameters of the login', async t => {
  t.match(refusals(alphaOf({ providers: [PROVIDER, PROVIDER] })), [/providers\.1: refused, must be left out: OAuth2 Proxy uses the first provider alone/])
  t.match(refusals(providerOf({ provider: 'github', githubConfig: { org: 'x' }, ADFSConfig: { skipScope: true } })).join('\n'), /providers\.0\.ADFSConfig\.skipScope: refused[^]*githubConfig\.org: refused|githubConfig\.org: refused/)
  t.same(block(providerOf({ loginURLParameters: [{ name: 'prompt', default: ['login'] }, { name: 'x', default: ['a', 'b'] }] })).authorization_params, { prompt: 'login', x: ['a', 'b'] })
  const chosen = providerOf({ loginURLParameters: [{ name: 'prompt', default: ['login'], allow: [{ value: 'consent' }, { pattern: '^select' }] }, { name: 'hint', allow: [{ value: 'x' }] }] })
  t.same(refusals(chosen), [])
  t.match(chosen.value, { endpoints: { authorization_params_from_query: { prompt: [{ value: 'consent' }, { pattern: '^select' }], hint: [{ value: 'x' }] } } })
  t.match(refusals(providerOf({ loginURLParameters: [{ name: 'a', allow: [{ value: 'x', pattern: 'y' }, {}, 'z', { valu: 'x' }] }] })).join('\n'), /allow\.0: refused, must have exactly one[^]*allow\.1: refused[^]*allow\.2: refused[^]*allow\.3\.valu: refused/)
  t.match(refusals(providerOf({ loginURLParameters: [{ name: 'a', default: ['b'] }, { name: 'a' }, { default: ['c'] }] })), [/loginURLParameters\.1\.name: refused, is the name of an earlier one/, /loginURLParameters\.2\.name: refused, is missing/])
  const { checked } = await load(fixture('alpha.cfg'), { environment: { CLIENT_SECRET: 'x', BASIC_PASSWORD: 'y' }, args: ['--alpha-config', `${t.testdir({ 'a.yaml': readFileSync(fixture('alpha.yaml'), 'utf8').replace('name: organization', 'name: redirect_uri') })}/a.yaml`] })
  t.match(checked.kind === 'invalid' && checked.problems.filter(({ message }) => message.includes('login itself')), [{ path: ['providers', '0', 'loginURLParameters', '1', 'name'], message: /set by the login itself/, position: { line: 77 } }])
})

t.test('one address is listened at, and certificates come from files', async t => {
  const tls = { cert: { fromFile: '/etc/cert.pem' }, key: { fromFile: '/etc/key.pem' }, minVersion: 'TLS1.3' }
  t.match(alphaOf({ server: { SecureBindAddress: '0.0.0.0:443', TLS: tls } }).value.listen, { host: '0.0.0.0', port: 443, tls: { cert: '/etc/cert.pem', key: '/etc/key.pem', min_version: 'TLSv1.3' } })
  t.match(alphaOf({ server: { BindAddress: '127.0.0.1:80', SecureBindAddress: '-', TLS: tls } }).value.listen, { host: '127.0.0.1', port: 80, tls: undefined })
  t.match(refusals(alphaOf({ server: { BindAddress: ':80', SecureBindAddress: ':443', TLS: tls } })), [/server\.BindAddress: refused, cannot stand beside secureBindAddress/])
  t.match(refusals(alphaOf({ server: { SecureBindAddress: ':443', TLS: { cert: { value: 'x' }, key: { fromEnv: 'KEY' }, cipherSuites: ['x'] } } })).join('\n'), /cert\.value: refused, must be fromFile[^]*key\.fromEnv: refused[^]*cipherSuites: refused/)
  t.match(alphaOf({ metricsServer: { bindAddress: ':9100' } }).value, { metrics: { host: '0.0.0.0', port: 9100 } })
})

t.test('O037 O206 O207 an upstream gets what the YAML asks for, claims of claims too', async t => {
  const provider = await createTestProvider({ autoLogin: 'kim', users: { kim: { email: 'kim@corp.com', email_verified: true, realm: { team: 'blue' } } } })
  t.teardown(async () => { await provider.close() })
  const alpha = {
    upstreamConfig: { upstreams: [{ id: 'app', path: '/', uri: await startUpstream(t) }, { id: 'baz', path: '^/baz/(.*)$', rewriteTarget: '/foo/$1', uri: await startUpstream(t) }] },
    providers: [{ ...PROVIDER, clientID: provider.clientId, clientSecret: provider.clientSecret, additionalClaims: ['realm.team', 'realm.nobody'], oidcConfig: { issuerURL: provider.issuer } }],
    injectRequestHeaders: [
      { name: 'X-Team', values: [{ claimSource: { claim: 'realm.team', prefix: 'team ' } }] },
      { name: 'X-Nobody', values: [{ claimSource: { claim: 'realm.nobody' } }] },
      { name: 'Authorization', values: [{ claimSource: { claim: 'email', basicAuthPassword: { secretSource: { value: 'pass' } } } }] }
    ],
    injectResponseHeaders: [{ name: 'X-Who', values: [{ claimSource: { claim: 'user' } }] }]
  }
  const imported = translate({ ...FILE, cookie_secure: false, skip_provider_button: true }, { alpha, listen: { host: '127.0.0.1', port: 0 } })
  t.same(refusals(imported), [])
  const gateway = await startGateway(t, imported.value as unknown as GatewayOptions)
  const { cookie } = await login(gateway.app, { path: '/page', user: 'kim' })
  const { received, headers } = await ask(gateway, '/page', { headers: { cookie, 'x-team': 'forged', 'x-nobody': 'forged', x_team: 'forged' } })
  t.match(received.headers, { 'x-team': 'team blue', authorization: `Basic ${Buffer.from('kim@corp.com:pass').toString('base64')}` })
  t.notOk('x-nobody' in received.headers)
  t.notMatch(JSON.stringify(received.headers), /forged/)
  t.equal(headers['x-who'], 'kim')
  t.equal((await ask(gateway, '/baz/a/b?x=1', { headers: { cookie } })).received.url, '/foo/a/b?x=1')
})
