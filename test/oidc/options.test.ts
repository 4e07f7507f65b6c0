import t from 'tap'
import oidc, { checkOidcOptions, optionsSchema, parseOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { createApplication, SECRET } from './support.ts'

const minimal = { client_id: 'app', client_secret: 'a secret of the client', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET } }

/** The problems, as the boot prints them. */
function problemsOf (options: object): string[] {
  return checkOidcOptions(options).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
}

t.test('a profile changes what is not written, and nothing that is', async t => {
  const weak = ['use_pkce', 'use_nonce', 'accept_unsupported_alg', 'cross_site'] as const
  const under = (more: object): unknown[] => { const options = parseOidcOptions({ ...minimal, ...more }); return weak.map(name => options[name]) }
  t.strictSame(under({}), [false, false, true, 'allow'])
  t.strictSame(under({ security_profile: 'oauth2.1' }), [true, true, false, 'refuse'])
  t.strictSame(under({ security_profile: 'oauth2.1', use_pkce: false, use_nonce: false, accept_unsupported_alg: true, cross_site: 'allow' }), [false, false, true, 'allow'])
  t.strictSame(under({ security_profile: 'oauth2.1', use_pkce: undefined }), [true, true, false, 'refuse'], 'undefined is not written')
  t.match(problemsOf({ ...minimal, security_profile: 'strict' }), [/security_profile must be one of "apisix", "oauth2\.1"/])
})

t.test('under apisix the log says once what is weaker', async t => {
  for (const [profile, count] of [['apisix', 1], ['oauth2.1', 0]] as const) {
    const { app, log } = createApplication(t)
    await app.register(oidc, { ...minimal, security_profile: profile, discovery: 'http://127.0.0.1:9/.well-known/openid-configuration' })
    await app.ready()
    const warnings = log.filter(line => line.oidc === 'profile')
    t.equal(warnings.length, count)
    if (count === 1) t.match(warnings[0]?.msg, /apisix: use_pkce, use_nonce, accept_unsupported_alg, cross_site are weaker/)
  }
})

t.test('three mistakes are reported together, with the names that were meant', async t => {
  const { app } = createApplication(t)
  const options = { ...minimal, scpoe: 'openid', session: { secert: SECRET, cookie: { life_time: 3 } }, unauth_action: 'redirect' } as unknown as OidcPluginOptions
  await t.rejects(async () => { await app.register(oidc, options) }, {
    code: 'FST_OIDC_OPTIONS_INVALID',
    message: /^fastify-oidc: invalid options\n(?=[^]*scpoe is not a known option; did you mean scope\?)(?=[^]*session\.secert is not a known option; did you mean secret\?)(?=[^]*session\.secret is required)(?=[^]*session\.cookie\.life_time is not a known option; did you mean lifetime\?)(?=[^]*unauth_action must be one of "auth", "deny", "pass")/
  })
})

t.test('mistakes of form and mistakes between options are reported together', async t => {
  const problems = problemsOf({
    ...minimal,
    client_secret: undefined,
    timeout: 3000,
    scpoe: 'openid',
    redirect_uri: '/callback#fragment',
    authorization_params: { state: 'x', nonce: 'y', prompt: 'login' },
    session: { secret: SECRET, cookie_same_site: 'None', cookie_secure: false },
    proxy_opts: { http_proxy: 'http://127.0.0.1:3128' }
  })
  for (const [path, message] of [
    ['timeout', /must be 600 or less: it is seconds, not milliseconds/],
    ['scpoe', /did you mean scope/],
    ['client_secret', /is required/],
    ['redirect_uri', /must not have a fragment/],
    ['authorization_params.state', /cannot be overridden/],
    ['authorization_params.nonce', /cannot be overridden/],
    ['session.cookie_secure', /must not be false/]
  ] as const) {
    t.equal(problems.filter(problem => problem.startsWith(`${path} `) && message.test(problem)).length, 1, path)
  }
})

// rows: session, timeout
t.test('what does not hold is told by its path and what was expected (S429)', async t => {
  const table: Array<[object, RegExp]> = [
    [{ client_id: undefined }, /^client_id is required$/],
    [{ client_id: 123 }, /^client_id must be a string, not a number$/],
    [{ client_id: '' }, /^client_id is too short/],
    [{ discovery: undefined }, /^discovery is required$/],
    [{ discovery: 'op.example' }, /^discovery has the wrong form/],
    [{ discovery: 'https://' }, /^discovery is not a URL$/],
    [{ session: undefined }, /^session\.secret is required when "bearer_only" is false$/],
    [{ session: { secret: 'fifteen charact' } }, /^session\.secret is too short: at least 16 characters$/],
    [{ session: { secret: SECRET, secret_fallbacks: ['short'] } }, /^session\.secret_fallbacks\.0 is too short/],
    [{ session: { secret: SECRET, cookie: { lifetime: '3600' } } }, /^session\.cookie\.lifetime must be an integer, not a string$/],
    [{ session: { secret: SECRET, cookie: { lifetime: 0 } } }, /^session\.cookie\.lifetime must be 1 or more$/],
    [{ session: { secret: SECRET, cookie_same_site: 'bogus' } }, /^session\.cookie_same_site must be one of "Lax", "Strict", "None", "Default"$/],
    [{ session: { secret: SECRET, cookie_name: 'a b' } }, /^session\.cookie_name has the wrong form/],
    [{ session: { secret: SECRET, cookie_path: '/a;b' } }, /^session\.cookie_path has the wrong form/],
    [{ session: { secret: SECRET, cookie_domain: 'a.b\r\nx' } }, /^session\.cookie_domain has the wrong form/],
    [{ session: 'secret' }, /^session must be an object, not a string$/],
    [{ timeout: 0 }, /^timeout must be 1 or more$/],
    [{ timeout: 601 }, /^timeout must be 600 or less: it is seconds, not milliseconds$/],
    [{ timeout: 1000 }, /^timeout must be 600 or less: it is seconds, not milliseconds$/],
    [{ timeout: 1.5 }, /^timeout must be an integer/],
    [{ ssl_verify: 'no' }, /^ssl_verify must be a boolean, not a string$/],
    [{ logout_path: 'logout' }, /^logout_path has the wrong form/],
    [{ redirect_uri: 'callback' }, /^redirect_uri has the wrong form/],
    [{ redirect_uri: 'https://user:pass@app.example/callback' }, /^redirect_uri must not have a fragment, a user name or a password$/],
    [{ required_scopes: 7 }, /^required_scopes must be a string, an array or an object, not a number$/],
    [{ required_scopes: ['read', 7] }, /^required_scopes\.1 must be a string, not a number$/],
    [{ authorization_params: { prompt: null } }, /^authorization_params\.prompt /],
    [{ token_endpoint_auth_method: 'client_secret_bsaic' }, /^token_endpoint_auth_method must be one of "client_secret_basic"/],
    [{ iat_slack: 601 }, /^iat_slack must be 600 or less$/],
    [{ claim_validator: { issuer: { valid_issuers: 7 } } }, /^claim_validator\.issuer\.valid_issuers must be an array, not a number$/]
  ]
  for (const [change, expected] of table) t.match(problemsOf({ ...minimal, ...change }), [expected], JSON.stringify(change))
  for (const input of [null, [], 'options', 7]) t.throws(() => parseOidcOptions(input), { code: 'FST_OIDC_OPTIONS_INVALID' }, JSON.stringify(input))
})

// rows: authorization_params
t.test('S432: parameters of the protocol cannot be overridden', async t => {
  const reserved = ['state', 'nonce', 'redirect_uri', 'client_id', 'response_type', 'code_challenge', 'code_challenge_method', 'code_verifier']
  t.equal(problemsOf({ ...minimal, authorization_params: Object.fromEntries(reserved.map(name => [name, 'x'])) }).length, reserved.length)
  t.strictSame(problemsOf({ ...minimal, authorization_params: { prompt: 'login', audience: ['a', 'b'], max_age: 60, flag: true } }), [])
})

t.test('O156: rules, addresses and expressions that do not hold are told with their place', async t => {
  const rows: Array<[name: string, entry: string, message: RegExp | null]> = [
    ['skip_auth_routes', '', /^skip_auth_routes\.0 is too short/],
    ['skip_auth_routes', 'GET=', /^skip_auth_routes\.0 has no expression/],
    ['skip_auth_routes', '!=', /^skip_auth_routes\.0 has no expression/],
    ['skip_auth_routes', '=', /^skip_auth_routes\.0 has no expression/],
    ['skip_auth_routes', 'FETCH=^/x', /^skip_auth_routes\.0 has "FETCH" for a method, and there is none of that name: .* write "\(\?:FETCH=\^\/x\)"$/],
    ['skip_auth_routes', '^/(x', /^skip_auth_routes\.0 is not a regular expression of RE2 \(Go\): missing closing \)/],
    ['skip_auth_routes', 'GET!=^/[x', /^skip_auth_routes\.0 is not a regular expression of RE2 \(Go\): missing closing \]/],
    ['skip_auth_routes', '^/(?!api)', /^skip_auth_routes\.0 is not a regular expression of RE2 \(Go\): invalid or unsupported Perl syntax: `\(\?!`$/],
    ['skip_auth_routes', '^/(a)\\1', /^skip_auth_routes\.0 is not a regular expression of RE2 \(Go\): invalid escape sequence/],
    ['skip_auth_routes', '^/x{1001}', /^skip_auth_routes\.0 is not a regular expression of RE2 \(Go\): invalid repeat count/],
    ['skip_auth_routes', 'x'.repeat(2001), /^skip_auth_routes\.0 is too long/],
    ['skip_auth_routes', '(?i)^/x\\z', null],
    ['api_routes', '(', /^api_routes\.0 is not a regular expression/],
    ['api_routes', 'GET=^/x', null],
    ['trusted_ips', '10.0.0.1/8', /^trusted_ips\.0 has bits set behind its length: write 10\.0\.0\.0\/8 for that network, or 10\.0\.0\.1 for that address alone$/],
    ['trusted_ips', '2001:db8::1/32', /^trusted_ips\.0 has bits set behind its length: write 2001:db8::\/32 for that network, or 2001:db8::1 for that address alone$/],
    ['trusted_ips', '::ffff:10.0.0.1/104', /^trusted_ips\.0 has bits set behind its length/],
    ['trusted_ips', '10.0.0.0/33', /^trusted_ips\.0 must end with a length up to \/32$/],
    ['trusted_ips', '::/129', /^trusted_ips\.0 must end with a length up to \/128$/],
    ...['10.0.0', '10.0.0.0/08', '10.0.0.0/', '010.0.0.0/8', '10.0.0.0/255.0.0.0', 'localhost', 'fe80::1%eth0', '*', '10.0.0.0/8,192.168.0.0/16', ' 10.0.0.1', '10.0.0.1:80', '[::1]'].map((entry): [string, string, RegExp] => ['trusted_ips', entry, /^trusted_ips\.0 must be an IP address, or a network such as 10\.0\.0\.0\/8$/]),
    ...['10.0.0.0/8', '10.0.0.1', '10.0.0.1/32', '::1', '0.0.0.0/0', '::/0', '2001:db8::/32', '::ffff:10.0.0.0/104'].map((entry): [string, string, null] => ['trusted_ips', entry, null])
  ]
  for (const [name, entry, message] of rows) {
    const problems = problemsOf({ ...minimal, [name]: [entry] })
    if (message === null) t.strictSame(problems, [], `${name} ${entry}`)
    else t.match(problems, [message], `${name} ${entry.slice(0, 40)}`)
  }
})

// rows: session.storage
t.test('where sessions live and what they agree through fit together', async t => {
  const problems = (session: Record<string, unknown>): readonly string[] => problemsOf({ ...minimal, session: { secret: SECRET, ...session } })
  t.strictSame(problems({ storage: 'redis' }), [])
  t.strictSame(problems({ storage: 'redis', coordination: 'redis', rolling_timeout: 0 }), [])
  t.strictSame(problems({ storage: 'cookie', coordination: 'workers', rolling_timeout: 60 }), [])
  t.strictSame(problems({ storage: 'redis', coordination: 'process' }), ['session.coordination must be redis, or left out, where session.storage is redis'])
  t.match(problems({ storage: 'redis', rolling_timeout: 60 }), [/^session\.rolling_timeout gives a session new handles/])
})

t.test('options of session.redis that contradict each other are told before anything connects', async t => {
  const problems = (redis: Record<string, unknown>, session: Record<string, unknown> = { storage: 'redis' }): readonly string[] =>
    problemsOf({ ...minimal, session: { secret: SECRET, ...session, redis } })
  const node = [{ host: 'a.example' }]
  for (const [redis, expected] of [
    [{ url: 'redis://a.example', host: 'b.example', ssl: true }, ['host cannot stand beside url', 'ssl cannot stand beside url']],
    [{ unix_socket: '/run/redis.sock', port: 7000 }, ['port cannot stand beside unix_socket']],
    [{ sentinels: node }, ['sentinels needs master_name']],
    [{ sentinels: node, master_name: 'main', cluster: node }, ['cluster cannot stand beside sentinels']],
    [{ cluster: node, database: 2 }, ['database cannot stand beside cluster']],
    [{ username: 'app' }, ['username needs password']],
    [{ client_cert: 'PEM', ssl: true }, ['client_cert needs client_key']],
    [{ server_name: 'redis.example' }, ['server_name needs ssl']],
    [{ url: 'rediss://a.example', server_name: 'redis.example' }, []],
    [{ password: '' }, ['password is empty']],
    [{ url: 'redis://a.example/0?x=1' }, ['url may not have a query or fragment: use the options of these names']],
    [{ url: 'redis://user@a.example' }, ['url names a user without a password']]
  ] as const) t.strictSame(problems(redis), expected.map(text => `session.redis.${text}`), JSON.stringify(redis))
  t.strictSame(problems({ username: 'app' }, { coordination: 'redis' }), ['session.redis.username needs password'], 'with cookies too, where instances agree through Redis')
  t.strictSame(problems({ client_cache: true }, { coordination: 'redis' }), ['session.redis.client_cache needs session.storage: redis: sessions in cookies are not read from Redis'])
  t.strictSame(problems({ client_cache: true }), [])
  t.strictSame(problems({ username: 'app' }, {}), [], 'what nothing connects with is only warned of')
})

t.test('names of the engine below APISIX are told by those of the table (S047)', async t => {
  const names = { use_par: 'par.enabled', pushed_authorization_request_endpoint: 'par.endpoint', pushed_authorization_request_endpoint_auth_method: 'par.endpoint_auth_method', use_dpop: 'dpop.enabled', dpop_signing_alg: 'dpop.signing_alg', dpop_private_key: 'dpop.private_key', dpop_public_jwk: 'dpop.public_jwk' }
  for (const [flat, nested] of Object.entries(names)) t.strictSame(problemsOf({ ...minimal, [flat]: 'x' }), [`${flat} is not a known option; use ${nested}`])
})

// rows: client_secret
t.test('a client secret is required where nothing makes it needless', async t => {
  const without = { ...minimal, client_secret: undefined }
  t.match(problemsOf(without), [/^client_secret is required/])
  t.strictSame(problemsOf({ ...without, use_pkce: true }), [])
  t.strictSame(problemsOf({ ...without, security_profile: 'oauth2.1' }), [])
  t.match(problemsOf({ ...without, security_profile: 'oauth2.1', use_pkce: false }), [/^client_secret is required/])
})

t.test('S452: references to the environment are resolved at any depth, and what is not there stops the boot', async t => {
  const before = { ...process.env }
  t.teardown(() => { process.env = before })
  process.env.OIDC_TEST_SECRET = 'the client secret of the environment'
  process.env.OIDC_TEST_JSON = JSON.stringify({ session: 'a session secret of the environment', port: 17, deep: {} })
  const options = parseOidcOptions({
    ...minimal,
    client_secret: '$ENV://OIDC_TEST_SECRET',
    session: { secret: '$env://OIDC_TEST_JSON/session', secret_fallbacks: ['$Env://OIDC_TEST_SECRET'] },
    authorization_params: { audience: ['$env://OIDC_TEST_JSON/port', 'ENV://plain'] }
  })
  t.equal(options.client_secret, 'the client secret of the environment')
  t.equal(options.session?.secret, 'a session secret of the environment')
  t.strictSame(options.session?.secret_fallbacks, ['the client secret of the environment'])
  t.strictSame(options.authorization_params, { audience: ['17', 'ENV://plain'] })
  const unresolved: Array<[string, RegExp]> = [
    ['$ENV://OIDC_TEST_MISSING', /^client_secret refers to the environment variable OIDC_TEST_MISSING, which is not set$/],
    ['$env://OIDC_TEST_JSON/missing', /^client_secret refers to missing in the environment variable OIDC_TEST_JSON/],
    ['$env://OIDC_TEST_JSON/deep', /^client_secret refers to deep in/],
    ['$env://OIDC_TEST_SECRET/key', /^client_secret refers to key in the environment variable OIDC_TEST_SECRET, which is not a JSON object/],
    ['$secret://vault/1/path/key', /^client_secret refers to a secret manager, which is asked when the plugin is registered$/]
  ]
  for (const [reference, expected] of unresolved) {
    const problems = problemsOf({ ...minimal, client_secret: reference })
    t.match(problems, [expected])
    t.notMatch(problems.join(), /of the environment"|session secret|client secret of/, 'a secret is never repeated')
  }
  process.env.OIDC_TEST_EMPTY = ''
  t.not(problemsOf({ ...minimal, session: { secret: '$ENV://OIDC_TEST_EMPTY' } }).length, 0, 'an empty variable is no secret')
})

t.test('no message repeats a value, which may be a secret', async t => {
  const marked = 'MARKED-VALUE'
  const schema = optionsSchema.properties as unknown as Record<string, unknown>
  for (const name of Object.keys(schema)) {
    for (const value of [marked, [marked], { [name]: marked }, { secret: `${marked}` }]) {
      t.notMatch(problemsOf({ ...minimal, [name]: value }).join('\n').replaceAll(`.${marked}`, ''), marked, `${name} ${JSON.stringify(value)}`)
    }
  }
})

t.test("the caller's object is left as it is, and the result cannot be changed", async t => {
  const options = { ...minimal, required_scopes: ['read'], session: { secret: SECRET, cookie: {} }, authorization_params: { prompt: 'login' } }
  const copy = structuredClone(options)
  const freezeDeep = (value: object): void => { for (const inner of Object.values(value)) if (typeof inner === 'object') freezeDeep(inner); Object.freeze(value) }
  freezeDeep(options)
  const parsed = parseOidcOptions(options)
  t.strictSame(options, copy)
  t.throws(() => { (parsed as { scope: string }).scope = 'other' }, TypeError)
  t.throws(() => { (parsed.required_scopes as string[]).push('x') }, TypeError)
  t.throws(() => { (parsed.session?.cookie as { lifetime: number }).lifetime = 1 }, TypeError)
  const { app } = createApplication(t)
  await app.register(oidc, { ...options, discovery: 'http://127.0.0.1:9/.well-known/openid-configuration' })
  t.strictSame(options, copy)
})
