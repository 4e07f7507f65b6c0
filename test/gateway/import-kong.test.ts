import t from 'tap'
import { readFileSync } from 'node:fs'
import { parseForm } from '../../packages/gateway/src/importers/kong/form.ts'
import { NAMES, ROWS } from '../../packages/gateway/src/importers/kong/table.ts'
import { parseConfiguration } from 'fastify-oidc-gateway'
import { blockOf, CONFIG, deck, fixture, refusals, told, translate } from './import-kong-parts.ts'

const GUIDE = readFileSync(fixture('okta.sh'), 'utf8')
const CONSUMERS = readFileSync(fixture('okta-consumers.sh'), 'utf8')
const PLACE = { route: '/api', upstream: 'http://127.0.0.1:8080' }

function form (text: string): unknown {
  const parsed = parseForm(text)
  return parsed.kind === 'parsed' ? parsed.document.value : parsed.problems.map(({ message, position }) => `${position?.line ?? '-'}: ${message}`)
}

t.test('the guide\'s curl command is read as it stands', async t => {
  const imported = translate(form(GUIDE), PLACE)
  t.equal(refusals(imported), '')
  t.match(imported.value.routes, [{ uris: ['/api', '/api/*'], upstream: { nodes: { '127.0.0.1:8080': 1 }, pass_host: 'node' } }])
  t.strictSame(blockOf(imported), {
    security_profile: 'oauth2.1',
    set_access_token_header: true,
    access_token_in_authorization_header: true,
    set_id_token_header: false,
    set_userinfo_header: false,
    discovery: 'https://YOUR_OKTA_DOMAIN/oauth2/YOUR_AUTH_SERVER/.well-known/openid-configuration',
    client_id: 'YOUR_CLIENT_ID',
    client_secret: 'YOUR_CLIENT_SECRET',
    auth_methods: ['authorization_code'],
    redirect_uri: 'https://kong.com/api',
    scopes_claim: 'scp',
    scope: 'openid email profile',
    session: { secret: '$ENV://SESSION_SECRET', idling_timeout: 900, cookie_secure: true },
    consumer: { set_headers: true }
  })
  t.match(told(imported), /redirect_uri: approximated, .*303 to the clean address/)
  t.match(told(imported), /note, scopes_required is not written: scopes are asked for, and none of them is required/)
  t.match(told(imported), /note, a refusal does not end a session here/)
  t.match(refusals(translate(form(GUIDE))), /: refused, has a plugin and no routes: --route PATH and --upstream URL/)
})

t.test('POST /consumers/ and PATCH are laid over the plugin before them', async t => {
  const imported = translate(form(`${GUIDE}\n${CONSUMERS}`), PLACE)
  t.equal(refusals(imported), '')
  t.strictSame(blockOf(imported).consumer, { by: ['custom_id'], claims: ['sub'], set_headers: true, list: [{ username: 'Yoda', custom_id: 'e5634b31-d67f-4661-a6fb-b6cb77849bcf' }] })
  t.match(form(CONSUMERS), [/^5: changes plugins OIDC_PLUGIN_ID, of which nothing stands before it/])
  const changed = translate(form(`${GUIDE}\ncurl -X PATCH http://admin/plugins/x -d config.scopes=openid --data-urlencode 'config.consumer_optional=true'`), PLACE)
  t.match(blockOf(changed), { scope: 'openid', consumer: { optional: true } }, 'what comes again replaces what was there')
})

t.test('form data stand alone too, encoded or in lines, and JSON in curl', async t => {
  const rows = [
    'name=openid-connect&config.issuer=https%3A%2F%2Fidp.example%2Foauth2%2Fas&config.client_id=app&config.client_secret=a%26b&config.auth_methods=authorization_code&config.scopes[]=openid&config.scopes[]=email',
    '# a comment\nname=openid-connect\nconfig.issuer=https://idp.example/oauth2/as\nconfig.client_id=app\nconfig.client_secret=a&b\nconfig.auth_methods=authorization_code\nconfig.scopes[1]=openid\nconfig.scopes[2]=email\n',
    "--data name=openid-connect \\\n --data config.issuer=https://idp.example/oauth2/as -d config.client_id=app -d 'config.client_secret=a&b' \\\n -d config.auth_methods=authorization_code -d config.scopes=openid --data=config.scopes=email",
    `curl --url http://admin/plugins -H 'Content-Type: application/json' --data '${JSON.stringify({ name: 'openid-connect', config: { ...CONFIG, client_secret: 'a&b', scopes: ['openid', 'email'] } })}'`
  ]
  for (const text of rows) t.match(blockOf(translate(form(text), PLACE)), { discovery: 'https://idp.example/oauth2/as/.well-known/openid-configuration', client_id: 'app', client_secret: 'a&b', scope: 'openid email' }, text)
})

t.test('what is no form is told with its line', async t => {
  const rows: Array<[string, RegExp]> = [
    ['curl http://admin/plugins --data "name=x', /quotation that does not end/],
    ['\ncurl -X DELETE http://admin/plugins/1', /^2: is DELETE/],
    ['curl http://admin/plugins', /^1: is GET/],
    ['curl -d a=b', /^1: is a curl command without an address/],
    ['curl http://admin/plugins -d @file', /^1: reads data from another file/],
    ['curl http://admin/certificates -d a=b', /^1: is for \/certificates, which this importer does not know/],
    ['hello', /^1: is neither a curl command nor form data/],
    ['a=%zz', /^1: has a percent sign/],
    ["curl http://admin/plugins -d '{x'", /^1: has data that begins like JSON and is none/]
  ]
  for (const [text, expected] of rows) t.match(form(text), [expected], text)
  t.equal(JSON.stringify(form('__proto__.polluted=1&constructor.prototype.polluted=1')), '{"plugins":[{"__proto__":{"polluted":"1"},"constructor":{"prototype":{"polluted":"1"}}}]}')
  t.equal(({} as Record<string, unknown>).polluted, undefined)
})

t.test('a file of decK: services, routes, plugins at each level, consumers, acl', async t => {
  const parsed = parseConfiguration(readFileSync(fixture('deck.yaml'), 'utf8'), 'yaml')
  const imported = translate(parsed.kind === 'parsed' ? parsed.document.value : null)
  t.equal(refusals(imported), '')
  const [shop, assets, fixed, open] = imported.value.routes
  t.match(shop, { name: 'shop', hosts: ['shop.example.com'], methods: ['GET', 'POST'], uris: ['/shop', '/shop/*'], rewrite_prefix: { from: '/shop', to: '/v1' }, upstream: { nodes: { 'shop.internal:8443': 1 }, scheme: 'https', pass_host: 'node', timeout: { connect: 5, read: 30 } } })
  t.match(blockOf(imported), { required_scopes: { any_of: ['openid', 'email', 'profile'] }, scopes_claim: 'scp', groups_claim: 'groups', allowed_groups: { any_of: ['staff', 'audit'], none_of: ['interns'] }, timeout: 5, session: { secret: '$ENV://SESSION_SECRET', absolute_timeout: 7200 } })
  t.strictSame(blockOf(imported).consumer, { claims: ['sub'], anonymous: 'guest', by: ['custom_id', 'username'], set_headers: true, list: [{ username: 'Yoda', custom_id: 'e5634b31-d67f-4661-a6fb-b6cb77849bcf', tags: ['jedi'], groups: ['council'] }, { id: '6d4f1a4c-9f6e-4f7e-8d53-8c3a6d2f2a11', username: 'guest' }] })
  t.match(assets, { uris: ['/assets', '/assets/*'], rewrite_prefix: { from: '/', to: '/v1' }, upstream: { pass_host: 'pass' }, plugins: {} }, 'the disabled plugin of the route does not take away that of its service')
  t.strictSame(fixed?.uris, ['/static/*'])
  t.match(open, { uris: ['/open', '/open/*'], rewrite_prefix: { from: '/open', to: '/' }, upstream: { nodes: { 'open.internal:8080': 1 } } })
  t.equal(open?.plugins, undefined)
  const report = told(imported)
  t.match(report, /scopes_required: exact, .*"or" in Kong: one of them is enough. Write \{ all_of: \[openid, email, profile\] \}/)
  t.match(report, /consumer_by is not written, and means custom_id, then username/)
  t.match(report, /keyauth_credentials: approximated/)
  t.notMatch(report, /not-for-the-report/)
})

t.test('nothing is dropped without a word', async t => {
  const rows: Array<[root: unknown, expected: RegExp]> = [
    [deck({ isuer: 'x' }), /isuer: refused, is not an option that this importer knows; did you mean issuer\?/],
    [deck({}, { vaults: [] }), /vaults: refused, has no counterpart/],
    [deck({}, { plugin: [] }), /plugin: refused, .*did you mean plugins\?/],
    [deck({}, { plugins: [{ name: 'rate-limiting', config: {} }] }), /plugins\.0: refused, is rate-limiting, which has no counterpart.*--ignore-plugin rate-limiting/],
    [deck({ redirect_uri: ['https://a/x', 'https://b/x'] }), /redirect_uri: refused, must be one URL/],
    [deck({ client_id: ['a', 'b'] }), /client_id: refused/],
    [deck({ auth_methods: ['bearer'] }), /auth_methods: refused, has bearer without audience_required/],
    [deck({ auth_methods: ['authorization_code', 'password'] }), /auth_methods: refused, has password without audience_required/],
    [deck({ auth_methods: ['authorization_code', 'refresh_token'] }), /auth_methods: refused, has refresh_token, which has no counterpart: a refresh token that travels/],
    [deck({ auth_methods: ['password'], audience_required: ['api'], password_param_type: ['query', 'body'] }), /password_param_type: refused, must have header/],
    [deck({ auth_methods: ['authorisation_code'] }), /did you mean authorization_code/],
    [deck({ auth_methods: ['session'] }), /session without authorization_code/],
    [deck({ login_action: 'response' }), /login_action: refused/],
    [deck({ by_username_ignore_case: true }), /by_username_ignore_case: refused/],
    [deck({ verify_signature: false }), /verify_signature: refused/],
    [deck({ upstream_access_token_header: 'x-token:bearer' }), /upstream_access_token_header: refused/],
    [deck({ roles_required: ['admin'] }), /roles_required: refused/],
    [deck({ issuer: null }), /issuer: refused, must be one URL/],
    [deck({}, { services: [{ name: 'a', url: 'http://a', routes: [{ paths: ['~/x$'] }] }] }), /paths: refused, has a regular expression/],
    [deck({}, { services: [{ name: 'a', url: 'http://a', routes: [{ paths: ['/x'], headers: { a: ['b'] } }] }] }), /headers: refused/],
    [deck({}, { routes: [{ paths: ['/x'], service: 'nowhere' }] }), /routes\.0: refused, has no service/],
    [deck({}, { plugins: [{ name: 'openid-connect', consumer: 'Yoda', config: CONFIG }] }), /consumer: refused/],
    [deck({}, { plugins: [{ name: 'acl', config: { allow: ['a'] } }] }), /config: refused, asks for groups of consumers: set authenticated_groups_claim/],
    [[], /: refused, must be an object/]
  ]
  for (const [root, expected] of rows) t.match(refusals(translate(root)), expected)
  t.equal(refusals(translate(deck({}, { plugins: [{ name: 'rate-limiting', config: {} }] }), { ignored: ['rate-limiting'] })), '')
})

t.test('absent auth_methods are said to mean all, and taken for sessions and logins', async t => {
  const imported = translate(deck({ auth_methods: null }))
  t.match(told(imported), /note, auth_methods is not written, and means all nine in Kong/)
  t.notOk('use_jwks' in blockOf(imported))
  t.match(blockOf(translate(deck({ auth_methods: ['bearer'], audience_required: ['api'] }))), { use_jwks: true, bearer_only: true, auth_methods: ['bearer'], audience: { all_of: ['api'] } })
  t.notOk('introspection_endpoint' in blockOf(translate(deck({ introspection_endpoint: 'https://idp.example/introspect' }))), 'an address lets no tokens in')
  t.match(blockOf(translate(deck({ auth_methods: ['introspection'], audience_required: ['api'], introspection_endpoint: 'https://idp.example/introspect' }))), { introspection_endpoint: 'https://idp.example/introspect', bearer_only: true })
  const { session } = blockOf(translate(deck({ auth_methods: ['bearer'], audience_required: ['api'] })))
  t.equal(session, undefined)
})

t.test('passwords and clients with their secrets are taken as in Kong, from the header alone', async t => {
  const imported = translate(deck({ auth_methods: ['password', 'client_credentials'], audience_required: ['api'], password_param_type: ['header', 'query', 'body'], client_credentials_param_type: ['header'] }))
  t.equal(refusals(imported), '')
  t.match(blockOf(imported), { use_jwks: true, bearer_only: true, auth_methods: ['password', 'client_credentials'], audience: { all_of: ['api'] } })
  t.match(told(imported), /auth_methods: exact, is auth_methods here, with use_jwks, and bearer_only/)
  t.match(told(imported), /note, names and passwords, .*Authorization: Basic alone/)
  t.match(told(imported), /password_param_type: approximated, is Authorization alone here/)
  t.match(told(imported), /client_credentials_param_type: exact/)
  const introspecting = blockOf(translate(deck({ auth_methods: ['client_credentials', 'introspection', 'authorization_code'], audience_required: ['api'], introspection_endpoint: 'https://idp.example/introspect' })))
  t.match(introspecting, { auth_methods: ['client_credentials', 'introspection', 'authorization_code'], use_jwks: undefined })
  t.match(told(translate(deck({ auth_methods: ['authorization_code'], password_param_type: ['query'] }))), /password_param_type: exact, has no effect/)
})

t.test('answers and bodies of the Admin API are read', async t => {
  const plugin = { id: 'p', name: 'openid-connect', config: CONFIG, enabled: true, protocols: ['http', 'https'], created_at: 1, route: { id: 'r' }, service: null, consumer: null, tags: null }
  t.equal(refusals(translate(plugin, PLACE)), '')
  t.equal(refusals(translate({ data: [plugin, { username: 'Yoda', custom_id: '1' }], next: null }, PLACE)), '')
  t.match(refusals(translate({ data: [{}] }, PLACE)), /data\.0: refused, is neither/)
})

t.test('the table names each option once, and each says what becomes of it', async t => {
  t.equal(new Set(NAMES).size, NAMES.length)
  for (const { name, kind, target, says } of ROWS) t.ok(kind === 'exact' ? target !== null : says !== '', name)
})
