import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createTestProvider } from 'fastify-oidc-testing'
import { main } from '../../packages/gateway/src/cli/main.ts'
import type { Terminal } from '../../packages/gateway/src/cli/terminal.ts'
import { createLyingProvider } from '../support/lying-provider.ts'
import type { Lies } from '../support/lies.ts'
import { startRedis } from '../support/redis-server.ts'
import { runProgram } from './program.ts'

const SECRET = 'a session secret that is long enough, by far'

const lying = await createLyingProvider()
const honest = await createTestProvider({ redirectUris: ['http://127.0.0.1:4180/callback'] })
t.teardown(async () => { await Promise.all([lying.close(), honest.close()]) })

interface Line { readonly verdict: string, readonly check: string, readonly what: string, readonly remedy: string | null, readonly routes: readonly string[] | null }

/** The command in this process. */
async function run (args: readonly string[]) {
  const said = { out: '', err: '', progress: [] as string[] }
  const terminal: Terminal = {
    environment: {},
    out: text => { said.out += `${text}\n` },
    err: text => { said.err += `${text}\n` },
    style: (_stream, _style, text) => text,
    flushed: async () => {},
    progress: text => { if (text !== null) said.progress.push(text) },
    ask: async () => null
  }
  const code = await main(['doctor', ...args], terminal)
  return { code, ...said }
}

async function doctor (t: Test, configuration: unknown, args: readonly string[] = []) {
  const file = join(t.testdir({ 'gateway.json': JSON.stringify(configuration) }), 'gateway.json')
  return await run(['-c', file, ...args])
}

async function findings (t: Test, configuration: unknown): Promise<{ code: number, lines: Line[] }> {
  const { code, out } = await doctor(t, configuration, ['--json'])
  return { code, lines: out.trim().split('\n').map(line => JSON.parse(line) as Line) }
}

interface Client { readonly discovery: string, readonly clientId: string, readonly clientSecret: string }

function fileFor ({ discovery, clientId, clientSecret }: Client, options: Record<string, unknown> = {}, gateway: Record<string, unknown> = {}, route: Record<string, unknown> = {}) {
  return {
    ...gateway,
    routes: [{ uri: '/*', upstream: 'http://127.0.0.1:1', ...route, plugins: { 'openid-connect': { discovery, client_id: clientId, client_secret: clientSecret, redirect_uri: 'http://127.0.0.1:4180/callback', session: { secret: SECRET }, ...options } } }]
  }
}

/** What is not `ok`, of one file. */
async function complaints (t: Test, configuration: unknown): Promise<string[]> {
  const { lines } = await findings(t, configuration)
  return lines.filter(({ verdict }) => verdict !== 'ok').map(({ verdict, check, what, remedy }) => `${verdict} ${check}: ${what} — ${remedy ?? ''}`)
}

/** Each line by its pattern, and no line more. */
function matchLines (t: Test, found: readonly string[], expected: readonly RegExp[], name = ''): void {
  t.ok(found.length === expected.length && expected.every((pattern, index) => pattern.test(found[index] ?? '')), `${name} ${expected.map(String).join(' ')} and not ${JSON.stringify(found)}`.slice(0, 1500))
}

async function complaintsOf (t: Test, lies: Lies, options: Record<string, unknown> = {}): Promise<string[]> {
  lying.lie(lies)
  return await complaints(t, fileFor(lying, options))
}

t.test('a file with which everything works', async t => {
  const { code, out, err } = await doctor(t, fileFor(honest))
  t.equal(code, 0)
  t.equal(err, '')
  t.notMatch(out, /^(?:warn|FAIL)/m)
  for (const line of [
    /^ok {4}redirect URI +http:\/\/127\.0\.0\.1:4180\/callback {2}— register it at the provider/m,
    /^ok {4}discovery +http:\S+ answered in \d+ ms$/m,
    /^ok {4}clock +that of the provider is the same as ours$/m,
    /^ok {4}PKCE +sent, and the provider knows S256$/m,
    /^ok {4}client authentication +client_secret_basic$/m,
    /^ok {4}authorization request +answered at the redirect URI/m,
    /^ok {4}client secret +the token endpoint complained of nothing but the code/m,
    /^ok {4}cookie size +about [34]\.\d KB with tokens of 1\.4 KB, and requests may carry 60 KB/m,
    /^\d+ ok, 0 to look at, 0 failed$/m
  ]) t.match(out, line)
  t.notOk([SECRET, honest.clientSecret].some(secret => out.includes(secret)), 'no secret is shown')
})

t.test('the program: exit codes, misuse, and a foreign file', async t => {
  const folder = t.testdir({
    'bad.yaml': 'routes: []\n',
    'apisix.yaml': `routes:\n  - uri: /*\n    upstream: { nodes: { "127.0.0.1:1": 1 } }\n    plugins:\n      openid-connect:\n        discovery: ${honest.discovery}\n        client_id: ${honest.clientId}\n        client_secret: $ENV://CLIENT_SECRET\n        redirect_uri: http://127.0.0.1:4180/callback\n        session: { secret: ${'x1y2z3w4'.repeat(5)} }\n#END\n`
  })
  t.match(await run(['-c', join(folder, 'bad.yaml')]), { code: 2, out: '', err: /1 problem in / })
  t.match(await run(['--all', '-c', 'x.yaml']), { code: 2, err: /--all is for sessions/ })
  t.match(await run(['--json=yes', '-c', 'x.yaml']), { code: 2, err: /--json takes no value/ })
  t.match(await run(['--help']), { code: 0, out: /Usage: oidc-gateway doctor --config FILE/ })
  const foreign = await runProgram(t, ['doctor', '--from', 'apisix', '-c', join(folder, 'apisix.yaml')], { CLIENT_SECRET: 'not the secret of this client', FORCE_COLOR: '1' })
  t.match(foreign, { code: 1, out: /^warn {2}PKCE +not sent, and the provider knows it {2}— set use_pkce: true[^]*^FAIL {2}client secret +the provider answered 401 "invalid_client"[^]*check client_id, client_secret/m })
  t.notOk(foreign.out.includes('not the secret') || foreign.out.includes('\u001B'), 'no secret, and no colour where nobody looks')
})

t.test('a provider that is not there, or does not answer as one', async t => {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dead = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.close()
  const gone = await findings(t, fileFor({ ...lying, discovery: `${dead}/.well-known/openid-configuration` }))
  t.equal(gone.code, 1)
  t.match(gone.lines.at(-1), { verdict: 'fail', check: 'discovery', what: /ECONNREFUSED/, remedy: /^nothing listens there/ })
  matchLines(t, await complaintsOf(t, { failures: { discovery: 'redirect' } }), [/^fail discovery: .* answers with a redirect to http:\S+\/elsewhere — redirects are not followed/])
  matchLines(t, await complaintsOf(t, { failures: { discovery: 'server_error' } }), [/^fail discovery: .* answers with status 500 — check discovery/])
  matchLines(t, await complaintsOf(t, { failures: { discovery: 'not_json' } }), [/^fail discovery: .* answers with what is not a JSON object — /])
  matchLines(t, await complaintsOf(t, { failures: { discovery: 'huge' } }), [/^fail discovery: .* larger than 1048576 bytes — .*no provider sends so much/])
  matchLines(t, await complaintsOf(t, { failures: { discovery: 'hang' } }, { timeout: 1 }), [/^fail discovery: .* — the provider did not answer in time/])
})

t.test('a provider that is another one', async t => {
  matchLines(t, await complaintsOf(t, { discovery: { issuer: 'https://login.example/realms/other' } }), [/^fail issuer: http:\S+ was asked, and says that it is "https:\/\/login\.example\/realms\/other" — write https:\/\/login\.example\/realms\/other\/\.well-known\/openid-configuration into discovery, or list it in claim_validator\.issuer\.valid_issuers$/])
  matchLines(t, await complaintsOf(t, { discovery: { issuer: undefined } }), [/^fail issuer: .* names no issuer/])
  matchLines(t, await complaintsOf(t, { discovery: { issuer: '\u001B[31m\u202Eevil' } }), [/^fail issuer: /])
  const { out } = await doctor(t, fileFor(lying))
  t.notMatch(out, /[\u001B\u202E]/, 'and nothing of it that a terminal would obey is shown') // eslint-disable-line no-control-regex -- that is what must not be there
  matchLines(t, await complaintsOf(t, { discovery: { token_endpoint: undefined } }), [/^fail endpoints: the provider has no usable token_endpoint/])
})

t.test('clocks that differ', async t => {
  matchLines(t, await complaintsOf(t, { clockAhead: 300 }), [/^warn clock: that of the provider is (299|300|301) s ahead of ours, and iat_slack is 120 s.* — set the clock of this machine/])
  matchLines(t, await complaintsOf(t, { clockAhead: -90 }), [])
  matchLines(t, await complaintsOf(t, { clockAhead: -90 }, { iat_slack: 30 }), [/^warn clock: that of the provider is (89|90|91) s behind ours/])
})

t.test('what the provider cannot do', async t => {
  const cases: ReadonlyArray<readonly [lie: Record<string, unknown>, options: Record<string, unknown>, expected: RegExp | null]> = [
    [{ code_challenge_methods_supported: undefined }, {}, /^warn PKCE: sent, and the provider does not say that it looks at it/],
    [{ code_challenge_methods_supported: ['plain'] }, {}, /^fail PKCE: sent with S256, and the provider knows plain alone — /],
    [{}, { use_pkce: false }, /^warn PKCE: not sent, and the provider knows it/],
    [{ scopes_supported: ['openid', 'email'] }, { scope: 'openid groups' }, /^warn scope: the provider does not list groups — .*known: openid, email/],
    [{ scopes_supported: ['openid', 'email'] }, { scope: 'email' }, /^fail scope: email: without openid/],
    [{ response_types_supported: ['id_token'] }, {}, /^fail response type: the provider does not list code, but id_token/],
    [{ grant_types_supported: ['implicit'] }, {}, /^fail response type: the provider does not list the grant authorization_code/],
    [{ token_endpoint_auth_methods_supported: ['client_secret_post'] }, {}, /^warn client authentication: client_secret_post will be used: the provider does not list client_secret_basic/],
    [{ token_endpoint_auth_methods_supported: ['private_key_jwt'] }, {}, /^fail client authentication: .*private_key_jwt/],
    [{ require_pushed_authorization_requests: true }, {}, /^fail pushed requests: the provider takes no other requests — set par\.enabled: true/],
    [{}, { revoke_tokens_on_logout: true }, null],
    [{ revocation_endpoint: undefined }, { revoke_tokens_on_logout: true }, /^fail revocation: .* — set revocation_endpoint, or revoke_tokens_on_logout: false/],
    [{ id_token_signing_alg_values_supported: ['ES384'] }, {}, /^fail signatures: ID tokens are signed with ES384, and none of the keys is for that/],
    [{ jwks_uri: undefined }, {}, /^fail keys: the provider names no jwks_uri/]
  ]
  for (const [lie, options, expected] of cases) {
    const found = await complaintsOf(t, { discovery: lie }, options)
    if (expected === null) t.same(found, [])
    else t.ok(found.some(line => expected.test(line)), `${JSON.stringify(lie)}: ${found.join('\n')}`)
  }
  matchLines(t, await complaintsOf(t, { keys: [] }), [/^fail keys: jwks_uri has no keys/])
  matchLines(t, await complaintsOf(t, { keys: [{ kty: 'oct', k: 'c2VjcmV0' }, 'no key', { kty: 'RSA', n: 'AQAB', e: 'AQAB' }] }), [/^fail keys: jwks_uri has 3 keys, and none that can verify anything/])
  matchLines(t, await complaintsOf(t, { failures: { jwks: 'server_error' } }), [/^fail keys: jwks_uri answers with status 500/])
  matchLines(t, await complaintsOf(t, { failures: { jwks: 'not_json' } }), [/^fail keys: jwks_uri does not answer with a set of keys/])
})

t.test('pushed requests and proofs of possession', async t => {
  lying.lie({ discovery: { pushed_authorization_request_endpoint: undefined } })
  const pushing = await complaints(t, fileFor(lying, { par: { enabled: true } }))
  t.ok(pushing.some(line => line.startsWith('fail pushed requests: the provider names no pushed_authorization_request_endpoint')))
  t.ok(pushing.some(line => line.startsWith('fail authorization request: ')), 'and a login cannot begin')
})

t.test('an authorization request that the provider refuses', async t => {
  matchLines(t, await complaintsOf(t, { callback: { kind: 'error', error: 'invalid_scope', description: 'what is that' } }), [/^fail authorization request: the provider refuses logins: "invalid_scope" "what is that" — check scope/])
  matchLines(t, await complaintsOf(t, { callback: { kind: 'error', error: 'login_required' } }), [])
  matchLines(t, await complaintsOf(t, { callback: { kind: 'error', error: 'invalid_request', description: `I know ${lying.clientSecret}` } }), [/"I know \*\*\*"/], 'a secret that comes back is not shown')
  const unregistered = await complaints(t, fileFor(honest, { redirect_uri: 'http://127.0.0.1:4180/other' }))
  t.match(unregistered[0], /^fail authorization request: the provider (?:does not know the redirect URI|answers an authorization request with status 400)/)
  matchLines(t, await complaints(t, fileFor({ ...honest, clientId: 'nobody' })), [/^fail authorization request: .*client/, /^fail client secret: .*invalid_client/])
})

t.test('pages of providers that say what they do not know', async t => {
  const pages: Readonly<Record<string, readonly [status: number, body: string, location?: string]>> = {
    '/dex': [400, '<p>Unregistered redirect_uri (&quot;http://127.0.0.1:4180/callback&quot;).</p>'],
    '/okta': [400, 'The &#39;redirect_uri&#39; parameter must be a Login redirect URI in the client app settings.'],
    '/zitadel': [400, '{"error":"invalid_request","error_description":"The requested redirect_uri is missing in the client configuration."}'],
    '/keycloak': [400, '<p class="instruction">Invalid parameter: redirect_uri</p>'],
    '/entra': [200, '<div>AADSTS50011: The redirect URI specified in the request does not match</div>'],
    '/google': [302, '', `/signin/oauth/error?authError=${Buffer.from('\n\u0015redirect_uri_mismatch\u0012').toString('base64url')}`],
    '/auth0': [403, '<h1>Callback URL mismatch.</h1>'],
    '/entra-client': [200, 'AADSTS700016: Application was not found in the directory'],
    '/keycloak-client': [400, 'Client not found.'],
    '/sign-in': [200, '<form>password: invalid_client is what a script on it may say</form>'],
    '/sent-on': [302, '', 'https://sign-in.example/flow'],
    '/broken': [500, 'oh'],
    '/scope': [400, 'error: invalid_scope']
  }
  const server = createServer((request, response) => {
    const [status, body, location] = pages[new URL(request.url ?? '/', 'http://localhost').pathname] ?? [404, '']
    response.writeHead(status, location === undefined ? {} : { location }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  const answered = async (path: string): Promise<Line | undefined> => {
    lying.lie({ discovery: { authorization_endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}` } })
    return (await findings(t, fileFor(lying))).lines.find(({ check }) => check === 'authorization request')
  }
  for (const path of ['/dex', '/okta', '/zitadel', '/keycloak', '/entra', '/google', '/auth0']) {
    t.match(await answered(path), { verdict: 'fail', what: 'the provider does not know the redirect URI of this client', remedy: /^register the redirect URI/ }, path)
  }
  for (const path of ['/entra-client', '/keycloak-client']) t.match(await answered(path), { verdict: 'fail', what: 'the provider does not know the client', remedy: /^check client_id/ }, path)
  t.match(await answered('/sign-in'), { verdict: 'ok', what: /only a browser shows/ }, 'a page with status 200 is not judged')
  t.match(await answered('/sent-on'), { verdict: 'ok', what: /answered with 302, to sign-in\.example/ })
  t.match(await answered('/broken'), { verdict: 'fail', what: /status 500/, remedy: /log of the provider/ })
  t.match(await answered('/scope'), { verdict: 'fail', what: /status 400 \(invalid_scope\)/ })
})

t.test('a client secret that the provider does not take, or does not judge', async t => {
  matchLines(t, await complaints(t, fileFor({ ...honest, clientSecret: 'of another client, and long enough' })), [/^fail client secret: the provider answered 401 "invalid_client" .* — check client_id, client_secret and token_endpoint_auth_method$/])
  matchLines(t, await complaintsOf(t, { failures: { token: 'server_error' } }), [/^fail client secret: /])
  lying.lie({ failures: { token: 'not_json' } })
  t.match((await findings(t, fileFor(lying))).lines.at(-1), { verdict: 'ok', check: 'client secret', what: /does not say/ })
})

t.test('redirect URIs that do not lead here, or not safely', async t => {
  lying.lie()
  const expectations: ReadonlyArray<readonly [configuration: unknown, expected: readonly RegExp[]]> = [
    [fileFor(lying, { redirect_uri: 'https://app.example/callback' }), [/^warn redirect URI: https:\/\/app\.example\/callback is https, and requests look plain here: cookies will not be Secure — set trust_proxy/]],
    [fileFor(lying, { redirect_uri: 'https://app.example/callback' }, { trust_proxy: ['loopback'] }), []],
    [fileFor(lying, { redirect_uri: 'https://app.example/callback' }, { trust_proxy: ['0.0.0.0/0'] }), [/^warn trust_proxy: 0\.0\.0\.0\/0 lets everybody say/]],
    [fileFor(lying, { redirect_uri: 'https://app.example/callback' }, { trust_proxy: ['loopback'] }, { host: 'other.example' }), [/^fail redirect URI: .* is on a host of none of these routes: other\.example/]],
    [fileFor(lying, { redirect_uri: 'http://app.example/callback' }, { listen: { host: '0.0.0.0' } }), [/^warn listen: 0\.0\.0\.0:4180 is plain http/, /^warn redirect URI: http:\/\/app\.example\/callback is http: codes and cookies can be read/]],
    [fileFor(lying, { redirect_uri: 'http://localhost:3000/callback' }), [/^warn redirect URI: .* names another port than listen\.port, which is 4180/]],
    [fileFor(lying, { redirect_uri: '/callback' }, { trust_proxy: ['loopback'] }, { host: '*.example' }), [/^warn redirect URI: https:\/\/\*\.example\/callback: one for each host/]],
    [fileFor(lying, { redirect_uri: undefined, security_profile: 'apisix', use_pkce: true }), [/^warn redirect URI: each page has its own/]]
  ]
  for (const [configuration, expected] of expectations) matchLines(t, await complaints(t, configuration), expected)
  const { lines } = await findings(t, fileFor(lying, { redirect_uri: '/callback', post_logout_redirect_uri: '/bye' }, { trust_proxy: ['loopback'] }, { host: 'app.example' }))
  t.same(lines.filter(({ check }) => / URI$/.test(check)).map(({ what }) => what), ['https://app.example/callback', 'https://app.example/bye'], 'what is to be registered is printed')
})

t.test('cookies and secrets that contradict what browsers do', async t => {
  lying.lie()
  const session = (more: Record<string, unknown>) => ({ session: { secret: SECRET, ...more } })
  matchLines(t, await complaints(t, fileFor(lying, { redirect_uri: 'http://app.example/callback', ...session({ cookie_secure: true }) })), [/^warn redirect URI/, /^fail cookies: session\.cookie_secure: true makes them Secure, and browsers come over http: they keep none/])
  matchLines(t, await complaints(t, fileFor(lying, session({ cookie_same_site: 'None' }))), [/^warn cookies: session\.cookie_same_site: None makes them Secure/])
  matchLines(t, await complaints(t, fileFor(lying, { redirect_uri: 'https://app.example/callback', ...session({ cookie_secure: false }) }, { trust_proxy: ['loopback'] })), [/^warn cookies: session\.cookie_secure: false/])
  matchLines(t, await complaints(t, fileFor(lying, {}, { max_header_size: 8192 })), [/^warn cookie size: .* requests may carry 4 KB: tokens with many groups/])
  matchLines(t, await complaints(t, fileFor(lying, session({ secret: 'x'.repeat(40), secret_fallbacks: ['twenty-two characters.'] }))), [/^warn secrets: session\.secret repeats a few characters — make one with: openssl/, /^warn secrets: session\.secret_fallbacks\[0\] has 22 characters/])
})

t.test('Redis: ready, forgetful, and not there', async t => {
  lying.lie()
  const redis = await startRedis(t, { password: 'the password of this redis', configuration: ['maxmemory 100mb', 'maxmemory-policy allkeys-lru'] })
  const over = (options: Record<string, unknown>) => fileFor(lying, { session: { secret: SECRET, storage: 'redis', redis: { port: redis.port, ...options } } })
  const { lines } = await findings(t, over({ password: 'the password of this redis' }))
  t.match(lines.filter(({ check }) => check === 'Redis'), [
    { verdict: 'ok', what: /^127\.0\.0\.1:\d+ answers in (?:under )?\d+ ms, version \d/ },
    { verdict: 'warn', what: /maxmemory-policy allkeys-lru/, remedy: /noeviction/ }
  ])
  const refused = await complaints(t, over({ password: 'a wrong password, not to be shown' }))
  matchLines(t, refused, [/^fail Redis: .*127\.0\.0\.1:\d+ .*refuses the user name or password/])
  t.notOk(refused.join().includes('not to be shown'))
  await redis.kill()
  matchLines(t, await complaints(t, over({})), [/^fail Redis: .*127\.0\.0\.1:\d+ .* — start Redis there, or correct session\.redis/])
})

t.test('bearer tokens alone: nothing is said of logins', async t => {
  lying.lie()
  const { code, lines } = await findings(t, fileFor(lying, { bearer_only: true, use_jwks: true, audience: 'api', redirect_uri: undefined, session: undefined }))
  t.equal(code, 0)
  t.notOk(lines.some(({ check }) => ['redirect URI', 'PKCE', 'cookies', 'authorization request'].includes(check)))
  t.match(lines.find(({ check }) => check === 'keys'), { verdict: 'ok' })
})

t.test('on a terminal it says that it waits, from the first second on', async t => {
  lying.lie()
  const gate = lying.hold('jwks')
  const running = doctor(t, fileFor(lying))
  await gate.reached
  setTimeout(() => { gate.open() }, 1200)
  const { code, progress } = await running
  t.equal(code, 0)
  t.same(progress, ['asking the provider …'])
})
