import { dirname, basename } from 'node:path'
import t from 'tap'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { basic, cookieOf, PASSWORD, passwordFile, SAME_ORIGIN, send } from '../forward-auth/htpasswd-parts.ts'
import { admits, FILE, refusals, translate, verdictOf } from './import-oauth2-proxy-parts.ts'
import { startGateway, startUpstream, type Received } from './parts.ts'

const FETCH = { 'sec-fetch-mode': 'cors' }
const OFFLINE = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', client_id: 'app', client_secret: 'x', session: { secret: 'a session secret that is long enough' } }

t.test('O112: a file of OAuth2 Proxy with htpasswd_file lets its users in, by form and by Basic', async t => {
  const { value, ...imported } = translate({ ...FILE, upstreams: [await startUpstream(t)], cookie_secure: false, email_domains: ['corp.com'], htpasswd_file: passwordFile(t), htpasswd_user_groups: ['staff', ''] }, { listen: { host: '127.0.0.1', port: 0 } })
  t.same(refusals({ value, ...imported }), [])
  const { app } = await startGateway(t, value as unknown as GatewayOptions)
  const page = await app.inject({ url: '/deep', headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' } })
  t.match(page, { statusCode: 403, body: /name="rd" value="\/deep"[^]*autocomplete="current-password"/ })
  const response = await send(app, { username: 'alice', password: PASSWORD, rd: '/deep' }, SAME_ORIGIN)
  t.match(response, { statusCode: 302, headers: { location: '/deep' } })
  for (const headers of [{ cookie: cookieOf(response) }, basic('alice', PASSWORD)] as Array<Record<string, string>>) {
    const arrived = await app.inject({ url: '/deep', headers: { ...headers, ...FETCH } })
    t.match(arrived, { statusCode: 200, headers: { 'set-cookie': undefined } })
    const { headers: got } = arrived.json<Received>()
    t.strictSame([got['x-forwarded-user'], got['x-forwarded-email'], got['x-forwarded-groups'], got.authorization], ['alice', undefined, 'staff', undefined])
  }
  t.equal((await app.inject({ url: '/deep', headers: { ...basic('alice', 'wrong'), ...FETCH } })).statusCode, 401)
  t.equal((await app.inject({ url: '/deep', headers: { ...basic('alice', 'wrong'), accept: 'text/html' } })).statusCode, 403, 'a visit gets the page')
})

t.test('O113: options of htpasswd_file are those of endpoints.htpasswd', async t => {
  const htpasswd = (options: Record<string, unknown>): unknown => (translate({ ...FILE, ...options }).value.endpoints as { htpasswd?: unknown }).htpasswd
  t.same(htpasswd({ htpasswd_file: '/etc/users' }), { file: '/etc/users', basic: true })
  t.same(htpasswd({ htpasswd_file: 'users', display_htpasswd_form: false, htpasswd_user_groups: ['a', ''] }), { file: `${process.cwd()}/users`, basic: true, display_form: false, groups: ['a'] })
  t.equal(htpasswd({ htpasswd_file: '', display_htpasswd_form: false, htpasswd_user_groups: ['a'] }), undefined)
  for (const [name, value] of [['htpasswd_file', '/etc/users'], ['htpasswd_user_groups', ['a']], ['display_htpasswd_form', false]] as const) t.equal(verdictOf(name, value), 'exact', name)
})

t.test('rules for e-mail addresses are not for users of the file, those for groups are', async t => {
  const passes = (options: Record<string, unknown>, session: object): boolean => admits({ ...FILE, htpasswd_file: '/etc/users', ...options }, session)
  const local = { id_token: { iss: 'urn:fastify-oidc:local', sub: 'alice', groups: ['staff'] } }
  t.ok(passes({ email_domains: ['corp.com'] }, local))
  t.notOk(passes({ email_domains: ['corp.com'] }, { id_token: { ...local.id_token, iss: 'https://idp.example' } }))
  t.ok(passes({ email_domains: ['corp.com'] }, { id_token: { email: 'a@corp.com' } }))
  t.ok(passes({ allowed_groups: ['staff'] }, local))
  t.notOk(passes({ allowed_groups: ['ops'] }, local))
  t.ok(passes({ email_domains: [] }, local))
  t.notOk(passes({ email_domains: [] }, { id_token: { iss: 'https://idp.example', email: 'a@corp.com' } }), 'with the file alone, nobody else')
})

t.test('the file is looked for beside the configuration', async t => {
  const file = passwordFile(t)
  const options: GatewayOptions = { endpoints: { htpasswd: { file: basename(file), basic: true } }, routes: [{ uri: '/*', upstream: 'static://202', plugins: { 'openid-connect': OFFLINE } }] } as never
  const { app } = await startGateway(t, options, { directory: dirname(file) })
  t.equal((await app.inject({ url: '/', headers: { ...basic('bob', PASSWORD), ...FETCH } })).statusCode, 202)
  await t.rejects(async () => { await startGateway(t, options, { directory: '/' }) }, /htpasswd\.file names a file that cannot be read/)
})
