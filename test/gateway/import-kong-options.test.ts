import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseForm } from '../../packages/gateway/src/importers/kong/form.ts'
import { loadForeignFile } from '../../packages/gateway/src/importers/foreign-file.ts'
import { NAMES } from '../../packages/gateway/src/importers/kong/table.ts'
import { blockOf, CONFIG, deck, fixture, refusals, told, translate } from './import-kong-parts.ts'

const DEFAULTS = JSON.parse(readFileSync(fixture('defaults.json'), 'utf8')) as Record<string, unknown>
const ENVIRONMENT = { SESSION_SECRET: 'a secret of more than thirty-two bytes, for tests' }
const PLACE = { route: '/api', upstream: 'http://127.0.0.1:8080' }

t.test('a dump that writes every option of the plugin with its default is what the minimum is', async t => {
  t.same(Object.keys(DEFAULTS).filter(name => !NAMES.includes(name)), [], 'every option of Kong 3.15 is known')
  const dumped = translate(deck({ ...DEFAULTS, ...CONFIG }))
  t.equal(refusals(dumped), '')
  const { session, consumer, ...written } = blockOf(translate(deck()))
  const { session: dumpedSession, consumer: dumpedConsumer, ...rest } = blockOf(dumped)
  t.match(rest, written)
  t.match(dumpedSession, session as object)
  t.match(dumpedConsumer, consumer as object)
  for (const name of ['required_scopes', 'allowed_groups', 'groups_claim', 'required_claims', 'audience', 'max_age', 'authorization_params', 'par']) t.notOk(name in rest, name)
  const folder = t.testdir({ 'kong.json': JSON.stringify(deck({ ...DEFAULTS, ...CONFIG })) })
  const { checked } = await loadForeignFile(join(folder, 'kong.json'), { from: 'kong', ignorePlugins: [] }, { environment: ENVIRONMENT, allowUnset: false })
  t.equal(checked.kind, 'valid', JSON.stringify(checked))
})

t.test('what an option means is what stands in the block', async t => {
  const BEARER = { auth_methods: ['bearer'], audience_required: ['api'] }
  const rows: Array<[config: Record<string, unknown>, block: Record<string, unknown>]> = [
    [{ scopes_required: ['read write'], scopes_claim: ['scp'] }, { required_scopes: { all_of: ['read', 'write'] }, scopes_claim: 'scp' }],
    [{ scopes_required: ['read write', 'admin'] }, { required_scopes: { any_of: ['read write', 'admin'] }, scopes_claim: 'scope' }],
    [{ scopes_required: ['read'], scopes_claim: ['resource', 'scp'] }, { scopes_claim: ['resource', 'scp'] }],
    [{ scopes_required: ['read'], scopes_claim: ['https://idp.example/scopes'] }, { scopes_claim: ['https://idp.example/scopes'] }],
    [{ groups_required: ['staff', 'audit'], groups_claim: ['realm_access', 'roles'] }, { allowed_groups: { any_of: ['staff', 'audit'] }, groups_claim: ['realm_access', 'roles'] }],
    [{ groups_required: ['staff audit'], authenticated_groups_claim: ['groups'] }, { allowed_groups: { all_of: ['staff', 'audit'] }, groups_claim: 'groups' }],
    [{ groups_claim: ['groups'], authenticated_groups_claim: ['realm_access', 'roles'] }, { groups_claim: ['realm_access', 'roles'] }],
    [{ ...BEARER, audience_required: ['a', 'b'] }, { audience: { any_of: ['a', 'b'] } }],
    [{ ...BEARER, audience_claim: ['audiences'] }, { claim_validator: { audience: { claim: 'audiences' } } }],
    [{ ...BEARER, bearer_token_param_type: ['body', 'header', 'query'] }, { use_jwks: true, bearer_only: true }],
    [{ consumer_claim: ['realm', 'user'] }, { consumer: { claims: [['realm', 'user']], by: ['custom_id', 'username'] } }],
    [{ consumer_claims: [['sub'], ['user', 'id'], ['https://x.example/id']] }, { consumer: { claims: ['sub', ['user', 'id'], ['https://x.example/id']] } }],
    [{ consumer_claim: 'sub', consumer_by: ['id'], credential_claim: ['urn:x', 'id'] }, { consumer: { claims: ['sub'], by: ['id'], credential_claim: ['urn:x', 'id'] } }],
    [{ max_age: 300 }, { max_age: 300 }],
    [{ domains: ['corp.example'], claims_forbidden: ['admin'] }, { required_claims: { allOf: [{ properties: { hd: { enum: ['corp.example'] } }, required: ['hd'] }, { not: { anyOf: [{ required: ['admin'] }] } }] } }],
    [{ audience: ['https://api.example'], authorization_query_args_names: ['prompt'], authorization_query_args_values: ['login'] }, { authorization_params: { audience: 'https://api.example', prompt: 'login' } }],
    [{ require_pushed_authorization_requests: true, pushed_authorization_request_endpoint: 'https://idp.example/par' }, { par: { enabled: true, endpoint: 'https://idp.example/par' } }],
    [{ redirect_uri: ['https://app.example/api'] }, { redirect_uri: 'https://app.example/api', session: { cookie_secure: true } }],
    [{ redirect_uri: ['https://app.example/api'], session_cookie_secure: false }, { session: { cookie_secure: false } }],
    [{ jwks_endpoint: 'https://idp.example/keys', refresh_tokens: false, run_on_preflight: false }, { jwks_uri: 'https://idp.example/keys', renew_access_token_on_expiry: false, skip_auth_preflight: true }],
    [{ session_storage: 'redis', redis: { host: 'redis.internal', port: 6380, database: 1, password: 'secret', ssl: true, keepalive_pool_size: 256 } }, { session: { storage: 'redis', redis: { host: 'redis.internal', port: 6380, database: 1, password: 'secret', ssl: true } } }],
    [{ session_storage: 'redis', redis: { host: '127.0.0.1', sentinel_master: 'm', sentinel_nodes: [{ host: 's', port: 26379 }] } }, { session: { redis: { master_name: 'm', sentinels: [{ host: 's', port: 26379 }] } } }]
  ]
  for (const [config, block] of rows) {
    const imported = translate(deck(config))
    t.equal(refusals(imported), '', JSON.stringify(config))
    t.match(blockOf(imported), block, JSON.stringify(config))
  }
  t.notOk('cookie_secure' in (blockOf(translate(deck({ redirect_uri: ['http://localhost/api'] }))).session as object))
  t.notOk('redis' in (blockOf(translate(deck({ redis: { host: 'elsewhere' }, session_redis_host: 'elsewhere' }))).session as object), 'where sessions are in cookies')
})

t.test('what would let in others than Kong does is refused, and says what to write', async t => {
  const BEARER = { auth_methods: ['bearer'], audience_required: ['api'] }
  const rows: Array<[config: Record<string, unknown>, expected: RegExp]> = [
    [{ scopes_required: ['openid, email, profile'] }, /scopes_required: refused, has a comma in "openid, email, profile".*an entry of its own/],
    [{ groups_required: ['Domain Admins', 'staff'] }, /groups_required: refused, has "Domain Admins" among several, of which Kong wants every word/],
    [{ groups_required: ['staff'], authenticated_groups_claim: ['roles'] }, /groups_required: refused, reads another claim/],
    [{ groups_required: ['staff'], groups_claim: ['a'], authenticated_groups_claim: ['b'] }, /groups_required: refused, reads another claim/],
    [{ ...BEARER, audience_claim: ['a', 'b'] }, /audience_claim: refused, is a path/],
    [{ ...BEARER, bearer_token_param_type: ['cookie'] }, /bearer_token_param_type: refused/],
    [{ ...BEARER, bearer_token_header_name: 'x-token' }, /bearer_token_header_name: refused/],
    [{ ...BEARER, introspect_jwt_tokens: true }, /introspect_jwt_tokens: refused/],
    [{ audience_required: ['api'] }, /audience_required: refused, is for bearer tokens here/],
    [{ audience: ['a', 'b'] }, /audience: refused, must be one/],
    [{ max_age: 0 }, /max_age: refused/],
    [{ principals: { enabled: true } }, /principals: refused/],
    [{ session_bind: ['ip'] }, /session_bind: refused/],
    [{ jwt_session_cookie: 'x' }, /jwt_session_cookie: refused/],
    [{ token_exchange: { subject_token_issuers: [] } }, /token_exchange: refused/],
    [{ token_post_args_names: ['a'], token_post_args_values: ['b'] }, /token_post_args_names: refused/],
    [{ upstream_headers: [{ header: 'x', path: ['sub'] }] }, /upstream_headers: refused/],
    [{ session_storage: 'redis', redis: { cluster_nodes: [{ ip: 'a', port: 1 }] } }, /redis\.cluster_nodes: refused/],
    [{ require_signed_request_object: true }, /require_signed_request_object: refused/]
  ]
  for (const [config, expected] of rows) t.match(refusals(translate(deck(config))), expected, JSON.stringify(config))
})

t.test('acl is decided by a claim where Kong has it decided by one, and is refused where consumers have groups of their own', async t => {
  const acl = (config: object, guard: Record<string, unknown> = {}): ReturnType<typeof translate> =>
    translate(deck({ authenticated_groups_claim: ['groups'], ...guard }, { plugins: [{ name: 'acl', route: 'api', config }] }))
  t.match(blockOf(acl({ allow: ['staff'], deny: ['interns'] })), { groups_claim: 'groups', allowed_groups: { any_of: ['staff'], none_of: ['interns'] } })
  t.match(blockOf(acl({ whitelist: ['staff'] })), { allowed_groups: { any_of: ['staff'] } })
  const denied = acl({ deny: ['interns'] }, { authenticated_groups_claim: ['realm_access', 'roles'], claims_forbidden: ['bot'] })
  t.match(blockOf(denied).allowed_groups, { none_of: ['interns'] })
  t.match(JSON.stringify(blockOf(denied).required_claims), '{"type":"object","required":["realm_access"],"properties":{"realm_access":{"type":"object","required":["roles"]', 'who has no groups at all does not pass in Kong either')
  t.equal(refusals(denied), '')
  const mapped = { consumer_claim: ['sub'] }
  t.match(refusals(acl({ allow: ['staff'] }, mapped)), /config: refused, looks at the acls of whoever is a consumer/)
  t.equal(refusals(acl({ allow: ['staff'], always_use_authenticated_groups: true }, mapped)), '')
  t.match(refusals(acl({ allow: ['staff'] }, { authenticated_groups_claim: null })), /set authenticated_groups_claim/)
  t.match(refusals(acl({ allow: [] })), /has neither allow nor deny/)
  t.match(refusals(acl({ allow: ['a'], allow_when: ['true'] })), /allow_when: refused, is not an option of acl that this importer knows/)
  t.match(refusals(acl({ allow: ['a'] }, { groups_required: ['b'] })), /stands beside groups_required/)
})

t.test('the report names every difference that no option stands for', async t => {
  const report = told(translate(deck({ consumer_claim: 'sub', auth_methods: null })))
  for (const expected of [
    /auth_methods is not written, and means all nine in Kong/,
    /a refusal does not end a session here: Kong logs out whoever is answered with 401 or 403/,
    /the request that brings the provider's code is not passed on to the upstream: it is answered with 303/,
    /redirect_uri is not written, .*answers come to \/\.apisix\/redirect/,
    /what scripts and other programs ask gets 401/,
    /session_secret is not written/,
    /consumer_by is not written/,
    /certificate is verified/,
    /does not say where to listen/
  ]) t.match(report, expected)
  t.match(told(translate(deck({ scopes_required: ['a', 'b'], forbidden_destroy_session: true, login_action: 'upstream', anonymous: 'x', consumer_claim: 'sub' }))), /forbidden_destroy_session: approximated, is left out: a 403 does not end the session here[^]*login_action: approximated, .*303[^]*anonymous: approximated/)
  const bearer = told(translate(deck({ auth_methods: ['bearer'], audience_required: ['api'] })))
  t.notMatch(bearer, /redirect_uri|303/, 'nobody logs in there')
})

t.test('curl is read as curl reads it', async t => {
  const base = '-d name=openid-connect -d config.issuer=https://idp.example -d config.client_id=app -d config.auth_methods=authorization_code'
  const block = (text: string): Record<string, unknown> => {
    const parsed = parseForm(text)
    if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problems))
    return blockOf(translate(parsed.document.value, PLACE))
  }
  const rows: Array<[text: string, expected: Record<string, unknown>]> = [
    [`curl -isXPOST http://admin/plugins ${base} -dconfig.client_secret=s`, { client_id: 'app', client_secret: 's' }],
    [`curl http://admin/plugins ${base}\ncurl -sXPATCH http://admin/plugins/x --data-urlencode 'config.client_secret=a+b&c%zz'`, { client_id: 'app', client_secret: 'a+b&c%zz' }],
    [`curl --connect-timeout 5 http://admin/plugins ${base} -F 'config.client_secret=a+b'`, { client_secret: 'a+b' }],
    ['curl http://admin/plugins --json \'{"name":"openid-connect","config":{"issuer":"https://idp.example","client_id":"app","auth_methods":["authorization_code"]}}\'', { client_id: 'app' }],
    [`curl -X POST http://admin/plugins ${base} -d id=p -d config.scopes_required=admin\ncurl -X PUT http://admin/plugins/p ${base} -d config.client_secret=new`, { client_secret: 'new' }]
  ]
  for (const [text, expected] of rows) t.match(block(text), expected, text)
  t.notOk('required_scopes' in block(rows[4]?.[0] ?? ''), 'PUT replaces what stands there')
  const problem = (text: string): string | undefined => {
    const parsed = parseForm(text)
    return parsed.kind === 'broken' ? parsed.problems[0]?.message : undefined
  }
  t.match(problem(`curl http://admin/plugins --frobnicate x ${base}`), /two addresses, or an option of curl/)
  t.match(problem('curl http://admin/plugins -F config.client_secret=@/etc/secret'), /reads data from another file/)
  t.match(problem('curl http://admin/plugins --data-urlencode name@file'), /reads data from another file/)
  t.match(problem('curl http://admin/plugins -F name'), /without a name and a value/)
})

t.test('answers about tokens are kept for a second where Kong keeps none', async t => {
  const introspecting = { auth_methods: ['introspection'], audience_required: ['api'], introspection_endpoint: 'https://idp.example/introspect' }
  const asked = translate(deck({ ...introspecting, cache_introspection: false }))
  t.equal(blockOf(asked).introspection_interval, 1)
  t.match(told(asked), /cache_introspection: approximated, .*kept for a second/)
  const kept = translate(deck({ ...introspecting, cache_introspection: true }))
  t.notOk('introspection_interval' in blockOf(kept))
  t.match(told(kept), /cache_introspection: approximated, .*until the token expires/)
  const other = translate(deck({ cache_introspection: false }))
  t.notOk('introspection_interval' in blockOf(other))
  t.match(told(other), /cache_introspection: exact, has no effect/)
})
