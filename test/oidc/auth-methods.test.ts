import t from 'tap'
import { exportPKCS8 } from 'jose'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { claimsFor, createAuthority, createSigner } from './bearer-parts.ts'
import { createApplication, optionsFor } from './support.ts'

type Method = 'bearer' | 'introspection' | 'session' | 'authorization_code'

const signer = await createSigner()
const DPOP_KEY = await exportPKCS8((await createSigner('ES256')).privateKey)
const ALL: readonly Method[] = ['bearer', 'introspection', 'session', 'authorization_code']
const subsets = Array.from({ length: 2 ** ALL.length - 1 }, (_, index) => ALL.filter((_method, bit) => (index + 1) & (1 << bit)))

t.test('a route looks at the ways that it names, and at no other', async t => {
  const authority = await createAuthority(t)
  authority.knows = token => token === 'opaque' ? claimsFor(authority, { active: true, sub: 'ivy' }) : undefined
  const { app } = createApplication(t)
  app.addHook('onRequest', async (request, reply) => {
    const { 'x-explain': kind, 'x-token': token } = request.headers
    if (kind !== undefined) return reply.send(await app.oidc.explain(request, kind === 'token' ? { kind, token: String(token) } : { kind: 'claims', claims: { sub: 'ann', aud: 'api' } }))
  })
  const facts = { discovery: authority.discovery, clientId: 'app', clientSecret: 'a secret' }
  await app.register(oidc, optionsFor(facts, { public_key: signer.pem, introspection_endpoint: `${authority.issuer}/introspect`, audience: 'api' }))
  const tell = async (request: { oidc: { user: string | null } }) => ({ user: request.oidc.user })
  for (const [index, methods] of subsets.entries()) {
    app.get(`/route/${index}`, { config: { oidc: { auth_methods: methods } } }, tell)
    app.get(`/guard/${index}`, { onRequest: app.oidc.guard({ auth_methods: methods }) }, tell)
  }
  const cookie = await app.oidc.issueCookie({ subject: 'sid' })
  const jwt = await signer.sign(claimsFor(authority, { sub: 'ann' }))
  for (const [index, methods] of subsets.entries()) {
    const has = (method: Method): boolean => methods.includes(method)
    const [takesSession, takesTokens] = [has('session') || has('authorization_code'), has('bearer') || has('introspection')]
    const nobody = has('authorization_code') ? 302 : 401
    const rows = [
      ['nothing', {}, nobody],
      ['a cookie', { cookie }, takesSession ? 'sid' : nobody],
      ['a JWT', { authorization: `Bearer ${jwt}` }, has('bearer') ? 'ann' : takesTokens ? 401 : nobody],
      ['an opaque token', { authorization: 'Bearer opaque' }, has('introspection') ? 'ivy' : takesTokens ? 401 : nobody],
      ['both', { cookie, authorization: `Bearer ${jwt}` }, has('bearer') ? 'ann' : takesTokens ? 401 : takesSession ? 'sid' : nobody]
    ] as const
    for (const [what, headers, expected] of rows) {
      const answer = await app.inject({ url: `/route/${index}`, headers })
      t.equal(answer.statusCode === 200 ? answer.json().user : answer.statusCode, expected, `${methods.join(' ')}: ${what}`)
    }
    for (const [token, method] of [[jwt, 'bearer'], ['opaque', 'introspection']] as const) {
      const explained = (await app.inject({ url: `/route/${index}`, headers: { 'x-explain': 'token', 'x-token': token } })).json()
      t.match(explained, has(method) ? { verdict: 'pass', via: 'bearer' } : { verdict: 'refuse', status: 401 }, `${methods.join(' ')}: what is explained of ${method}`)
    }
    t.match((await app.inject({ url: `/route/${index}`, headers: { 'x-explain': 'claims' } })).json(), { verdict: 'pass', via: takesTokens ? 'bearer' : 'session' }, `${methods.join(' ')}: claims are those of who could bring them`)
    const again = await app.inject({ url: `/guard/${index}`, headers: { cookie } })
    t.equal(again.statusCode === 200 ? again.json().user : again.statusCode, takesSession ? 'sid' : nobody, `${methods.join(' ')}: a guard after the route's own`)
  }
})

t.test('with bearer_only a route that narrows still lets nobody pass without a token', async t => {
  const authority = await createAuthority(t)
  const { app } = createApplication(t)
  await app.register(oidc, { client_id: 'api', client_secret: 'a secret', discovery: authority.discovery, bearer_only: true, public_key: signer.pem, introspection_endpoint: `${authority.issuer}/introspect` } as OidcPluginOptions)
  app.get('/', { config: { oidc: { auth_methods: ['bearer'], unauth_action: 'pass' } } }, async () => 'in')
  t.equal((await app.inject('/')).statusCode, 401)
  t.equal((await app.inject({ url: '/', headers: { authorization: `Bearer ${await signer.sign(claimsFor(authority))}` } })).statusCode, 200)
})

t.test('ways that cannot be, or that keys speak against, stop the boot', async t => {
  const facts = { discovery: 'http://localhost/.well-known/openid-configuration', clientId: 'app', clientSecret: 'a secret' }
  const keys = { public_key: signer.pem, audience: 'api' }
  const wrong: ReadonlyArray<readonly [object, RegExp]> = [
    [{ auth_methods: ['bearer'] }, /auth_methods has bearer, and no key verifies tokens/],
    [{ auth_methods: ['introspection'] }, /auth_methods has introspection, and nobody is asked/],
    [{ bearer_only: true, ...keys, auth_methods: ['bearer', 'session'] }, /auth_methods has session, and bearer_only/],
    [{ bearer_only: true, ...keys, auth_methods: ['bearer', 'authorization_code'] }, /auth_methods has authorization_code, and bearer_only/],
    [{ ...keys, auth_methods: ['session'] }, /auth_methods leaves out bearer, and use_jwks or public_key is set/],
    [{ auth_methods: [] }, /auth_methods/],
    [{ auth_methods: ['session', 'session'] }, /auth_methods/],
    [{ auth_methods: 'session' }, /auth_methods/],
    [{ auth_methods: ['password'] }, /auth_methods has password, and no token that it is exchanged for could be verified here/],
    [{ auth_methods: ['client_credentials', 'session'] }, /auth_methods has client_credentials, and no token/],
    [{ ...keys, dpop: { enabled: true, private_key: DPOP_KEY }, auth_methods: ['password', 'bearer'] }, /auth_methods has password, and .*neither dpop\.enabled/],
    [{ ...keys, security_profile: 'fapi2', bearer_only: true, auth_methods: ['password', 'bearer'] }, /auth_methods has password, and .*nor security_profile fapi2/],
    [{ ...keys, auth_methods: ['bearer', 'refresh_token'] }, /auth_methods\[1\] has refresh_token, which is no way to say who calls: a refresh token opens everything for weeks/],
    [{ auth_methods: ['userinfo'] }, /auth_methods\[0\] has userinfo, which is no way to say who calls: set introspection_endpoint/],
    [{ auth_methods: ['kong_oauth2'] }, /auth_methods\[0\] has kong_oauth2, which has no counterpart/],
    [{ auth_methods: ['constructor'] }, /auth_methods\[0\]/]
  ]
  for (const [options, message] of wrong) {
    const { app } = createApplication(t)
    await t.rejects(async () => { await app.register(oidc, optionsFor(facts, options as Partial<OidcPluginOptions>)) }, { code: 'FST_OIDC_OPTIONS_INVALID', message }, JSON.stringify(options))
  }
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(facts, { auth_methods: ['session'] }))
  t.throws(() => { app.get('/', { config: { oidc: { auth_methods: ['refresh_token' as 'session'] } } }, async () => '') }, { code: 'FST_OIDC_POLICY_INVALID', message: /auth_methods\[0\] has refresh_token, which is no way/ })
  t.throws(() => { app.get('/', { config: { oidc: { auth_methods: ['password'] } } }, async () => '') }, { code: 'FST_OIDC_POLICY_INVALID', message: /auth_methods has password/ })
  t.throws(() => { app.get('/', { config: { oidc: { auth_methods: ['authorization_code'] } } }, async () => '') }, { code: 'FST_OIDC_POLICY_INVALID', message: /authorization_code, which the plugin's own auth_methods leave out/ })
})
