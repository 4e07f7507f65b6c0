import t from 'tap'
import { withIdentity } from 'fastify-oidc-testing'
import { basic, BCRYPT, cookieOf, FETCH, guarded, PASSWORD, passwordFile, SAME_ORIGIN, send } from './htpasswd-parts.ts'
import { gate, statusOf } from './parts.ts'

const NAVIGATION = { 'sec-fetch-mode': 'navigate', accept: 'text/html' }

t.test('O111: the right password is 302 and a session in the configured groups', async t => {
  const { app, log } = await guarded(t, { groups: ['staff', 'ops'] })
  for (const username of ['alice', 'bob']) {
    const response = await send(app, { username, password: PASSWORD, rd: '/who?x=1' })
    t.match(response, { statusCode: 302, headers: { location: '/who?x=1', 'cache-control': 'no-store' } })
    const headers = { cookie: cookieOf(response) }
    t.strictSame((await app.inject({ url: '/who', headers })).json(), { user: username, email: null, groups: ['staff', 'ops'], via: 'session', claims: { groups: ['staff', 'ops'], iss: 'urn:fastify-oidc:local', sub: username }, identity: ['x-id-token'], authorization: null })
    t.match((await app.inject({ url: '/oauth2/auth', headers })), { statusCode: 202, headers: { 'gap-auth': username, 'x-auth-request-user': username, 'x-auth-request-groups': 'staff,ops', 'x-auth-request-email': undefined } })
    t.equal(await statusOf(app, '/oauth2/auth?allowed_groups=other', headers), 403)
  }
  t.equal(log.filter(line => line.oidc === 'login').length, 2)
  t.notMatch(JSON.stringify(log), /correct horse|alice|\$2y/)
  t.match(log.filter(line => line.oidc === 'htpasswd'), [{ level: 40, msg: /^1 of 2 passwords.*\{SHA\}/ }])
})

t.test('O111: a wrong password is a page with 401, no name one with 400, and each says so', async t => {
  const { app } = await guarded(t)
  for (const form of [{ username: 'alice', password: 'wrong' }, { username: 'alice', password: '' }, { username: 'mallory', password: PASSWORD }, { username: 'alice ', password: PASSWORD }, { username: 'alice' }] as Array<Record<string, string>>) {
    const response = await send(app, { rd: '/deep?a=1&b=2', ...form })
    t.match(response, { statusCode: 401, headers: { 'content-type': 'text/html; charset=utf-8', 'set-cookie': undefined } }, JSON.stringify(form))
    t.match(response.body, '<p role="alert" id="alert">The user name or the password is wrong.</p>')
    t.match(response.body, 'value="/deep?a=1&amp;b=2"', 'where it leads is not lost')
    t.notMatch(response.body, /mallory|correct/)
  }
  for (const form of [{ username: '', password: PASSWORD }, { password: 'x' }, {}]) t.match(await send(app, form as Record<string, string>), { statusCode: 400, body: /<p role="alert" id="alert">Please enter your user name\.<\/p>/ })
  t.match(await app.inject({ method: 'POST', url: '/oauth2/sign_in', headers: { 'content-type': 'application/json' }, body: `{"username":"alice","password":"${PASSWORD}"}` }), { statusCode: 400, headers: { 'set-cookie': undefined } }, 'nothing but a form is read')
})

t.test('O113: without display_form there are no fields, and a form still signs in', async t => {
  const { app } = await guarded(t)
  const { body, headers } = await app.inject('/oauth2/sign_in?rd=/x"><script>')
  t.match(body, /<label for="username">User name<\/label><input id="username" name="username" type="text" autocomplete="username"[^>]* required><label for="password">Password<\/label><input id="password" name="password" type="password" autocomplete="current-password"[^>]* required>/)
  t.match(body, '<form method="post" action="/oauth2/sign_in"><input type="hidden" name="rd" value="/x%22%3E%3Cscript%3E">')
  t.notMatch(body, /<script|role="alert"/)
  t.notMatch(headers['content-security-policy'], 'form-action')
  const silent = await guarded(t, { display_form: false })
  t.notMatch((await silent.app.inject('/oauth2/sign_in')).body, /<form|<input/)
  t.equal((await send(silent.app, { username: 'alice', password: PASSWORD })).statusCode, 302)
  const without = await gate(t)
  t.notMatch((await without.app.inject('/oauth2/sign_in')).body, /<form|<input/)
  t.equal((await send(without.app, { username: 'alice', password: PASSWORD })).statusCode, 200, 'without a file it is the page')
})

t.test('O111: with skip_provider_button the right password signs in, and a wrong one goes to the provider', async t => {
  const { app } = await guarded(t, {}, { endpoints: { skip_provider_button: true } })
  t.equal((await send(app, { username: 'alice', password: PASSWORD })).statusCode, 302)
  t.equal((await send(app, { username: 'alice', password: 'wrong' })).statusCode, 503, 'which is down')
})

t.test('O112: Basic credentials pass every guarded path without a cookie, where that is switched on', async t => {
  const { app } = await guarded(t, { basic: true, groups: ['staff'] })
  for (const name of ['alice', 'bob']) {
    const response = await app.inject({ url: '/who', headers: { ...basic(name, PASSWORD), 'x-forwarded-user': 'root' } })
    t.equal(response.headers['set-cookie'], undefined)
    t.strictSame(response.json(), { user: name, email: null, groups: ['staff'], via: 'basic', claims: { groups: ['staff'], iss: 'urn:fastify-oidc:local', sub: name }, identity: ['x-id-token'], authorization: null }, 'and no upstream learns the password')
    t.match(await app.inject({ url: '/oauth2/auth', headers: basic(name, PASSWORD) }), { statusCode: 202, headers: { 'x-auth-request-user': name } })
  }
  for (const headers of [basic('alice', 'wrong'), basic('nobody', PASSWORD), basic('', ''), { authorization: 'Basic' }, { authorization: 'Basic !!!' }, { authorization: `Basic ${Buffer.from('alice').toString('base64')}` }, { authorization: `Basic ${Buffer.from([0xff, 58, 0xff]).toString('base64')}` }, { authorization: `Bearer ${PASSWORD}` }]) {
    t.equal(await statusOf(app, '/who', { ...headers, ...FETCH } as Record<string, string>), 401, JSON.stringify(headers))
    t.equal((await app.inject({ url: '/who', headers: { ...headers, ...NAVIGATION } })).statusCode, 503, 'a person is sent to the provider, which is down')
  }
  t.equal(await statusOf(app, '/who', { ...(await withIdentity(app, { sub: 'carol' })).headers, ...basic('alice', 'wrong') }), 200, 'a session goes on where name and password are nobody’s')
  const off = await guarded(t)
  t.equal(await statusOf(off.app, '/who', { ...basic('alice', PASSWORD), ...FETCH }), 401)
})

t.test('O112: name and password are held against the policy as a session is', async t => {
  const { app } = await guarded(t, { basic: true }, { core: { cross_site: 'refuse', hooks: { authorize: request => request.oidc.user !== 'bob' } } })
  app.post('/write', async () => 'written')
  t.equal(await statusOf(app, '/who', basic('bob', PASSWORD)), 403)
  const post = async (headers: Record<string, string>): Promise<number> => (await app.inject({ method: 'POST', url: '/write', headers: { ...basic('alice', PASSWORD), ...headers } })).statusCode
  t.equal(await post({ 'sec-fetch-site': 'cross-site' }), 403, 'a browser that remembers them sends them along from everywhere')
  t.equal(await post({}), 200)
  const scoped = await guarded(t, { basic: true }, { core: { required_scopes: ['read'] } })
  t.equal(await statusOf(scoped.app, '/who', basic('alice', PASSWORD)), 403, 'nobody granted a scope')
  const schema = { type: 'object', properties: { id_token: { type: 'object', required: ['department'] } } }
  const checked = await guarded(t, { basic: true }, { core: { claim_schema: schema } })
  t.equal(await statusOf(checked.app, '/who', basic('alice', PASSWORD)), 401, 'claims that are missing are missing')
})

t.test('whichever claims the options read, a name is a user and never an e-mail address', async t => {
  const { app } = await guarded(t, { basic: true, file: passwordFile(t, `root@corp.com:${BCRYPT}\n`), groups: ['staff'] }, { core: { user_id_claim: 'email', email_claim: 'sub', groups_claim: 'realm.roles' } })
  const { user, email, groups } = (await app.inject({ url: '/who', headers: basic('root@corp.com', PASSWORD) })).json<Record<string, unknown>>()
  t.strictSame({ user, email, groups }, { user: 'root@corp.com', email: null, groups: ['staff'] })
})

t.test('the session that came along is over, whoever signs in', async t => {
  const { app } = await guarded(t)
  const { headers } = await withIdentity(app, { sub: 'carol' })
  const response = await send(app, { username: 'alice', password: PASSWORD }, { ...SAME_ORIGIN, ...headers })
  t.equal([response.headers['set-cookie']].flat().length, 1)
  t.equal(await statusOf(app, '/oauth2/auth', headers), 401)
  t.equal(await statusOf(app, '/oauth2/auth', { cookie: cookieOf(response) }), 202)
  const wrong = await send(app, { username: 'alice', password: 'wrong' }, { ...SAME_ORIGIN, cookie: cookieOf(response) })
  t.match(wrong.headers['set-cookie'], /=; Max-Age=0/, 'the page ends it as it does otherwise')
})

t.test('a form on another site signs nobody in and out', async t => {
  const { app } = await guarded(t)
  const { headers } = await withIdentity(app, { sub: 'carol' })
  for (const foreign of [{ origin: 'https://evil.example' }, { origin: 'null' }, { origin: 'http://localhost:81' }, { origin: 'https://localhost' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site', origin: 'http://localhost' }, { 'sec-fetch-site': 'none' }] as Array<Record<string, string>>) {
    const response = await send(app, { username: 'alice', password: PASSWORD }, { ...foreign, ...headers })
    t.match(response, { statusCode: 403, body: /role="alert"/, headers: { 'set-cookie': undefined } }, JSON.stringify(foreign))
  }
  t.equal(await statusOf(app, '/oauth2/auth', headers), 202)
  for (const own of [{ origin: 'http://localhost' }, { 'sec-fetch-site': 'same-origin' }, {}] as Array<Record<string, string>>) t.equal((await send(app, { username: 'alice', password: PASSWORD }, own)).statusCode, 302)
})

t.test('the form leads nowhere that sign_in would not', async t => {
  const { app } = await guarded(t)
  const leads: Record<string, string> = {
    'https://evil.example/': '/',
    '//evil.example': '/',
    '/\\evil.example': '/',
    '/\t/evil.example': '/',
    'javascript:alert(1)': '/',
    '/%09/evil.example': '/%09/evil.example',
    '/oauth2/sign_in': '/',
    '/oauth2/sign_out': '/',
    'http://localhost/inside': '/inside',
    '': '/'
  }
  for (const [rd, location] of Object.entries(leads)) t.equal((await send(app, { username: 'bob', password: PASSWORD, rd })).headers.location, location, rd)
})

t.test('such a session is never renewed, and ends', async t => {
  const { app } = await guarded(t, {}, { core: { refresh_session_interval: 1, session: { absolute_timeout: 0, cookie: { lifetime: 604_800 } } as never } })
  const response = await send(app, { username: 'bob', password: PASSWORD })
  const maxAge = Number(/Max-Age=(\d+)/.exec(String(response.headers['set-cookie']))?.[1])
  t.ok(maxAge > 86_000 && maxAge <= 86_400, 'after a day where nothing else says when')
  const now = Date.now
  t.teardown(() => { Date.now = now })
  Date.now = () => now() + 3_600_000
  t.equal((await app.inject({ url: '/who', headers: { cookie: cookieOf(response), ...NAVIGATION, 'sec-fetch-dest': 'document' } })).statusCode, 200, 'no silent login, which no provider could answer')
  Date.now = () => now() + 86_401_000
  t.equal(await statusOf(app, '/who', { cookie: cookieOf(response), ...FETCH }), 401)
})
