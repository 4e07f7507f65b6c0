import t from 'tap'
import type { FastifyInstance, LightMyRequestResponse as Response } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import type { TestProvider } from 'fastify-oidc-testing'
import { createAuthority } from './bearer-parts.ts'
import { createApplication, optionsFor, testProvider, type Application } from './support.ts'

const API = 'https://api.example.test'
const job = { client_id: 'nightly job', client_secret: 'size: 100% + more', grant_types: ['client_credentials'], response_types: [], redirect_uris: [] }
const front = { client_id: 'front', client_secret: 'secret of the front', grant_types: ['password', 'authorization_code', 'refresh_token'], redirect_uris: ['http://localhost/callback'] }

const basic = (name: string, password: string): Record<string, string> => ({ authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` })
const ALICE = basic('alice', 'any')
const JOB = basic(job.client_id, job.client_secret)

async function application (t: Parameters<typeof testProvider>[0], provider: TestProvider, options: Partial<OidcPluginOptions>): Promise<Application> {
  const application = createApplication(t)
  await application.app.register(oidc, optionsFor(provider, { scope: 'openid read', audience: API, use_jwks: true, ...options }))
  application.app.all('/who', async ({ oidc: { user, via, scopes, claims, accessToken, identityHeaders, consumer }, headers }) => ({ user, via, scopes, client: claims?.client_id, authorization: headers.authorization ?? null, token: accessToken, identity: identityHeaders, consumer: consumer?.username ?? null }))
  application.app.get('/write', { config: { oidc: { required_scopes: 'write' } } }, async () => 'written')
  return application
}

const who = async (app: FastifyInstance, headers: Record<string, string>): Promise<Response> => await app.inject({ url: '/who', headers })

t.test('a name and a password, or a client and its secret, are exchanged once, and the token is looked at as any', async t => {
  for (const tokenFormat of ['jwt', 'opaque'] as const) {
    const provider = await testProvider(t, { resource: API, clients: [front, job], tokenFormat })
    const verification = tokenFormat === 'jwt' ? {} : { use_jwks: false, introspection_endpoint: `${provider.issuer}/token/introspection` }
    const { app, log } = await application(t, provider, { auth_methods: ['password', 'client_credentials'], access_token_in_authorization_header: true, ...verification })
    for (const [headers, user, client, calls] of [[ALICE, 'alice', 'front', 1], [JOB, job.client_id, job.client_id, 3]] as const) {
      for (let time = 0; time < 3; time++) {
        const answer = await who(app, headers)
        t.match(answer, { statusCode: 200 }, `${tokenFormat} ${user}: ${answer.body}`)
        const { token, ...told } = answer.json()
        t.match(told, { via: 'bearer', client, authorization: null, identity: { authorization: `Bearer ${token as string}` } })
        t.same(told.scopes.filter((name: string) => name !== 'openid'), ['read'])
        t.equal(provider.count('POST /token'), calls, 'a client is asked for as a user first')
      }
    }
    if (tokenFormat === 'opaque') t.ok(provider.count('POST /token/introspection') > 0)
    t.match(await app.inject({ url: '/write', headers: ALICE }), { statusCode: 403, headers: { 'www-authenticate': /^Bearer .*insufficient_scope/ } })
    t.equal(provider.count('POST /token'), 3)
    const text = JSON.stringify(log)
    for (const secret of [job.client_secret, ALICE.authorization?.slice(6) ?? '', JOB.authorization?.slice(6) ?? '', 'secret of the front']) t.notOk(text.includes(secret), 'no secret is in the log')
  }
})

t.test('nothing of it is on where it is not named, and each alone is that alone', async t => {
  const provider = await testProvider(t, { resource: API, clients: [front, job] })
  const { app } = await application(t, provider, {})
  app.get('/users', { config: { oidc: { auth_methods: ['password'] } } }, async request => request.oidc.user)
  app.get('/jobs', { config: { oidc: { auth_methods: ['client_credentials', 'bearer'] } } }, async request => request.oidc.user)
  app.get('/twice', { config: { oidc: { auth_methods: ['password'] } }, onRequest: app.oidc.guard({ auth_methods: ['password'], required_scopes: 'read' }) }, async request => request.oidc.user)
  app.get('/narrowed', { config: { oidc: { auth_methods: ['password'] } }, onRequest: app.oidc.guard({ required_scopes: 'read', unauth_action: 'deny' }) }, async request => request.oidc.user)
  const status = async (url: string, headers: Record<string, string>): Promise<number> => (await app.inject({ url, headers })).statusCode
  t.equal(await status('/who', ALICE), 302)
  t.equal(await status('/who', JOB), 302)
  t.equal(provider.count('POST /token'), 0)
  t.equal(await status('/users', ALICE), 200)
  t.equal(await status('/users', JOB), 401)
  t.equal(await status('/jobs', JOB), 200)
  t.equal(await status('/jobs', ALICE), 401)
  const { token } = (await (async () => {
    const application_ = await application(t, provider, { auth_methods: ['bearer', 'password'] })
    return await who(application_.app, ALICE)
  })()).json()
  t.equal(await status('/jobs', { authorization: `Bearer ${token as string}` }), 200)
  t.equal(await status('/users', { authorization: `Bearer ${token as string}` }), 401, 'a bearer token is not looked at there')
  t.equal(await status('/twice', ALICE), 200, 'a second policy asks again, and the header is still known')
  t.equal(await status('/narrowed', ALICE), 401, 'one that leaves it out knows nobody')
})

t.test('who is vouched for by the application is not thereby known to the provider', async t => {
  const authority = await createAuthority(t)
  const { app } = createApplication(t)
  await app.register(oidc, { client_id: 'app', client_secret: 'our secret', discovery: authority.discovery, bearer_only: false, use_jwks: true, audience: API, auth_methods: ['bearer', 'password', 'client_credentials', 'session', 'authorization_code'], session: { secret: 's'.repeat(32) } } as OidcPluginOptions)
  app.oidc.useLocalUsers({ isCurrent: () => true, verify: async ({ name, password }) => name === 'ann' && password === 'of the file' ? { user: 'ann', groups: [], stamp: '1' } : null })
  for (const methods of [['client_credentials'], ['password'], ['bearer', 'password', 'session'], ['bearer']] as const) {
    app.get(`/${methods.join('-')}`, { config: { oidc: { auth_methods: ['bearer', 'session'] } }, onRequest: app.oidc.guard({ auth_methods: [...methods] }) }, async ({ oidc: { user, via }, headers }) => ({ user, via, authorization: headers.authorization ?? null }))
  }
  const answers: Record<string, number> = {}
  for (const path of ['client_credentials', 'password', 'bearer-password-session', 'bearer']) answers[path] = (await app.inject({ url: `/${path}`, headers: basic('ann', 'of the file') })).statusCode
  t.strictSame(answers, { client_credentials: 401, password: 401, 'bearer-password-session': 401, bearer: 200 })
  t.strictSame(authority.asked.map(({ form }) => form.get('grant_type')), ['client_credentials', 'password'], 'the provider is asked, and a refusal is remembered')
})

t.test('wrong ones are final, with a challenge, and go neither to a session nor to pass', async t => {
  const provider = await testProvider(t, { resource: API, clients: [front, job] })
  const { app, log } = await application(t, provider, { auth_methods: ['password', 'session', 'authorization_code'], realm: 'the "house"' })
  app.get('/pass', { config: { oidc: { unauth_action: 'pass' } } }, async request => request.oidc.user)
  app.get('/api', { config: { oidc: { auth_methods: ['password'] } } }, async () => '')
  const cookie = await app.oidc.issueCookie({ subject: 'sid' })
  const wrong = await app.inject({ url: '/who', headers: { ...basic('mallory', 'guess of mallory'), cookie, accept: 'text/html', 'sec-fetch-mode': 'navigate' } })
  t.match(wrong, { statusCode: 401, headers: { 'www-authenticate': [/^Bearer realm="the \\"house\\""/, 'Basic realm="the \\"house\\"", charset="UTF-8"'], 'cache-control': 'no-store', 'set-cookie': undefined } })
  t.equal((await app.inject({ url: '/pass', headers: basic('mallory', 'guess of mallory') })).statusCode, 401)
  t.equal((await app.inject('/pass')).statusCode, 200)
  t.equal((await who(app, { cookie })).json().user, 'sid', 'a session without a password')
  t.equal((await who(app, { cookie, ...ALICE })).json().user, 'alice', 'a password goes before a session')
  t.match(await app.inject({ url: '/who', headers: { accept: 'application/json' } }), { statusCode: 401, headers: { 'www-authenticate': /^Bearer [^,]*$/ } }, 'where logins are, a browser is not asked for a password by itself')
  t.match(await app.inject('/api'), { statusCode: 401, headers: { 'www-authenticate': [/^Bearer/, /^Basic/] } })
  t.match(log.filter(line => line.code === 'FST_OIDC_CREDENTIALS_INVALID'), [{ level: 30, oidc: 'refused' }, { msg: /remembered|does not know/ }])
  t.notOk(JSON.stringify(log).includes('guess of mallory'))
})

t.test('a browser that remembers a password writes nothing for another site', async t => {
  const provider = await testProvider(t, { resource: API, clients: [front, job] })
  const { app } = await application(t, provider, { auth_methods: ['bearer', 'password'] })
  const write = async (headers: Record<string, string>): Promise<number> => (await app.inject({ method: 'POST', url: '/who', headers: { ...headers } })).statusCode
  const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
  t.equal(await write({ ...ALICE, ...foreign }), 403)
  t.equal(await write({ ...ALICE, 'sec-fetch-site': 'same-origin' }), 200)
  t.equal(await write(ALICE), 200)
  const { token } = (await who(app, ALICE)).json()
  t.equal(await write({ authorization: `Bearer ${token as string}`, ...foreign }), 200, 'no other site has a token')
})

t.test('without logins too, and who it is may be a consumer', async t => {
  const provider = await testProvider(t, { resource: API, clients: [front, job] })
  const { app } = await application(t, provider, { bearer_only: true, auth_methods: ['password', 'client_credentials'], consumer: { claims: ['sub'], by: ['custom_id'], set_headers: true, list: [{ username: 'Yoda', custom_id: 'alice' }] } as OidcPluginOptions['consumer'] })
  t.match((await who(app, ALICE)).json(), { consumer: 'Yoda', identity: { 'x-consumer-username': 'Yoda' } })
  t.match(await who(app, JOB), { statusCode: 403 })
  t.match(await who(app, {}), { statusCode: 401, headers: { 'www-authenticate': [/^Bearer/, /^Basic/] } })
  t.same(app.oidc.routes().find(({ url }) => url === '/write')?.policy?.auth_methods, ['password', 'client_credentials'])
})

t.test('explain says where bearer tokens are left out', async t => {
  const provider = await testProvider(t, { resource: API, clients: [front, job] })
  const { app } = createApplication(t)
  let explained: unknown = null
  app.addHook('onRequest', async (request, reply) => {
    explained = await app.oidc.explain(request, { kind: 'token', token: 'x' })
    return reply.send('')
  })
  await app.register(oidc, optionsFor(provider, { audience: API, use_jwks: true, auth_methods: ['password', 'session', 'authorization_code'] }))
  app.get('/', async () => '')
  await app.inject('/')
  t.match(explained, { verdict: 'refuse', status: 401, reason: /auth_methods leave them out/, required: [['audience', /api/], ['auth_methods', 'one of password, session, authorization_code']] })
})
