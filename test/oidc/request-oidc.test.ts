import t from 'tap'
import oidc, { type RequestOidc } from 'fastify-oidc'
import { withIdentity } from 'fastify-oidc-testing'
import { createApplication, optionsFor } from './support.ts'
import { now, storedOf } from './session-parts.ts'

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }

function plain (identity: RequestOidc): Record<string, unknown> {
  const { authenticated, via, claims, userinfo, scopes, groups, sessionId, expiresAt, accessToken, idToken, identityHeaders } = identity
  return { authenticated, via, claims, userinfo, scopes, groups, sessionId, expiresAt, accessToken, idToken, identityHeaders }
}

async function application (t: Parameters<typeof createApplication>[0]): Promise<ReturnType<typeof createApplication>['app']> {
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(offline, { unauth_action: 'pass', set_id_token_header: false, set_userinfo_header: false }))
  app.get('/', async request => plain(request.oidc))
  return app
}

t.test('request.oidc says who asks', async t => {
  const app = await application(t)
  const cookie = await app.oidc.issueCookie({
    subject: 'alice',
    idTokenClaims: { sub: 'alice', groups: ['a', 'b', 7] },
    userinfo: { sub: 'alice', email: 'alice@example.test' },
    scope: 'openid  read write ',
    accessToken: 'token',
    accessTokenExpiresAt: now() + 60,
    cold: { refreshToken: null, idToken: 'a.b.c' }
  })
  const { session, expiresAt } = await storedOf(app, cookie)
  t.strictSame((await app.inject({ url: '/', headers: { cookie } })).json(), {
    authenticated: true,
    via: 'session',
    claims: { sub: 'alice', groups: ['a', 'b', 7] },
    userinfo: { sub: 'alice', email: 'alice@example.test' },
    scopes: ['openid', 'read', 'write'],
    groups: ['a', 'b', '7'],
    sessionId: session.id,
    expiresAt,
    accessToken: 'token',
    idToken: 'a.b.c',
    identityHeaders: { 'x-access-token': 'token' }
  })
})

t.test('request.oidc of nobody is there, and empty', async t => {
  const app = await application(t)
  t.strictSame((await app.inject('/')).json(), { authenticated: false, via: null, claims: null, userinfo: null, scopes: [], groups: [], sessionId: null, expiresAt: null, accessToken: null, idToken: null, identityHeaders: {} })
})

t.test('groups come from the ID token, else from userinfo; one may be a string', async t => {
  const app = await application(t)
  const groupsOf = async (claims: object, userinfo: object | null): Promise<unknown> => {
    const { headers } = await withIdentity(app, { sub: 'a', ...claims }, userinfo === null ? {} : { userinfo: userinfo as never })
    return (await app.inject({ url: '/', headers })).json().groups
  }
  t.strictSame(await groupsOf({ groups: ['a'] }, { groups: ['b'] }), ['a'])
  t.strictSame(await groupsOf({}, { groups: ['b'] }), ['b'])
  t.strictSame(await groupsOf({ groups: 'admin' }, null), ['admin'])
  t.strictSame(await groupsOf({ groups: { admin: true } }, null), [])
  t.strictSame(await groupsOf({ groups: [] }, { groups: ['b'] }), [], 'an empty list is an answer')
  t.strictSame(await groupsOf({}, null), [])
})

t.test('nothing of it can be changed, so one request cannot speak for the next', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(offline))
  const attempts: Array<(identity: RequestOidc) => void> = [
    ({ claims }) => { (claims as { sub: string }).sub = 'mallory' },
    ({ claims }) => { (claims as unknown as { roles: string[] }).roles = ['admin'] },
    ({ claims }) => { (claims as unknown as { deep: { list: string[] } }).deep.list.push('admin') },
    ({ userinfo }) => { (userinfo as { sub: string }).sub = 'mallory' },
    ({ scopes }) => { (scopes as string[]).push('admin') },
    ({ groups }) => { (groups as string[]).push('admin') },
    ({ identityHeaders }) => { (identityHeaders as Record<string, string>)['x-id-token'] = 'forged' },
    identity => { (identity as { authenticated: boolean }).authenticated = false },
    identity => { (identity as { accessToken: string }).accessToken = 'forged' },
    identity => { Object.setPrototypeOf(identity.claims, { admin: true }) }
  ]
  app.get('/:attempt', async request => {
    const attempt = attempts[Number((request.params as { attempt: string }).attempt)]
    if (attempt === undefined) return plain(request.oidc)
    try {
      attempt(request.oidc)
      return 'changed'
    } catch (error) {
      return (error as Error).name
    }
  })
  const { headers } = await withIdentity(app, { sub: 'alice', groups: ['users'], deep: { list: [] } }, { userinfo: { sub: 'alice' }, accessToken: 'token' })
  const before = (await app.inject({ url: '/show', headers })).json()
  for (let index = 0; index < attempts.length; index++) t.equal((await app.inject({ url: `/${index}`, headers })).body, 'TypeError', String(attempts[index]))
  t.strictSame((await app.inject({ url: '/show', headers })).json(), before)
})

t.test('request.oidc is there for every hook after onRequest, and in routes of child scopes', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(offline, { unauth_action: 'pass' }))
  const seen: string[] = []
  app.addHook('preParsing', async request => { seen.push(`preParsing ${request.oidc.authenticated}`) })
  app.addHook('onRequest', async request => { seen.push(`onRequest ${request.oidc.authenticated}`) })
  app.addHook('onResponse', async request => { seen.push(`onResponse ${request.oidc.authenticated}`) })
  app.setNotFoundHandler(async (request, reply) => await reply.code(404).send({ authenticated: request.oidc.authenticated }))
  await app.register(async child => { child.get('/', async request => ({ authenticated: request.oidc.authenticated })) }, { prefix: '/child' })
  const { headers } = await withIdentity(app, { sub: 'alice' })
  t.strictSame((await app.inject({ url: '/child', headers })).json(), { authenticated: true })
  t.strictSame(seen, ['onRequest true', 'preParsing true', 'onResponse true'])
  t.strictSame((await app.inject('/nowhere')).json(), { authenticated: false })
  t.strictSame((await app.inject({ url: '/nowhere', headers })).json(), { authenticated: true })
})
