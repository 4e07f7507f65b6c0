import t from 'tap'
import oidc from 'fastify-oidc'
import { withIdentity } from 'fastify-oidc-testing'
import { createApplication, optionsFor } from './support.ts'

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }
const options = optionsFor(offline, { unauth_action: 'deny', scope: 'openid read' })
const script = { 'sec-fetch-mode': 'cors' }

t.test('a route overrides what the plugin requires, and leaves the rest to it', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, { ...options, required_scopes: ['read'] })
  const answer = async (): Promise<string> => 'answered'
  app.get('/inherits', answer)
  app.get('/open', { config: { oidc: false } }, answer)
  app.get('/optional', { config: { oidc: { unauth_action: 'pass' } } }, answer)
  app.get('/write', { config: { oidc: { required_scopes: ['read', 'write'] } } }, answer)
  app.get('/any', { config: { oidc: { required_scopes: false } } }, answer)
  app.get('/empty', { config: { oidc: {} } }, answer)
  app.get('/other-config', { config: { theirs: 1 } as never }, async request => (request.routeOptions.config as { theirs?: number }).theirs)
  const { headers: reader } = await withIdentity(app, { sub: 'r' }, { scope: 'openid read' })
  const { headers: writer } = await withIdentity(app, { sub: 'w' }, { scope: 'openid  read write' })
  const { headers: nobody } = await withIdentity(app, { sub: 'n' }, { scope: 'openid readonly' })
  const table: Array<[string, number, number, number, number]> = [
    ['/inherits', 401, 200, 200, 403],
    ['/open', 200, 200, 200, 200],
    ['/optional', 200, 200, 200, 403],
    ['/write', 401, 403, 200, 403],
    ['/any', 401, 200, 200, 200],
    ['/empty', 401, 200, 200, 403],
    ['/other-config', 401, 200, 200, 403],
    ['/nowhere', 401, 404, 404, 403]
  ]
  for (const [url, anonymous, read, write, none] of table) {
    const statuses = await Promise.all([{}, reader, writer, nobody].map(async headers => (await app.inject({ url, headers })).statusCode))
    t.strictSame(statuses, [anonymous, read, write, none], url)
  }
})

// rows: required_scopes
t.test('missing scopes are 403 with a JSON error and a challenge, and the session stays (S142)', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, options)
  app.get('/', { config: { oidc: { required_scopes: ['super-admin', 'read', 'other'] } } }, async () => 'never')
  const { headers } = await withIdentity(app, { sub: 'alice' }, { scope: 'openid read' })
  for (const more of [script, {}, { accept: '*/*' }, { accept: 'application/json' }]) {
    const refused = await app.inject({ url: '/', headers: { ...headers, ...more } })
    t.equal(refused.statusCode, 403)
    t.equal(refused.headers['www-authenticate'], 'Bearer realm="apisix", error="insufficient_scope"')
    t.equal(refused.headers['cache-control'], 'no-store')
    t.equal(refused.headers['set-cookie'], undefined)
    t.match(refused.json(), { statusCode: 403, code: 'FST_OIDC_INSUFFICIENT_SCOPE', error: 'required scopes super-admin, other not present' })
  }
  const person = await app.inject({ url: '/', headers: { ...headers, accept: 'text/html,*/*;q=0.8', 'sec-fetch-mode': 'navigate' } })
  t.match(person.headers['content-type'], /text\/html/, 'a person gets a page')
  t.match(person.body, /FST_OIDC_INSUFFICIENT_SCOPE/)
})

t.test('a bad policy stops the boot and names the route and the nearest name', async t => {
  const bad: Array<[unknown, RegExp]> = [
    [{ required_scope: ['a'] }, /GET \/bad[^]*required_scope is not a known option; did you mean required_scopes\?/],
    [{ unauth_action: 'maybe' }, /unauth_action must be one of "auth", "deny", "pass"/],
    [{ required_scopes: 7 }, /required_scopes must be a string, an array, an object or false, not a number/],
    [{ required_scopes: [] }, /required_scopes is empty, and would let everyone in: name what is required, or leave it out/],
    [{ required_scopes: {} }, /required_scopes needs all_of, any_of or none_of/],
    [{ required_scopes: { any_off: ['a'] } }, /required_scopes\.any_off is not a known option; did you mean any_of\?/],
    [{ required_scopes: [''] }, /required_scopes\[0\] is too short/],
    [true, /GET \/bad/],
    [null, /GET \/bad/],
    ['deny', /GET \/bad/],
    [{ unauth_actoin: 'deny', cross_sit: 'allow' }, /unauth_actoin[^]*unauth_action\?[^]*cross_sit[^]*cross_site\?/]
  ]
  for (const [policy, message] of bad) {
    const { app } = createApplication(t)
    await app.register(oidc, options)
    t.throws(() => { app.get('/bad', { config: { oidc: policy as never } }, async () => 'never') }, { code: 'FST_OIDC_POLICY_INVALID', message }, JSON.stringify(policy))
    const inScope = createApplication(t)
    await inScope.app.register(oidc, options)
    inScope.app.register(async scope => { scope.get('/bad', { config: { oidc: policy as never } }, async () => 'never') })
    await t.rejects(async () => { await inScope.app.ready() }, { code: 'FST_OIDC_POLICY_INVALID' })
  }
})

t.test('a route that was declared before the plugin is guarded, and the log says once what to do', async t => {
  const { app, log } = createApplication(t)
  app.register(async child => { child.get('/child', async () => 'answered') })
  app.register(oidc, options)
  app.get('/early', async () => 'answered')
  app.get('/open', { config: { oidc: false } }, async () => 'answered')
  app.get('/scoped', { config: { oidc: { required_scopes: ['write'] } } }, async () => 'answered')
  app.get('/bad', { config: { oidc: { required_scope: ['write'] } as never } }, async () => 'answered')
  await app.ready()
  const { headers } = await withIdentity(app, { sub: 'alice' })
  t.equal((await app.inject('/early')).statusCode, 401)
  t.equal((await app.inject('/child')).statusCode, 401, 'in a scope that was declared before it as well')
  t.equal((await app.inject({ url: '/child', headers })).statusCode, 200)
  t.equal((await app.inject({ url: '/early', headers })).statusCode, 200)
  t.equal((await app.inject('/open')).statusCode, 200)
  t.equal((await app.inject({ url: '/scoped', headers })).statusCode, 403)
  for (let request = 0; request < 3; request++) {
    const bad = await app.inject({ url: '/bad', headers })
    t.equal(bad.statusCode, 500, 'closed')
    t.not(bad.body, 'answered')
  }
  t.ok(log.some(line => line.level === 50 && /GET \/bad[^]*did you mean required_scopes\?/.test(JSON.stringify(line))), 'the log names it')
  const warnings = log.filter(line => line.oidc === 'route.late')
  t.equal(warnings.length, 1)
  t.match(warnings[0]?.msg, /await app\.register\(oidc/)
})

t.test('child scopes are guarded, whatever their prefix, and beside them nothing is', async t => {
  const { app } = createApplication(t)
  await app.register(async area => {
    await area.register(oidc, { ...options, redirect_uri: '/area/callback' })
    area.get('/', async () => 'answered')
    await area.register(async child => {
      child.get('/deep', async () => 'answered')
      child.get('/open', { config: { oidc: false } }, async () => 'answered')
    }, { prefix: '/child' })
  }, { prefix: '/area' })
  app.get('/outside', async request => ({ oidc: request.oidc ?? 'none' }))
  t.equal((await app.inject('/area')).statusCode, 401)
  t.equal((await app.inject('/area/child/deep')).statusCode, 401)
  t.equal((await app.inject('/area/child/open')).statusCode, 200)
  t.equal((await app.inject('/outside')).statusCode, 200)
})

t.test('a core within a core is a boot error', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, options)
  await t.rejects(async () => { await app.register(async scope => { await scope.register(oidc, options) }) }, { code: 'FST_OIDC_ALREADY_REGISTERED' })
})

t.test('every spelling and method of a route is guarded', async t => {
  const { app } = createApplication(t, { routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false } } as never)
  await app.register(oidc, options)
  app.all('/admin', async () => 'answered')
  app.all('/files/*', async () => 'answered')
  app.get('/item/:id', async () => 'answered')
  for (const url of ['/admin', '/admin/', '/ADMIN', '//admin', '/%61dmin', '/admin?x=1', '/admin;x', '/files/../admin', '/files/%2e%2e/admin', '/files/', '/item/1', '/item/%2F', '/.apisix/redirect/x']) {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'] as const) {
      const answer = await app.inject({ method: method as never, url })
      t.equal(answer.statusCode, 401, `${method} ${url}`)
    }
  }
})

t.test('guard() enforces a policy where there is no route config', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, options)
  app.get('/write', { config: { oidc: false }, onRequest: app.oidc.guard({ required_scopes: ['write'] }) }, async request => request.oidc.claims?.sub)
  app.get('/both', { config: { oidc: { unauth_action: 'pass' } }, onRequest: app.oidc.guard({ unauth_action: 'deny', required_scopes: false }) }, async request => request.oidc.claims?.sub)
  const { headers: reader } = await withIdentity(app, { sub: 'r' })
  const { headers: writer } = await withIdentity(app, { sub: 'w' }, { scope: 'write' })
  t.equal((await app.inject('/write')).statusCode, 401)
  t.equal((await app.inject({ url: '/write', headers: reader })).statusCode, 403)
  t.equal((await app.inject({ url: '/write', headers: writer })).body, 'w')
  t.equal((await app.inject('/both')).statusCode, 401)
  t.equal((await app.inject({ url: '/both', headers: reader })).body, 'r')
  t.throws(() => app.oidc.guard({ required_scope: [] } as never), { code: 'FST_OIDC_POLICY_INVALID', message: /fastify\.oidc\.guard[^]*did you mean required_scopes/ })
})

t.test('routes() lists what each route requires', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, options)
  app.get('/scoped', { config: { oidc: { required_scopes: ['write'], unauth_action: 'auth' } } }, async () => '')
  app.route({ method: ['PUT', 'POST'], url: '/plain', handler: async () => '' })
  app.get('/open', { config: { oidc: false } }, async () => '')
  const routes = app.oidc.routes()
  const find = (method: string, url: string): unknown => routes.find(route => route.method === method && route.url === url)?.policy
  t.strictSame(find('GET', '/scoped'), { unauth_action: 'auth', cross_site: 'refuse', groups_claim: 'groups', required_scopes: ['write'] })
  t.strictSame(find('HEAD', '/scoped'), find('GET', '/scoped'))
  for (const method of ['PUT', 'POST']) t.strictSame(find(method, '/plain'), { unauth_action: 'deny', cross_site: 'refuse', groups_claim: 'groups' })
  t.equal(find('GET', '/open'), null)
  t.equal(find('POST', '/logout'), null)
})

t.test('a requirement holds for every place and spelling of a route, and the session is kept', async t => {
  const { app, log } = createApplication(t, { routerOptions: { ignoreTrailingSlash: true } } as never)
  const admins = { config: { oidc: { allowed_groups: { any_of: ['admin'], none_of: ['suspended'] } } } } as const
  app.register(oidc, { ...options, allowed_groups: ['admin'] })
  app.get('/early', async () => 'answered')
  app.register(async child => {
    child.all('/admin', admins, async () => 'answered')
    child.get('/files/*', admins, async () => 'answered')
  }, { prefix: '/child' })
  await app.ready()
  const { headers: admin } = await withIdentity(app, { sub: 'a', groups: ['admin'] })
  const { headers: member } = await withIdentity(app, { sub: 'm', groups: ['staff'] })
  const { headers: suspended } = await withIdentity(app, { sub: 's', groups: ['admin', 'suspended'] })
  for (const [method, url] of [['GET', '/early'], ['HEAD', '/early'], ['GET', '/nowhere'], ['OPTIONS', '/early'], ['GET', '/child/admin'], ['GET', '/child/admin/'], ['HEAD', '/child/admin'], ['OPTIONS', '/child/admin'], ['GET', '/child/%61dmin'], ['GET', '/child/files/x'], ['GET', '/child/files/%2e%2e/admin']] as const) {
    const passed = (await app.inject({ method, url, headers: admin })).statusCode
    t.ok([200, 404].includes(passed), `${method} ${url}: ${passed}`)
    const refused = await app.inject({ method, url, headers: member })
    t.equal(refused.statusCode, 403, `${method} ${url}`)
    t.equal(refused.headers['set-cookie'], undefined)
    if (url.startsWith('/child')) t.equal((await app.inject({ method, url, headers: suspended })).statusCode, 403)
  }
  const { body, headers } = await app.inject({ url: '/early', headers: member })
  t.match(JSON.parse(body), { statusCode: 403, code: 'FST_OIDC_GROUPS_REFUSED', error: 'Forbidden', message: 'You are signed in, and your groups may not see this', requestId: String(log.findLast(line => line.code === 'FST_OIDC_GROUPS_REFUSED')?.reqId) })
  t.equal(headers['www-authenticate'], 'Bearer realm="apisix", error="insufficient_scope"')
  t.match(log.findLast(line => line.code === 'FST_OIDC_GROUPS_REFUSED'), { level: 20, option: 'allowed_groups', unmet: 'any_of', names: ['admin'], found: ['staff'] })
})

t.test('of a session the ID token goes before the access token, and that before the userinfo', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, { ...options, groups_claim: 'realm_access.roles' })
  app.get('/', { config: { oidc: { required_groups: 'admin' } } }, async request => request.oidc.groups)
  const roles = (...names: string[]): { realm_access: { roles: string[] } } => ({ realm_access: { roles: names } })
  const token = (claims: object): string => ['{"alg":"RS256"}', JSON.stringify(claims), 'signature'].map(part => Buffer.from(part).toString('base64url')).join('.')
  const ask = async (id: object, accessToken: string, userinfo: Record<string, unknown>): Promise<number> => {
    const { headers } = await withIdentity(app, { sub: 'a', ...id }, { accessToken, userinfo })
    return (await app.inject({ url: '/', headers })).statusCode
  }
  t.equal(await ask({}, token(roles('admin')), {}), 200)
  t.equal(await ask(roles('staff'), token(roles('admin')), roles('admin')), 403)
  t.equal(await ask({}, token(roles('staff')), roles('admin')), 403)
  t.equal(await ask({}, 'opaque', roles('admin')), 200)
  t.equal(await ask({}, 'no.json.here', {}), 403)
})
