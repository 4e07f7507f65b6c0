import t from 'tap'
import { claimsFor, createAuthority, createSigner } from '../oidc/bearer-parts.ts'
import { lyingProvider } from '../oidc/flow.ts'
import { login } from 'fastify-oidc-testing'
import { startImported, verdictOf } from './import-oauth2-proxy-parts.ts'
import { ask, startUpstream } from './parts.ts'

const HTML = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }
const upstream = await startUpstream(t)
const signer = await createSigner()
const authority = await createAuthority(t)
authority.keys = [signer.jwk]
const client = { clientId: 'app', clientSecret: 'secret of the app', issuer: authority.issuer }

async function idToken (more: Record<string, unknown> = {}): Promise<string> {
  return await signer.sign(claimsFor(authority, { aud: 'app', scope: undefined, client_id: undefined, nonce: 'n', email: 'alice@corp.com', ...more }), { typ: 'JWT' })
}

t.test('O157, O158: an ID token of the client passes without a login and without a cookie, if it has an address', async t => {
  const gateway = await startImported(t, client, { skip_jwt_bearer_tokens: true, upstreams: [upstream] })
  const authorization = `Bearer ${await idToken()}`
  for (const [path, status] of [['/page', 200], ['/oauth2/auth', 202]] as const) t.match(await ask(gateway, path, { headers: { authorization } }), { status, headers: { 'set-cookie': undefined } }, path)
  t.match((await ask(gateway, '/page', { headers: { authorization } })).received.headers, { 'x-forwarded-user': 'alice', 'x-forwarded-email': 'alice@corp.com' })
  t.equal((await ask(gateway, '/page', { headers: { authorization: `Bearer ${await idToken({ email: undefined })}` } })).status, 200)
})

t.test('O159, O160, O161: a token that does not hold is 401, whatever it is, and nobody is sent to a login', async t => {
  for (const fallback of [true, false]) {
    const gateway = await startImported(t, client, { skip_jwt_bearer_tokens: true, bearer_token_login_fallback: fallback, skip_provider_button: true, upstreams: [upstream] })
    const tokens = { expired: await idToken({ exp: 1_700_000_000 }), foreign: await (await createSigner('RS256', signer.kid)).sign(claimsFor(authority, { aud: 'app' })), 'for another': await idToken({ aud: 'other' }), opaque: 'opaque-token' }
    for (const [name, token] of Object.entries(tokens)) t.match(await ask(gateway, '/page', { headers: { ...HTML, authorization: `Bearer ${token}` } }), { status: 401, headers: { location: undefined } }, name)
    const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    for (const authorization of [basic(await idToken(), ''), basic('x', await idToken())]) t.equal((await ask(gateway, '/oauth2/auth', { headers: { authorization } })).status, 401, 'a token in Basic is none')
  }
})

t.test('O162, O163: tokens are those of one provider, and pass no rule for groups or addresses', async t => {
  t.equal(verdictOf('extra_jwt_issuers', ['https://a.example=b']), 'refused')
  for (const others of [{ allowed_groups: ['a'] }, { email_domains: ['corp.com'] }]) t.equal(verdictOf('skip_jwt_bearer_tokens', true, others), 'refused')
})

t.test('O164: without the option a token opens nothing, and reaches the upstream as it is', async t => {
  const provider = await lyingProvider(t)
  const gateway = await startImported(t, provider, { skip_provider_button: true, upstreams: [upstream], insecure_oidc_allow_unverified_email: true })
  const authorization = `Bearer ${await idToken()}`
  t.match(await ask(gateway, '/page', { headers: { ...HTML, authorization } }), { status: 302 })
  t.equal((await ask(gateway, '/oauth2/auth', { headers: { authorization } })).status, 401)
  const { cookie } = await login(gateway.app, { path: '/page' })
  t.equal((await ask(gateway, '/page', { headers: { cookie, authorization } })).received.headers.authorization, authorization)
})
