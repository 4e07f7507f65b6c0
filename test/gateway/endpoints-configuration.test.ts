import { join } from 'node:path'
import t from 'tap'
import { checkConfiguration } from 'fastify-oidc-gateway'

const UPSTREAM = 'http://127.0.0.1:8080'

const plugins = (block: Record<string, unknown> = {}): Record<string, unknown> => ({
  'openid-connect': { discovery: 'https://idp.example/.well-known/openid-configuration', client_id: 'app', client_secret: 'x', session: { secret: 'a session secret that is long enough' }, ...block }
})

const route = (block: Record<string, unknown> = {}, others: Record<string, unknown> = {}): Record<string, unknown> => ({ uri: '/*', upstream: UPSTREAM, plugins: plugins(block), ...others })

async function problemsOf (endpoints: unknown, ...routes: readonly unknown[]): Promise<string[]> {
  const checked = await checkConfiguration({ value: { endpoints, routes }, positionOf: () => null })
  return checked.kind === 'invalid' ? checked.problems.map(({ path, message }) => `${path.join('.')} ${message}`) : []
}

t.test('every option of the endpoints is checked, all problems at once', async t => {
  t.same(await problemsOf({}, route()), [])
  t.same(await problemsOf({ prefix: '/a/b', provider_name: 'X', skip_provider_button: true, set_xauthrequest: false, set_authorization_header: true, sign_out_at_provider: true, cross_site_sign_out: 'allow', backend_logout_url: 'https://idp.example/out?hint={id_token}', whitelist_domains: ['.example.com'] }, route()), [])
  const told = (await problemsOf({ prefix: '/oauth2/', whitelist_domain: [], provider_name: 1, sign_in_in_place: true }, route())).join('\n')
  for (const line of [/^endpoints\.prefix has the wrong form/m, /^endpoints\.whitelist_domain is not a known option; did you mean whitelist_domains\?/m, /^endpoints\.provider_name must be/m, /^endpoints\.sign_in_in_place is not a known option/m]) t.match(told, line)
  t.same(await problemsOf({ prefix: '/a/../b', pass_access_token: true, set_xauthrequest: false, whitelist_domains: ['app.example.com', 'http://localhost:8081'] }, route()), [
    'endpoints.prefix must not contain empty parts, . or ..',
    'endpoints.pass_access_token has a meaning only with set_xauthrequest: true',
    'endpoints.whitelist_domains.1 must be a host, and not a URL: write "localhost:8081"'
  ])
})

t.test('a password file is looked for from the folder of the configuration', async t => {
  const directory = t.testdir({ users: 'kim:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n', folder: {} })
  const check = async (file: string) => await checkConfiguration({ value: { endpoints: { htpasswd: { file } }, routes: [route()] }, positionOf: () => null }, { directory })
  const found = await check('users')
  t.equal(found.kind === 'valid' && found.configuration.endpoints?.options.htpasswd?.file, join(directory, 'users'))
  for (const [file, message] of [['none', 'names a file that cannot be read (ENOENT)'], ['folder', 'names something that is no file'], ['users/x', 'names a file that cannot be read (ENOTDIR)']] as const) t.match(await check(file), { kind: 'invalid', problems: [{ path: ['endpoints', 'htpasswd', 'file'], message }] }, file)
})

t.test('endpoints that no login has are an error, which says what to write', async t => {
  t.same(await problemsOf({}, { uri: '/*', upstream: UPSTREAM }), ['endpoints needs a route with openid-connect that people log in to'])
  t.same(await problemsOf({}, route({ bearer_only: true, audience: 'app', use_jwks: true })), ['endpoints needs a route with openid-connect that people log in to'])
  t.same(await problemsOf({}, route({ redirect_uri: '/callback' })), ['endpoints needs a login whose redirect_uri has the path /oauth2/callback: give it to that of routes[0], or leave it out there'])
  t.match(await problemsOf({}, route({ client_idd: 1 })), [/client_idd is not a known option/], 'and is not told where the routes do not hold')
})

t.test('of two logins on one host one has them', async t => {
  const other = { uri: '/other/*' }
  t.same(await problemsOf({}, route(), route({ client_id: 'other' }, other)), ['routes.1.plugins.openid-connect.redirect_uri has a path that the redirect_uri of routes[0] has on the same host already: give it another, and this login is without endpoints'])
  t.same(await problemsOf({}, route(), route({ client_id: 'other', redirect_uri: '/other/callback' }, other)), [])
  t.same(await problemsOf({}, route({}, { host: 'a.example' }), route({ client_id: 'other' }, { host: 'b.example' })), [], 'two hosts, two of them')
  t.same(await problemsOf({}, route({ redirect_uri: 'https://a.example/oauth2/callback' })), [], 'the path alone counts')
  t.same(await problemsOf({ prefix: '/in' }, route({ security_profile: 'apisix' })), [], 'the callback is not beside each route then')
})

t.test('a path that somebody else has is an error', async t => {
  for (const uri of ['/oauth2/auth', '/oauth2/static/*']) {
    t.match(await problemsOf({}, route(), { uri, upstream: UPSTREAM }), [new RegExp(`^endpoints\\.prefix puts an endpoint at ${uri.replace('*', '\\*')}, which is a path of routes\\[1\\]: choose another prefix$`)], uri)
  }
  t.match(await problemsOf({}, route({ logout_path: '/oauth2/sign_out' })), [/logout_path is a path that an endpoint has on the same host already: give it another/])
  t.match(await problemsOf({ prefix: '/in' }, route({ backchannel_logout_path: '/in/start' })), [/an endpoint at \/in\/start, which is a path of the backchannel_logout_path of routes\[0\]/])
  t.same(await problemsOf({}, route({}, { host: 'a.example' }), { uri: '/oauth2/auth', host: 'b.example', upstream: UPSTREAM }), [], 'on another host it may be')
  t.same(await problemsOf({}, route(), { uri: '/oauth2/*', upstream: UPSTREAM }), [], 'and around them')
  const checked = await checkConfiguration({ value: { endpoints: {}, health: { ping_path: '/oauth2/start' }, routes: [route()] }, positionOf: () => null })
  t.match(checked.kind === 'invalid' && checked.problems, [{ path: ['endpoints', 'prefix'], message: /a path of health\.ping_path/ }])
})
