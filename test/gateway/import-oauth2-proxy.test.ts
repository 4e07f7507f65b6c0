import { readFileSync } from 'node:fs'
import t from 'tap'
import { admits, block, FILE, fixture, load, refusals, SECRET, told, translate, verdictOf } from './import-oauth2-proxy-parts.ts'

const DEX = JSON.parse(readFileSync(fixture('dex.args.json'), 'utf8')) as string[]
const messages = async (name: string): Promise<string> => {
  const { checked } = await load(fixture(name))
  return checked.kind === 'invalid' ? checked.problems.map(({ path, message, position }) => `${position?.line ?? 0} ${path.join('.')} ${message}`).join('\n') : ''
}

t.test('the least that OAuth2 Proxy starts with becomes a configuration that holds', async t => {
  const imported = translate(FILE)
  t.same(refusals(imported), [])
  t.match(imported.value, { listen: { host: '127.0.0.1', port: 4180 }, routes: [{ uri: '/*', upstream: 'http://127.0.0.1:8080' }] })
  t.match(block(imported), {
    security_profile: 'oauth2.1',
    discovery: 'https://idp.example/.well-known/openid-configuration',
    client_id: 'app',
    client_secret: 'hunter2',
    redirect_uri: '/oauth2/callback',
    logout_path: '/oauth2/logout',
    scope: 'openid email profile',
    session: { secret: SECRET, cookie_name: '_oauth2_proxy', cookie_secure: true, cookie: { lifetime: 604800 }, absolute_timeout: 604800 },
    renew_access_token_on_expiry: false
  })
})

t.test("the gateway's own five identity headers are off", async t => {
  const options = block(translate(FILE))
  for (const name of ['set_access_token_header', 'set_id_token_header', 'set_userinfo_header', 'set_refresh_token_header', 'set_raw_id_token_header']) t.equal(options[name], false, name)
})

t.test('placeholders of the documents are named one by one, each at its line', async t => {
  const okta = await messages('okta.cfg')
  t.match(okta, /^10 client_id is the placeholder XXXXX: write the id/m)
  t.match(okta, /^11 client_secret is the placeholder YYYYY: write the secret/m)
  t.match(okta, /^13 cookie_secret is the placeholder ZZZZZ\. Here is a fresh one: cookie_secret = "[\w-]{43}"$/m)
  t.match(await messages('okta-localhost.cfg'), /^3 oidc_issuer_url has the placeholder \$\{your-okta-domain\} in it/m)
  const zitadel = await messages('zitadel-groups.cfg')
  for (const name of ['{your_domain}', '{ZITADEL_GENERATED_CLIENT_ID}', '{ZITADEL_GENERATED_CLIENT_SECRET}', '{SUPPLY_SOME_SECRET_HERE}', '{your_actions_group_key}']) t.ok(zitadel.includes(name), name)
  t.notMatch(okta + zitadel, /is required/, 'and nothing is told twice')
})

t.test('a fresh secret is another one each time, and will do', async t => {
  const fresh = (): string => /"([\w-]{43})"/.exec(told(translate({ ...FILE, cookie_secret: 'secret' })))?.[1] ?? ''
  const secret = fresh()
  t.not(secret, fresh())
  t.same(refusals(translate({ ...FILE, cookie_secret: secret })), [])
})

t.test('--dev lets placeholders for secrets pass on loopback, and nowhere else', async t => {
  const dex = translate(null, { args: DEX, dev: true })
  t.same(refusals(dex), [])
  const { session } = block(dex) as { session: { secret: string } }
  t.match(session.secret, /^[\w-]{43}$/, 'sessions are sealed under a secret that no document prints')
  t.equal((block(translate(null, { args: DEX, dev: true })).session as { secret: string }).secret, session.secret, 'the same one for as long as the process lives')
  t.same(refusals(translate({ ...FILE, client_id: 'XXXXX', client_secret: 'YYYYY' }, { dev: true })), [])
  for (const listen of [{ host: '0.0.0.0', port: 4180 }, { host: 'example.com', port: 4180 }, { host: '127.0.0.1.example.com', port: 1 }]) {
    t.match(refusals(translate({ ...FILE, cookie_secret: 'secret' }, { dev: true, listen })).join('\n'), /--dev is for 127\.0\.0\.1[^]*cookie_secret: refused, is the placeholder secret/)
  }
  t.match(refusals(translate({ ...FILE, oidc_issuer_url: 'https://{your_domain}.zitadel.cloud' }, { dev: true })), [/has the placeholder/], 'addresses have to be filled in all the same')
})

t.test('O181 a cookie secret is 16, 24 or 32 bytes, as it is or as base64url', async t => {
  for (const secret of ['0123456789abcdef', '0123456789abcdef01234567', SECRET, Buffer.alloc(16, 1).toString('base64url'), `${Buffer.alloc(32, 7).toString('base64url')}=`, Buffer.alloc(24, 250).toString('base64url')]) {
    t.same(refusals(translate({ ...FILE, cookie_secret: secret })), [], secret)
    t.match(block(translate({ ...FILE, cookie_secret: secret })), { session: { secret } })
  }
  for (const [secret, size] of [['0123456789abcde', 15], ['ab3'.repeat(11), 33], [Buffer.alloc(32, 255).toString('base64'), 44]] as const) {
    t.match(refusals(translate({ ...FILE, cookie_secret: secret })), [new RegExp(`must be 16, 24 or 32 bytes, as they are or as base64url, and has ${size}\\.`)], secret)
  }
  t.notMatch(told(translate({ ...FILE, cookie_secret: 'x9'.repeat(20) })), /x9x9/, 'and a wrong one is not shown')
})

t.test('secrets from files are read once, and a line end after them is no part of them', async t => {
  const file = { ...FILE, client_secret: undefined, cookie_secret: undefined, client_secret_file: '/run/client', cookie_secret_file: '/run/cookie' }
  const files = new Map([['/run/client', 'from a file\n'], ['/run/cookie', `${SECRET}\r\n`]])
  const plain = Object.fromEntries(Object.entries(file).filter(([, value]) => value !== undefined))
  t.match(block(translate(plain, { files })), { client_secret: 'from a file', session: { secret: SECRET } })
  t.match(refusals(translate(plain, { files: new Map([['/run/client', null]]) })), [/client_secret_file: refused, is a file that cannot be read/, /cookie_secret_file: refused/])
  t.match(told(translate({ ...FILE, client_secret_file: '/run/client' })), /client_secret_file: exact, has no effect: client_secret goes before it/)
  const folder = t.testdir({ 'proxy.cfg': '', secret: `${SECRET}\n` })
  const { checked } = await load(null, { environment: Object.fromEntries(Object.entries({ ...FILE, email_domains: '*', upstreams: FILE.upstreams[0], cookie_secret: '', cookie_secret_file: `${folder}/secret` }).map(([name, value]) => [`OAUTH2_PROXY_${name.toUpperCase()}`, String(value)])) })
  t.equal(checked.kind, 'valid')
})

t.test('O214 an option that nobody knows is refused, with the nearest name', async t => {
  t.match(refusals(translate({ ...FILE, email_domain: ['*'], cookie_sekret: 'x', zzz: 1 })), [/email_domain: refused, is not an option of OAuth2 Proxy; did you mean email_domains\?/, /did you mean cookie_secret\?/, /zzz: refused, is not an option of OAuth2 Proxy$/])
})

t.test('what is missing is told, all of it', async t => {
  const lines = refusals(translate({}, {})).join('\n')
  for (const name of ['provider', 'client_id', 'client_secret', 'cookie_secret', 'oidc_issuer_url', 'email_domains']) t.match(lines, new RegExp(`^${name}: refused, is missing`, 'm'), name)
})

t.test('O041, O076, O081, O082, O085, O086: rules for e-mail addresses and groups hold for sessions', async t => {
  const passes = (options: Record<string, unknown>, session: object): boolean => admits({ ...FILE, ...options }, session)
  const corp = { email_domains: ['corp.com', '.sub.example'] }
  for (const [email, expected] of [['a@corp.com', true], ['A@CORP.COM', true], ['a@sub.corp.com', false], ['a@xcorp.com', false], ['a@evil.com@corp.com', false], ['@corp.com', false], ['a@corpxcom', false], ['a@corp.com.evil', false], ['a@corp.com\n', false], ['a@x.sub.example', true], ['a@sub.example', false], ['', false]] as const) {
    t.equal(passes(corp, { id_token: { email }, user: {} }), expected, JSON.stringify(email))
    t.equal(passes(corp, { id_token: {}, user: { email } }), expected, `${JSON.stringify(email)} of the userinfo`)
  }
  t.notOk(passes(corp, { id_token: { email: 'a@evil.com' }, user: { email: 'a@corp.com' } }), 'the ID token goes before the userinfo')
  t.notOk(passes(corp, { id_token: { sub: 'a' } }))
  t.notOk(passes({}, { id_token: { sub: 'a' } }), 'any address is one all the same')
  for (const verified of [false, 'false', 'False', '0', 0, 'no']) {
    t.notOk(passes({}, { id_token: { email: 'a@b', email_verified: verified } }))
    t.notOk(passes({}, { id_token: { email: 'a@b' }, user: { email_verified: verified } }))
    t.ok(passes({ insecure_oidc_allow_unverified_email: true }, { id_token: { email: 'a@b', email_verified: verified } }))
  }
  for (const verified of [true, 'true', 1, null]) t.ok(passes({}, { id_token: { email: 'a@b', email_verified: verified } }))
  t.ok(passes({ user_id_claim: 'sub' }, { id_token: { sub: 'x', email_verified: false } }), 'another claim is not said to be verified')
  t.notOk(passes({ oidc_email_claim: 'mail', user_id_claim: 'sub' }, { id_token: { sub: 'x' } }))

  const groups = { allowed_groups: ['a', 'b', ''] }
  const member = (value: unknown, options: object = {}): boolean => passes({ ...groups, ...options }, { id_token: { email: 'x@y', groups: value } })
  for (const [value, expected] of [[['a'], true], [['z', 'b'], true], ['a', true], [['z'], false], ['', false], [[''], false], [undefined, false], [['A'], false], [{ a: 1 }, false]] as const) t.equal(member(value), expected, JSON.stringify(value))
  t.ok(passes({ ...groups, oidc_groups_claim: 'realm.roles' }, { id_token: { email: 'x@y', realm: { roles: ['a'] } } }))
  t.notOk(passes({ ...groups, oidc_groups_claim: 'realm.roles' }, { id_token: { email: 'x@y', realm: { roles: ['a'] }, 'realm.roles': ['z'] } }), 'the whole name goes before its parts')
  t.ok(passes({ allowed_groups: [''] }, { id_token: { email: 'x@y' } }))
  t.equal(block(translate({ ...FILE, ...groups })).scope, 'openid email profile groups')
  t.equal(block(translate({ ...FILE, ...groups, scope: 'openid' })).scope, 'openid')
})

t.test('a rule that cannot hold is no rule that is dropped', async t => {
  t.match(refusals(translate({ ...FILE, email_domains: [] })), [/email_domains: refused, is missing/])
  t.match(refusals(translate({ ...FILE, email_domains: [''] })), [/email_domains: refused, is missing/])
  t.equal(verdictOf('skip_jwt_bearer_tokens', true, { email_domains: ['corp.com'] }), 'refused')
  t.equal(verdictOf('skip_jwt_bearer_tokens', true, { allowed_groups: ['a'] }), 'refused')
  t.equal(verdictOf('skip_jwt_bearer_tokens', true), 'approximated')
})

t.test('upstreams are routes by their paths, which are no part of where requests go', async t => {
  const { value } = translate({ ...FILE, upstreams: ['http://127.0.0.1:1', 'http://127.0.0.1:2/foo/', 'https://127.0.0.1:3/bar'], pass_host_header: false, ssl_upstream_insecure_skip_verify: true, upstream_timeout: '5s' })
  t.match(value.routes, [
    { uri: '/*', upstream: { scheme: 'http', nodes: { '127.0.0.1:1': 1 }, pass_host: 'node', timeout: { read: 5 } } },
    { uri: '/foo/*' },
    { uri: '/bar', upstream: { scheme: 'https', nodes: { '127.0.0.1:3': 1 }, tls: { verify: false } } }
  ])
  for (const [upstream, why] of [['file:///srv/#x/', /a path that begins with \/ behind #/], ['ftp://x', /must be a URL that begins with http/], ['http://u:p@x', /a name or a password/], ['http://x/?y', /query/], ['x', /must be a URL/]] as const) {
    t.match(refusals(translate({ ...FILE, upstreams: [upstream] })), [why], upstream)
  }
  for (const [upstream, native] of [['static://202', 'static://202'], ['static://ok', 'static://200'], ['unix:///run/a.sock', 'unix:/run/a.sock'], ['unix:/run/a.sock', 'unix:/run/a.sock']] as const) {
    t.same(translate({ ...FILE, upstreams: [upstream] }).value.routes.map(({ uri, upstream: target }) => [uri, target]), [['/*', native]], upstream)
  }
  t.match(translate({ ...FILE, upstreams: [] }).value.routes, [{ uri: '/*', upstream: 'static://404', plugins: { 'openid-connect': { client_id: 'app' } } }], 'without any it is 404, after the login')
  t.match(refusals(translate({ ...FILE, upstreams: ['http://a', 'http://b/'] })), [/upstreams\.1: refused, has the path of an earlier one/])
})

t.test('O168, O170, O194: sessions end as the file says', async t => {
  t.match(block(translate({ ...FILE, cookie_expire: '2h', cookie_refresh: '1m' })), { session: { cookie: { lifetime: 7200 }, absolute_timeout: 0 }, renew_access_token_on_expiry: true })
  t.match(refusals(translate({ ...FILE, cookie_expire: '0' })), [/cookie_expire: refused/])
  t.match(refusals(translate({ ...FILE, cookie_expire: '1h', cookie_refresh: '1h' })), [/cookie_refresh: refused, must be shorter than cookie_expire/])
  t.match(block(translate({ ...FILE, cookie_domains: ['.corp.com'], cookie_samesite: 'none', cookie_path: '/a', cookie_name: '__Secure-x', cookie_httponly: false })), { session: { cookie_domain: 'corp.com', cookie_same_site: 'None', cookie_path: '/a', cookie_name: '__Secure-x', cookie_http_only: false } })
  t.match(refusals(translate({ ...FILE, cookie_domains: ['a.com', 'b.com'] })), [/cookie_domains: refused, must be one/])
})

t.test('O180: Redis, Sentinel and Cluster', async t => {
  const redis = { session_store_type: 'redis' }
  const session = (options: Record<string, unknown>, files = new Map<string, string>()): unknown => (block(translate({ ...FILE, ...redis, ...options }, { files })).session as Record<string, unknown>).redis
  t.match(session({ redis_connection_url: 'redis://old@h:1/2', redis_username: 'u', redis_password: 'p:@' }), { url: 'redis://u:p%3A%40@h:1/2', prefix: '_oauth2_proxy' })
  t.match(session({ redis_connection_url: 'unix:///run/r.sock', redis_password: 'p' }), { unix_socket: '/run/r.sock', password: 'p' })
  t.match(session({ redis_use_sentinel: true, redis_sentinel_master_name: 'm', redis_sentinel_password: 's', redis_sentinel_connection_urls: 'rediss://a:1,rediss://[::1]:2' }), { sentinels: [{ host: 'a', port: 1 }, { host: '::1', port: 2 }], master_name: 'm', sentinel_password: 's', ssl: true, sentinel_ssl: true })
  t.match(session({ redis_use_cluster: true, redis_cluster_connection_urls: ['redis://a:1'], redis_insecure_skip_tls_verify: true, redis_ca_path: '/ca' }, new Map([['/ca', 'PEM']])), { cluster: [{ host: 'a', port: 1 }], ssl_verify: false, ca: 'PEM' })
  t.match(refusals(translate({ ...FILE, ...redis })), [/redis_connection_url: refused, is missing/])
  t.match(refusals(translate({ ...FILE, ...redis, redis_use_cluster: true, redis_use_sentinel: true })), [/cannot stand beside redis_use_sentinel/])
  t.match(told(translate({ ...FILE, redis_password: 'p' })), /redis_password: exact, has no effect without/)
})

t.test('where it listens, whom it believes and what it logs', async t => {
  const value = (options: Record<string, unknown>): unknown => translate({ ...FILE, ...options }).value
  t.match(value({ http_address: 'http://0.0.0.0:80' }), { listen: { host: '0.0.0.0', port: 80 } })
  t.match(value({ http_address: ':80' }), { listen: { host: '0.0.0.0', port: 80 } })
  t.match(value({ http_address: '[::1]:80' }), { listen: { host: '::1', port: 80 } })
  t.match(value({ http_address: ':80', https_address: ':8443', tls_cert_file: '/c', tls_key_file: '/k', tls_min_version: 'TLS1.3' }), { listen: { port: 8443, tls: { cert: '/c', key: '/k', min_version: 'TLSv1.3' } } })
  for (const address of ['unix:///x', 'fd:3', '-', '', 'x']) t.equal(verdictOf('http_address', address), 'refused', address)
  t.match(refusals(translate({ ...FILE, tls_cert_file: '/c' })), [/tls_key_file: refused, is missing/])
  t.match(value({ reverse_proxy: true, trusted_proxy_ips: '10.0.0.0/8,::1' }), { trust_proxy: ['10.0.0.0/8', '::1'] })
  t.match(value({ reverse_proxy: true }), { trust_proxy: ['loopback', 'linklocal', 'uniquelocal'] }, 'never everyone')
  t.notMatch(value({ trusted_proxy_ips: ['10.0.0.0/8'] }), { trust_proxy: [] }, 'nobody without reverse_proxy')
  t.match(value({ ping_path: '/p', ready_path: '/r', metrics_address: ':9100', request_logging: false, auth_logging: false, standard_logging: false }), { health: { ping_path: '/p', ready_path: '/r' }, metrics: { host: '0.0.0.0', port: 9100 }, log: { level: 'warn' } })
  t.equal(verdictOf('ping_path', ''), 'refused')
})

t.test('O043, O044, O045: what protects a login is off only where the file says so', async t => {
  t.notOk('use_pkce' in block(translate(FILE)) || 'use_nonce' in block(translate(FILE)), 'on by the profile')
  t.match(block(translate({ ...FILE, code_challenge_method: '', insecure_oidc_skip_nonce: true })), { use_pkce: false, use_nonce: false })
  t.match(block(translate({ ...FILE, force_code_challenge_method: 'plain', insecure_oidc_skip_nonce: 'false' })), { use_pkce: true, use_nonce: true })
  t.match(block(translate({ ...FILE, ssl_insecure_skip_verify: 'true' })), { ssl_verify: false })
  for (const name of ['insecure_oidc_skip_issuer_verification', 'skip_oidc_discovery']) t.equal(verdictOf(name, true), 'refused', name)
  t.equal(verdictOf('skip_auth_strip_headers', false), 'refused')
})

t.test('O196, O197, O198, O199: the upstream and the answer get the headers that the options ask for', async t => {
  const headers = (options: Record<string, unknown>): unknown => translate({ ...FILE, ...options }).value.routes[0]?.headers
  t.same(headers({}), { request: { 'X-Forwarded-User': { claim: 'sub' }, 'X-Forwarded-Email': { claim: 'email' }, 'X-Forwarded-Groups': { claim: 'groups' }, 'X-Forwarded-Preferred-Username': { claim: 'preferred_username' } }, response: {} })
  t.notSame(headers({ pass_user_headers: false }), { request: {}, response: {} }, 'pass_basic_auth sends them too')
  const none = { pass_user_headers: false, pass_basic_auth: false }
  t.same(headers({ ...none, basic_auth_password: 'p' }), { request: {}, response: {} })
  t.same(headers({ ...none, pass_access_token: true, pass_authorization_header: true }), { request: { 'X-Forwarded-Access-Token': { claim: 'access_token' }, Authorization: { claim: 'id_token', prefix: 'Bearer ' } }, response: {} })
  const preferred = headers({ prefer_email_to_user: true, basic_auth_password: 'p', user_id_claim: 'mail' }) as { request: object }
  t.match(preferred, { request: { 'X-Forwarded-User': { claim: 'mail' }, Authorization: { claim: 'mail', basic_password: 'p' } } })
  t.notOk('X-Forwarded-Email' in preferred.request)
  t.match(headers({ set_xauthrequest: true, pass_access_token: true, set_authorization_header: true }), { response: { 'X-Auth-Request-User': { claim: 'sub' }, 'X-Auth-Request-Email': { claim: 'email' }, 'X-Auth-Request-Access-Token': { claim: 'access_token' }, Authorization: { prefix: 'Bearer ' } } })
  t.match(refusals(translate({ ...FILE, basic_auth_password: 'p', pass_authorization_header: true })), [/pass_authorization_header: refused, cannot stand beside Basic/])
})

t.test('O084 a file of addresses stands beside the domains; what it does not go with is refused', async t => {
  const emails = { ...FILE, authenticated_emails_file: '/etc/emails', email_domains: ['corp.com', '.team.example'] }
  t.match(block(translate(emails)), { allowed_emails_file: '/etc/emails', allowed_emails: { any_of: ['*@corp.com', '*@.team.example'], none_of: ['*@team.example'] } })
  const file = { version: 0, covers: (email: string) => email === 'ann@home.example' }
  const passes = (email: string, verified = true): boolean => admits(emails, { id_token: { sub: 'x', email, email_verified: verified } }, file)
  t.strictSame(['a@corp.com', 'a@x.team.example', 'ann@home.example', 'a@team.example', 'bob@home.example'].map(email => passes(email)), [true, true, true, false, false])
  t.notOk(passes('ann@home.example', false))
  const alone = { ...FILE, authenticated_emails_file: 'emails', email_domains: [] }
  t.match(block(translate(alone)), { allowed_emails_file: /^\/.*\/emails$/, allowed_emails: undefined })
  t.equal(verdictOf('authenticated_emails_file', '/etc/emails', { email_domains: ['*'] }), 'exact')
  t.notOk('allowed_emails_file' in block(translate({ ...FILE, authenticated_emails_file: '/etc/emails', email_domains: ['*'] })))
  t.equal(verdictOf('authenticated_emails_file', '', { email_domains: ['a.example'] }), 'exact')
  for (const other of [{ htpasswd_file: '/etc/users' }, { skip_jwt_bearer_tokens: true }, { insecure_oidc_allow_unverified_email: true }]) {
    t.equal(verdictOf('authenticated_emails_file', '/etc/emails', { email_domains: [], ...other }), 'refused', Object.keys(other)[0] ?? '')
  }
})
