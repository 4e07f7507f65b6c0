import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { claimsFor, createAuthority, createSigner } from '../oidc/bearer-parts.ts'
import { fixture } from './import-kong-parts.ts'
import { runCommand, runProgram } from './program.ts'

const authority = await createAuthority(t)
const signer = await createSigner()
authority.keys = [signer.jwk]
const api = { discovery: authority.discovery, client_id: 'api', bearer_only: true, use_jwks: true, audience: 'api' }
const site = { discovery: authority.discovery, client_id: 'site', client_secret: 'a secret', session: { secret: 'a session secret that is long enough', storage: 'redis', redis: { host: '127.0.0.1', port: 1 } } }
const upstream = 'http://127.0.0.1:1'
const ENVIRONMENT = { SESSION_SECRET: 'a secret of more than thirty-two bytes, for tests' }
const configuration = {
  routes: [
    { uri: '/open/*', upstream },
    { uri: '/api/*', host: 'api.example', upstream, plugins: { 'openid-connect': { ...api, required_scopes: ['read', 'write'], skip_auth_routes: ['^/api/public$'] } } },
    { uri: '/api/admin/*', host: 'api.example', methods: ['POST'], upstream, plugins: { 'openid-connect': { ...api, allowed_groups: ['admin'], max_age: 60 } } },
    { uri: '/*', upstream, plugins: { 'openid-connect': { ...site, allowed_email_domains: ['example.com'] } } }
  ]
}

async function explain (t: Test, args: readonly string[], files: Record<string, string> = {}) {
  const folder = t.testdir({ 'gateway.json': JSON.stringify(configuration), ...files })
  const told = await runCommand(['explain', '-c', join(folder, ['apisix.yaml', 'kong.sh', 'kong.yaml'].find(name => Object.hasOwn(files, name)) ?? 'gateway.json'), ...args.map(arg => Object.hasOwn(files, arg) ? join(folder, arg) : arg)], ENVIRONMENT)
  return { ...told, json: () => JSON.parse(told.out) as Record<string, unknown> }
}

const token = async (claims: object = {}): Promise<string> => await signer.sign(claimsFor(authority, { sub: 'a-subject-nobody-needs', ...claims }))
const at = (path: string, ...more: readonly string[]): string[] => ['--route', path, '--host', 'api.example', ...more]

t.test('a token is verified as the gateway would, and the rule that refuses says what it found', async t => {
  const short = await token({ scope: 'openid read' })
  const refused = await explain(t, at('/api/x?a=1', '--token', short))
  t.equal(refused.code, 1)
  t.match(refused.out, /^request {2}GET api\.example\/api\/x\?a=1\nroute {4}routes\[1\]\nrequires required_scopes: all of read, write\n {9}audience: api\ncaller {3}a bearer token, verified\nverdict {2}refused: 403 FST_OIDC_INSUFFICIENT_SCOPE\nbecause {2}required_scopes misses write; found openid, read\n$/)
  t.notMatch(refused.out + refused.err, short.split('.')[2] ?? short)
  t.notMatch(refused.out, /a-subject-nobody-needs/, 'claims that no rule looks at are not shown')
  const good = await explain(t, at('/api/x', '--token-file', 'token'), { token: `${await token({ scope: 'read write' })}\n` })
  t.equal(good.code, 0)
  t.match(good.out, /verdict {2}passes\nbecause {2}every requirement is met/)
  const other = await explain(t, at('/api/x', '--json', '--token', await token({ scope: 'read write', aud: 'other' })))
  t.match(other.json(), { route: 'routes[1]', verdict: 'refuse', status: 403, code: 'FST_OIDC_AUDIENCE_MISMATCH', required: { audience: 'api' }, refusal: { option: 'audience', found: ['other'] }, via: 'bearer', verified: true })
})

t.test('a token that does not hold is refused for why it does not', async t => {
  const expired = await explain(t, at('/api/x', '--token', await token({ iat: 1, exp: 2 })))
  t.equal(expired.code, 1)
  t.match(expired.out, /refused: 401 FST_OIDC_BEARER_INVALID\nbecause {2}The access token has expired/)
  const garbage = await explain(t, at('/api/x', '--token', 'not-a-token'))
  t.match(garbage.out, /because {2}The access token is not valid: .*it is not a JWT/)
  t.notMatch(garbage.out, /not-a-token/)
  const nobody = await explain(t, at('/api/x'))
  t.match([nobody.code, nobody.out], [1, /caller {3}nobody\nverdict {2}refused: 401 FST_OIDC_UNAUTHENTICATED/])
})

t.test('claims of a file are judged and not verified, for a session where tokens are not looked at', async t => {
  const files = { 'claims.json': JSON.stringify({ iss: 'https://anybody.example', sub: 'eve', aud: 'api', scope: 'read', groups: ['users'], email: 'eve@evil.example' }) }
  const bearer = await explain(t, at('/api/x', '--claims', 'claims.json'), files)
  t.match([bearer.code, bearer.out], [1, /caller {3}claims, NOT verified.*judged as a bearer token\n[^]*required_scopes misses write; found read/])
  const session = await explain(t, ['--route', '/page', '--claims', 'claims.json'], files)
  t.match([session.code, session.out], [1, /route {4}routes\[3\]\n[^]*judged as a session\nverdict {2}refused: 403 FST_OIDC_EMAIL_REFUSED\nbecause {2}allowed_email_domains wants one of example\.com; found eve@evil\.example/])
  t.match((await explain(t, ['--route', '/page', '--json', '--claims', 'claims.json'], files)).json(), { verified: false, via: 'session' })
  const groups = await explain(t, at('/api/admin/x', '--method', 'post', '--claims', 'claims.json'), files)
  t.match(groups.out, /route {4}routes\[2\]\n[^]*allowed_groups wants one of admin; found users/)
  const old = await explain(t, at('/api/admin/x', '--method', 'POST', '--claims', 'old.json'), { 'old.json': JSON.stringify({ aud: 'api', groups: ['admin'], auth_time: 1 }) })
  t.match([old.code, old.out], [1, /refused: 401 FST_OIDC_STEP_UP_REQUIRED/])
})

t.test('the route is the one that the gateway takes, by path, method and host', async t => {
  const route = async (...args: string[]) => { const { code, json } = await explain(t, [...args, '--json']); return [code, json().route, json().reason] }
  t.strictSame(await route('--route', '/open/x'), [0, 'routes[0]', 'the route is open to everyone'])
  t.match(await route(...at('/api/admin/x')), [1, 'routes[1]'], 'another method goes on to the next')
  t.match(await route('--route', '/api/x', '--host', 'other.example'), [1, 'routes[3]'])
  t.match(await route('--route', '/ping'), [0, 'health', 'the gateway itself answers here'])
  t.match(await route(...at('/api/public')), [0, 'routes[1]', /^a rule lets it pass \(skip_auth_routes: \^\/api\/public\$\)/])
  t.match(await route('--route', '/page'), [1, 'routes[3]', /a person is sent to the login/])
  t.match(await route('--route', '/page', '--token', 'x'), [1, 'routes[3]', /^no bearer token is looked at here/])
})

t.test('what is typed wrong is 2, and nothing is asked', async t => {
  const bad: Array<[string[], RegExp]> = [
    [[], /--route PATH is missing/],
    [['--route', 'x'], /--route must be a path/],
    [['--route', '/', '--method', 'FETCH'], /--method must be one of/],
    [['--route', '/', '--host', 'a b'], /--host must be a name/],
    [['--route', '/', '--token', 'x', '--claims', 'y'], /--token and --claims do not go together/],
    [['--route', '/', '--claims', 'missing.json'], /cannot be read \(ENOENT\)/],
    [['--route', '/', '--claims', 'list.json'], /must name a file of JSON/],
    [['--route', '/', '--token-file', 'empty'], /is empty/],
    [['--route', '/', '--sub', 'x'], /--sub is for sessions/],
    [['--route', '/', '--token', '--json'], /--token needs a value/]
  ]
  for (const [args, expected] of bad) t.match(await explain(t, args, { 'list.json': '[]', empty: '\n' }), { code: 2, err: expected, out: '' }, String(expected))
  t.match(await runProgram(t, ['explain', '-c', '/no/such/gateway.yaml', '--route', '/']), { code: 2, out: '', err: /cannot be read/ })
  t.match(await runCommand(['check', '-c', 'x', '--token', 'y']), { code: 2, err: /--token is for explain/ })
})

t.test('a provider that cannot be asked is said, and foreign files are explained too', async t => {
  const down = { routes: [{ uri: '/*', upstream, plugins: { 'openid-connect': { ...api, discovery: 'http://127.0.0.1:1/.well-known/openid-configuration' } } }] }
  const answer = await explain(t, ['--route', '/', '--token', await token()], { 'gateway.json': JSON.stringify(down) })
  t.match([answer.code, answer.out], [1, /refused: 503 FST_OIDC_PROVIDER_UNAVAILABLE/])
  const foreign = `routes:\n  - id: 1\n    uri: /*\n    upstream: { type: roundrobin, nodes: { "127.0.0.1:1": 1 } }\n    plugins:\n      openid-connect: { client_id: api, client_secret: s, discovery: "${authority.discovery}", bearer_only: true, use_jwks: true, required_scopes: [write] }\n#END\n`
  const apisix = await explain(t, ['--from', 'apisix', '--route', '/x', '--token', await token()], { 'apisix.yaml': foreign })
  t.match([apisix.code, apisix.out], [1, /required_scopes misses write; found openid, read/])
})

t.test('the commands of Kong\'s guide are explained as they stand, and a file of decK by its routes', async t => {
  const commands = readFileSync(fixture('okta.sh'), 'utf8').replace(/https:\/\/YOUR_OKTA_DOMAIN\S+openid-configuration/, authority.discovery)
  const required = `${commands}\ncurl -X PATCH http://admin.kong.example/plugins/x ${['openid', 'email', 'profile'].map(name => `-d config.scopes_required=${name}`).join(' ')}\n`
  const files = (claims: object, commands = required): Record<string, string> => ({ 'kong.sh': commands, 'claims.json': JSON.stringify({ sub: 'vader', ...claims }) })
  const ask = (claims: object, commands?: string) => explain(t, ['--from', 'kong', '--route', '/api', '--claims', 'claims.json'], files(claims, commands))
  const none = await ask({ scp: ['offline_access'] })
  t.match([none.code, none.out], [1, /requires required_scopes: one of openid, email, profile\n[^]*judged as a session\nverdict {2}refused: 403 FST_OIDC_INSUFFICIENT_SCOPE\nbecause {2}required_scopes wants one of openid, email, profile; found offline_access\n/])
  t.match(none.err, /kong\.sh:1:1 {2}note {2}the file has a plugin and no routes: it is looked at as if it guarded what --route asks for/)
  t.equal((await ask({ scp: ['email'] })).code, 0)
  t.equal((await explain(t, ['--from', 'kong', '--route', '/a%20b:c?x=1', '--claims', 'claims.json'], files({ scp: ['email'] }))).code, 0)
  const mapped = `${commands}\n${readFileSync(fixture('okta-consumers.sh'), 'utf8')}`
  t.match((await ask({}, mapped)).out, /refused: 403 FST_OIDC_CONSUMER_UNMAPPED\nbecause {2}consumer\.claims lead to nobody by custom_id; found vader/)
  t.equal((await ask({ sub: 'e5634b31-d67f-4661-a6fb-b6cb77849bcf' }, mapped)).code, 0)
  const deck = `services: [{ name: a, url: "http://127.0.0.1:1", routes: [{ name: r, paths: [/shop], plugins: [{ name: openid-connect, config: { issuer: "${authority.discovery}", client_id: [a], client_secret: [b], auth_methods: [authorization_code], groups_required: [staff] } }] }] }]`
  const refused = await explain(t, ['--from', 'kong', '--route', '/shop/x', '--claims', 'claims.json'], { 'kong.yaml': deck, 'claims.json': '{"sub":"x","groups":["guests"]}' })
  t.match([refused.code, refused.out], [1, /because {2}allowed_groups misses staff; found guests/])
  t.match((await explain(t, ['--from', 'kong', '--route', '/elsewhere', '--claims', 'claims.json'], { 'kong.yaml': deck, 'claims.json': '{}' })).out, /404/)
})

t.test('what came from a reference is shown as the reference, and never what is said about it', async t => {
  const written = { uri: '/*', upstream, plugins: { 'openid-connect': { ...site, allowed_groups: ['$ENV://G', 'staff'], unauth_action: '$ENV://A' } } }
  const folder = t.testdir({ 'gateway.json': JSON.stringify({ routes: [written] }), 'claims.json': '{"sub":"x","groups":["guests"]}', 'member.json': '{"sub":"x","groups":["staff"]}' })
  const values = ['a"secret', 'two\nlines', 'refuse', 'true', 'group', 'routes[0]', 'route']
  for (const value of values) {
    const ask = async (...args: string[]) => await runCommand([...args, '-c', join(folder, 'gateway.json'), '--json'], { ...ENVIRONMENT, G: value, A: 'pass' })
    const refused = await ask('explain', '--route', '/x', '--claims', join(folder, 'claims.json'))
    t.equal(refused.err, '')
    t.match(JSON.parse(refused.out), { method: 'GET', route: 'routes[0]', verdict: 'refuse', status: 403, required: { allowed_groups: 'one of $ENV://G, staff' }, refusal: { option: 'allowed_groups', unmet: 'any_of', names: ['$ENV://G', 'staff'], found: ['guests'] }, via: 'session', verified: false }, value)
    t.match(JSON.parse((await ask('explain', '--route', '/x', '--claims', join(folder, 'member.json'))).out), { verdict: 'pass', status: null })
    t.match(JSON.parse((await ask('routes')).out), { kind: 'route', route: 'routes[0]', open: false, unauth_action: '$ENV://A', policy: { allowed_groups: ['$ENV://G', 'staff'] } }, value)
    if (value.includes('secret') || value.includes('lines')) t.notMatch(refused.out, /secret|lines/)
  }
})
