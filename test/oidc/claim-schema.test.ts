import t from 'tap'
import { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { login } from 'fastify-oidc-testing'
import { bearerApp, claimsFor, createAuthority, createSigner, get, reasons } from './bearer-parts.ts'
import { cookieAfter, isCleared, lyingProvider, movableClock, setCookies } from './session-parts.ts'
import { optionsFor, protectedApp, SECRET } from './support.ts'

/** Of the lying provider's access tokens, in seconds. */
const TOKEN_LIFE = 300
const minimal = { client_id: 'app', client_secret: 'a secret of the client', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET } }
const DESCRIPTION = 'The claims of this sign-in are not those that are needed here'

const requires = (...required: string[]) => ({ type: 'object', properties: { access_token: { type: 'string' }, id_token: { type: 'object' }, user: { type: 'object' } }, required })

// rows: claim_schema
t.test('a session that holds against claim_schema passes, with all headers (S120)', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { claim_schema: requires('access_token', 'id_token', 'user') }))
  const { response } = await login(app, { path: '/echo/x' })
  t.equal(response.status, 200)
  t.strictSame(Object.keys((JSON.parse(response.body) as { identity: object }).identity).sort(), ['x-access-token', 'x-id-token', 'x-userinfo'])
})

// rows: claim_schema, realm
t.test('one that does not gets 401 with a challenge, whatever the policy, and lives on (S121, S447)', async t => {
  const provider = await lyingProvider(t)
  for (const action of ['auth', 'deny', 'pass'] as const) {
    const { app, log } = await protectedApp(t, optionsFor(provider, { unauth_action: action, realm: 'my "api"', claim_schema: requires('user1') }))
    const cookie = await app.oidc.issueCookie({ subject: 'alice', userinfo: { sub: 'alice' }, accessToken: 'token' })
    for (const accept of ['application/json', 'text/html']) {
      const answer = await app.inject({ url: '/', headers: { cookie, accept } })
      t.equal(answer.statusCode, 401, action)
      t.equal(answer.headers['www-authenticate'], `Bearer realm="my \\"api\\"", error="invalid_token", error_description="${DESCRIPTION}"`)
      t.match(answer.headers['content-type'], accept)
      t.notMatch(answer.body, 'user1', 'what is missing is for the log alone')
      t.strictSame(setCookies(answer), [], 'the session is left alone')
    }
    t.match(log.find(line => line.oidc === 'refused')?.msg, 'claim validation failed: property "user1" is required')
    t.equal((await app.inject({ url: '/open', headers: { cookie } })).statusCode, 200)
    const out = await app.inject({ url: '/logout', headers: { cookie } })
    t.ok(isCleared(out), 'its user can log out')
  }
})

t.test('a login that brings the wrong claims ends at 401, not in a loop', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { claim_schema: { properties: { id_token: { properties: { department: { const: 'sales' } }, required: ['department'] } } } }))
  const { response, browser } = await login(app)
  t.equal(response.status, 401)
  t.equal(provider.count('token'), 1)
  t.equal((await browser.navigate('http://localhost/')).history.length, 1)
  provider.lie({ idTokenClaims: { department: 'sales' } })
  const other = await login(app)
  t.equal(other.response.status, 200)
})

t.test('what the session does not keep is not there', async t => {
  const provider = await lyingProvider(t)
  for (const [contents, required, status] of [[{ id_token: true }, ['id_token'], 200], [{ id_token: true }, ['user'], 401], [{ user: true }, ['access_token'], 401], [{}, [], 200]] as const) {
    const { app } = await protectedApp(t, optionsFor(provider, { session_contents: contents, claim_schema: { ...requires(...required), additionalProperties: false } }))
    t.equal((await login(app)).response.status, status, JSON.stringify([contents, required]))
  }
})

t.test('O190: the claims of a renewed ID token are judged anew', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { claim_schema: { properties: { id_token: { properties: { level: { type: 'integer', minimum: 2 } } } } } }))
  const { cookie, response } = await login(app)
  t.equal(response.status, 200)
  const clock = movableClock(t)
  let current = cookie
  for (const [level, status] of [[1, 401], [2, 200]] as const) {
    provider.lie({ idTokenClaims: { level } })
    clock.advance(TOKEN_LIFE)
    const answer = await app.inject({ url: '/', headers: { cookie: current } })
    current = cookieAfter(answer, current)
    t.equal(answer.statusCode, status, `level ${level}`)
    t.equal((await app.inject({ url: '/', headers: { cookie: current } })).statusCode, status)
  }
})

t.test('names of the prototype do not hold, and a schema that refers to itself goes as deep as the claims', async t => {
  const { app } = await protectedApp(t, optionsFor({ clientId: 'app', clientSecret: 'a secret', discovery: 'http://127.0.0.1:9/.well-known/openid-configuration' }, { claim_schema: { properties: { id_token: { required: ['toString'] }, user: { additionalProperties: { $ref: '#/properties/user' }, not: { required: ['bad'] } } } } }))
  const nest = (innermost: object): Record<string, unknown> => Array.from({ length: 500 }).reduce<Record<string, unknown>>(inner => ({ inner }), { ...innermost })
  for (const [idTokenClaims, userinfo, status] of [[{ sub: 'alice' }, null, 401], [{ toString: 'x' }, null, 200], [{ toString: 'x' }, nest({}), 200], [{ toString: 'x' }, nest({ bad: {} }), 401]] as const) {
    const cookie = await app.oidc.issueCookie({ subject: 'alice', idTokenClaims, userinfo })
    t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, status)
  }
})

// rows: claim_schema
t.test('a bearer token has to hold with its claims as they are (S111)', async t => {
  const authority = await createAuthority(t)
  const signer = await createSigner()
  const application = await bearerApp(t, authority, { public_key: signer.pem, claim_schema: { type: 'object', required: ['email'], properties: { email: { type: 'string' } } } })
  const bad = await get(application.app, await signer.sign(claimsFor(authority)))
  t.equal(bad.statusCode, 401)
  t.equal(bad.headers['www-authenticate'], 'Bearer realm="apisix", error="invalid_token", error_description="The access token is not valid"')
  t.match(reasons(application).join(), 'claim validation failed: property "email" is required')
  const good = await signer.sign(claimsFor(authority, { email: 'alice@example.test' }))
  t.strictSame([(await get(application.app, good)).statusCode, (await get(application.app, good)).statusCode], [200, 200])
})

t.test('a token that one claim_schema let in is not in for another', async t => {
  const authority = await createAuthority(t)
  const signer = await createSigner()
  const token = await signer.sign(claimsFor(authority))
  for (const [schema, status] of [[undefined, 200], [{ required: ['email'] }, 401], [{ required: ['sub'] }, 200]] as const) {
    const { app } = await bearerApp(t, authority, { public_key: signer.pem, ...(schema === undefined ? {} : { claim_schema: schema }) } as Partial<OidcPluginOptions>)
    t.equal((await get(app, token)).statusCode, status, JSON.stringify(schema))
  }
})

t.test('an introspected token has to hold with the answer about it', async t => {
  const authority = await createAuthority(t)
  authority.knows = token => ({ active: true, sub: 'alice', scope: 'read', ...(token === 'good' ? { email: 'alice@example.test' } : {}) })
  const { app } = await bearerApp(t, authority, { claim_schema: { required: ['email'] } })
  t.equal((await get(app, 'good')).statusCode, 200)
  t.equal((await get(app, 'bad')).statusCode, 401)
})

// rows: claim_schema
t.test('a claim_schema that does not compile stops the boot (S011)', async t => {
  const problemsOf = (schema: object): string[] => checkOidcOptions({ ...minimal, claim_schema: schema }).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
  const table: Array<[object, RegExp]> = [
    [{ type: 'invalid_type' }, /^claim_schema is not a JSON Schema: check claim_schema failed: schema is invalid/],
    [{ properties: { user: { type: 'objekt' } } }, /check claim_schema failed: schema is invalid/],
    [{ required: 'user' }, /check claim_schema failed: schema is invalid/],
    [{ $ref: 'https://elsewhere.example/schema.json' }, /check claim_schema failed: can't resolve reference/],
    [{ properties: { user: { pattern: '(' } } }, /check claim_schema failed/],
    [{ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' }, /check claim_schema failed: no schema with key or ref/],
    [{ $async: true, type: 'object' }, /check claim_schema failed: \$async schemas are not supported/]
  ]
  for (const [schema, expected] of table) t.match(problemsOf(schema), [expected], JSON.stringify(schema))
  for (const schema of [{}, { type: 'object', properties: { user: { format: 'no-such-format', 'x-note': 'kept' } } }, { $schema: 'http://json-schema.org/draft-07/schema#', $defs: { a: { type: 'string' } }, properties: { user: { properties: { email: { $ref: '#/$defs/a' } } } } }, { $schema: 'http://json-schema.org/draft-04/schema#', $id: 'mine' }]) {
    t.strictSame(problemsOf(schema), [], JSON.stringify(schema))
    t.strictSame(problemsOf(schema), [], 'a second time too')
  }
  t.match(checkOidcOptions({ ...minimal, claim_schema: 'object' }).problems, [{ path: ['claim_schema'], message: /must be an object, not a string/ }])
})
