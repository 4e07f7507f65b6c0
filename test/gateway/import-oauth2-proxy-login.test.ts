import t from 'tap'
import type { Gateway, GatewayOptions } from 'fastify-oidc-gateway'
import { createTestProvider, login } from 'fastify-oidc-testing'
import { FILE, refusals, translate } from './import-oauth2-proxy-parts.ts'
import { ask, startGateway, startUpstream } from './parts.ts'

interface Test { teardown (handler: () => unknown): void }

const USERS = {
  kim: { email: 'Kim@Corp.com', email_verified: true, groups: ['staff', 'admins'] },
  eve: { email: 'eve@evil.com', email_verified: true, groups: ['staff'] },
  two: { email: 'two@evil.com@corp.com', groups: ['staff'] },
  new: { email: 'new@corp.com', email_verified: false, groups: ['staff'] },
  nil: { groups: ['staff'] }
}

async function start (t: Test, options: Record<string, unknown>): Promise<Gateway> {
  const provider = await createTestProvider({ autoLogin: 'kim', users: USERS })
  t.teardown(async () => { await provider.close() })
  const imported = translate({
    ...FILE,
    client_id: provider.clientId,
    client_secret: provider.clientSecret,
    oidc_issuer_url: provider.issuer,
    cookie_secure: false,
    skip_provider_button: true,
    upstreams: [await startUpstream(t)],
    ...options
  }, { listen: { host: '127.0.0.1', port: 0 } })
  const refused = refusals(imported)
  if (refused.length > 0) throw new Error(refused.join('\n'))
  return await startGateway(t, imported.value as unknown as GatewayOptions)
}

async function statusOf (gateway: Gateway, user: keyof typeof USERS): Promise<number> {
  return (await login(gateway.app, { path: '/page', user })).response.status
}

t.test('O077, O081, O083, O196, GHSA-c5c4-8r6x-56w3: a file with a rule for domains lets its own in, and nobody else', async t => {
  const gateway = await start(t, { email_domains: ['corp.com'], pass_access_token: true, scope: 'openid email profile groups' })
  const unauthenticated = await ask(gateway, '/page', { headers: { accept: 'text/html' } })
  t.equal(unauthenticated.status, 302)
  t.match(new URL(String(unauthenticated.headers.location)).searchParams.get('redirect_uri'), /\/oauth2\/callback$/)
  const { response, cookie } = await login(gateway.app, { path: '/page', user: 'kim' })
  t.equal(response.status, 200)
  t.match(cookie, /^_oauth2_proxy=/)
  const { received } = await ask(gateway, '/other', { headers: { cookie, 'x-forwarded-email': 'root@corp.com', 'x-userinfo': 'forged' } })
  t.equal(received.url, '/other')
  for (const name of Object.keys(received.headers)) t.notMatch(name, /^(?:x-userinfo|x-id-token|x-access-token|cookie)$/, name)
  t.match(received.headers, { 'x-forwarded-email': 'Kim@Corp.com', 'x-forwarded-user': 'kim', 'x-forwarded-groups': 'staff,admins', 'x-forwarded-access-token': /./ })
  for (const user of ['eve', 'two', 'new', 'nil'] as const) t.equal(await statusOf(gateway, user), 403, user)
})

t.test('a file with a rule for groups lets their members in', async t => {
  const gateway = await start(t, { allowed_groups: ['admins'] })
  t.equal(await statusOf(gateway, 'kim'), 200)
  t.equal(await statusOf(gateway, 'eve'), 403)
})

t.test('a subject does for an e-mail address where the file says so', async t => {
  const gateway = await start(t, { user_id_claim: 'sub' })
  t.equal(await statusOf(gateway, 'nil'), 200)
})

t.test('a file without upstreams answers 404 after the login', async t => {
  const gateway = await start(t, { upstreams: [] })
  t.equal((await ask(gateway, '/page', { headers: { accept: 'text/html' } })).status, 302)
  t.equal(await statusOf(gateway, 'kim'), 404)
})
