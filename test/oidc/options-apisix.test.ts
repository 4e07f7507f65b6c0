import t from 'tap'
import { checkOidcOptions } from 'fastify-oidc'
import { createSigner } from './bearer-parts.ts'
import { SECRET } from './support.ts'

/** The four values that a configuration of APISIX cannot do without; there, any text is an address. */
const four = { client_id: 'a', client_secret: 'b', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: 'a secret of thirty-two characters' } }
const signer = await createSigner()

const withSession = (session: object): object => ({ ...four, session: { secret: SECRET, ...session } })
const withIssuers = (issuers: unknown): object => ({ ...four, claim_validator: { issuer: { valid_issuers: issuers } } })

function problemsOf (options: object): string[] {
  return checkOidcOptions(options).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
}

const ACCEPTED: ReadonlyArray<readonly [string, object]> = [
  ['S001 the four values', four],
  ['S006 bearer_only and no session', { ...four, bearer_only: true, session: undefined }],
  ['S008 a secret of 32 characters', { ...four, bearer_only: false }],
  ['S010 a longer secret', withSession({ secret: 'a secret that is longer than sixteen characters' })],
  ['S012 session.cookie.lifetime', withSession({ cookie: { lifetime: 86400 } })],
  ['S014 one valid issuer', { ...withIssuers(['https://op.example']), ssl_verify: true }],
  ['S018 name and path of the cookie, and its absolute end', withSession({ cookie_name: 'custom', cookie_path: '/app', absolute_timeout: 86400 })],
  ['S019 every other attribute of the cookie', withSession({ cookie_secure: true, cookie_http_only: true, cookie_same_site: 'Strict', cookie_domain: 'example.test', idling_timeout: 900, rolling_timeout: 3600 })],
  ['S020 the older session.cookie.lifetime', withSession({ cookie: { lifetime: 3600 } })],
  ['S030 bearer_only with a public key', { ...four, bearer_only: true, public_key: signer.pem, client_secret: undefined }],
  ['S031 bearer_only with the keys of the provider', { ...four, bearer_only: true, use_jwks: true, client_secret: undefined }],
  ['S044 an assertion with PS256, which is known here', { ...four, token_endpoint_auth_method: 'client_secret_basic', client_jwt_assertion_alg: 'PS256' }]
]

for (const [name, options] of ACCEPTED) {
  t.test(`accepted: ${name}`, async t => {
    const { options: settled, problems } = checkOidcOptions(options)
    t.strictSame(problems, [])
    const { session } = options as { session?: Record<string, unknown> }
    if (session === undefined) t.equal(settled.session, undefined, 'no session is made up')
    else t.hasStrict(settled.session, session, 'and what is written stays as it is')
  })
}

const REFUSED: ReadonlyArray<readonly [string, object, RegExp]> = [
  ['S002 no client_id', { ...four, client_id: undefined }, /^client_id is required$/],
  ['S003 a client_id that is a number', { ...four, client_id: 123 }, /^client_id must be a string, not a number$/],
  ['S005 no session', { ...four, session: undefined }, /^session\.secret is required when "bearer_only" is false$/],
  ['S007 no session, and bearer_only is false', { ...four, session: undefined, bearer_only: false }, /^session\.secret is required when "bearer_only" is false$/],
  ['S009 a secret of four characters', withSession({ secret: 'test' }), /^session\.secret is too short: at least 16 characters$/],
  ['S013 valid_issuers that is a number', withIssuers(123), /^claim_validator\.issuer\.valid_issuers must be an array, not a number$/],
  ['S025 a lifetime that is a text', withSession({ cookie: { lifetime: '3600' } }), /^session\.cookie\.lifetime must be an integer, not a string$/],
  ['S028 an unknown name under session', withSession({ unknown_key: 1 }), /^session\.unknown_key is not a known option/],
  ['S029 a SameSite that is none', withSession({ cookie_same_site: 'bogus' }), /^session\.cookie_same_site must be one of "Lax", "Strict", "None", "Default"$/],
  ['S035 logins without a client secret', { ...four, client_secret: undefined }, /^client_secret is required/]
]

for (const [name, options, expected] of REFUSED) {
  t.test(`refused: ${name}`, async t => { t.match(problemsOf(options), [expected]) })
}

t.test('a port of Redis that is a text is refused (S016)', async t => {
  const problems = problemsOf(withSession({ storage: 'redis', redis: { host: '127.0.0.1', port: '6379' } }))
  t.ok(problems.includes('session.redis.port must be an integer, not a string'), problems.join('\n'))
})

t.test('each value of the session stays as it is written, and none changes another (S021, S022, S023, S027)', async t => {
  const flat = { cookie_name: 'custom', cookie_path: '/app', cookie_domain: 'example.test', cookie_secure: true, cookie_http_only: false, cookie_same_site: 'None', idling_timeout: 600, rolling_timeout: 1200, absolute_timeout: 7200 }
  t.hasStrict(checkOidcOptions(withSession(flat)).options.session, { secret: SECRET, ...flat }, 'S021')
  t.hasStrict(checkOidcOptions(withSession({ cookie: { lifetime: 7200 } })).options.session, { cookie: { lifetime: 7200 }, absolute_timeout: 86400 }, 'S022: it slides, and the end stands where it stood')
  t.equal(checkOidcOptions({ ...four, session: undefined, bearer_only: true }).options.session, undefined, 'S023')
  t.hasStrict(checkOidcOptions(withSession({ cookie: { lifetime: 7200 }, absolute_timeout: 1800 })).options.session, { cookie: { lifetime: 7200 }, absolute_timeout: 1800 }, 'S027')
})

t.test('a client secret may be a reference to the environment (S066)', async t => {
  const before = process.env
  process.env = { ...before, CLIENT_SECRET_OF_TEST: 'the client secret of the environment' }
  t.teardown(() => { process.env = before })
  const { options, problems } = checkOidcOptions({ ...four, client_secret: '$ENV://CLIENT_SECRET_OF_TEST' })
  t.strictSame(problems, [])
  t.equal(options.client_secret, process.env.CLIENT_SECRET_OF_TEST)
})
