import t, { type Test } from 'tap'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import proxy from 'fastify-oidc-proxy'
import { login } from 'fastify-oidc-testing'
import { createApplication, optionsFor, testProvider } from '../oidc/support.ts'
import { echo, startUpstream, type Echo } from './parts.ts'

/** A login at the provider for a page that an upstream serves; answers what the upstream received. */
async function upstreamSees (t: Test, more: Partial<OidcPluginOptions>): Promise<Record<string, string>> {
  const provider = await testProvider(t, { resource: 'https://api.example' })
  const { url } = await startUpstream(t, echo)
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(provider, { security_profile: 'apisix', scope: 'openid profile offline_access read', authorization_params: { prompt: 'consent' }, ...more }))
  await app.register(proxy, { upstream: url })
  const { cookie } = await login(app, { path: '/page' })
  const response = await app.inject({ url: '/page', headers: { cookie: `theirs=1; ${cookie}` } })
  t.equal(response.statusCode, 200)
  return response.json<Echo>().headers as Record<string, string>
}

const claimsOf = (token = ''): unknown => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
const decode = (text = ''): unknown => JSON.parse(Buffer.from(text, 'base64').toString())

t.test('after a login the upstream is told all that the options name, and keeps its own cookies (S118)', async t => {
  const headers = await upstreamSees(t, { set_access_token_header: true, set_id_token_header: true, set_userinfo_header: true, set_refresh_token_header: true })
  t.match(headers['x-access-token'], /^ey/)
  t.hasStrict(claimsOf(headers['x-access-token']), { sub: 'alice', aud: 'https://api.example' })
  t.match(headers['x-id-token'], /^ey/)
  t.hasStrict(decode(headers['x-id-token']), { sub: 'alice', aud: 'fastify-oidc' })
  t.match(headers['x-userinfo'], /^ey/)
  t.hasStrict(decode(headers['x-userinfo']), { sub: 'alice' })
  t.match(headers['x-refresh-token'], /^[\w-]{20,}$/)
  t.equal(headers.cookie, 'theirs=1', 'the session is none of its business')
})

t.test('in Authorization, where the options say so, and nothing beside it (S119)', async t => {
  const headers = await upstreamSees(t, { access_token_in_authorization_header: true, set_id_token_header: false, set_userinfo_header: false })
  t.match(headers.authorization, /^Bearer ey/)
  for (const name of ['x-access-token', 'x-id-token', 'x-userinfo', 'x-refresh-token']) t.notOk(name in headers, name)
})

t.test('the ID token as it was received, alone where it alone is named (S127)', async t => {
  const headers = await upstreamSees(t, { set_raw_id_token_header: true, set_access_token_header: false, set_id_token_header: false, set_userinfo_header: false })
  t.match(headers['x-raw-id-token'], /^[\w-]+\.[\w-]+\.[\w-]+$/)
  t.hasStrict(claimsOf(headers['x-raw-id-token']), { sub: 'alice', aud: 'fastify-oidc' })
  for (const name of ['x-access-token', 'x-id-token', 'x-userinfo', 'x-refresh-token', 'authorization']) t.notOk(name in headers, name)
})
