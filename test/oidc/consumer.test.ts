import t from 'tap'
import { withIdentity } from 'fastify-oidc-testing'
import oidc, { checkOidcOptions } from 'fastify-oidc'
import { createSigner, seconds } from './bearer-parts.ts'
import { asking, consumerApp, GUEST, GUID, nameOf, offline, unsigned, YODA, type ConsumerInput } from './consumer-parts.ts'
import { createApplication, optionsFor, protectedApp } from './support.ts'

const list = [YODA, GUEST]
const bySub: ConsumerInput = { claims: ['sub'], list }

t.test('a claim leads to the consumer, and who is none gets 403 and keeps the session', async t => {
  const { app } = await consumerApp(t, bySub, { set_id_token_header: false })
  const ask = asking(app)
  const response = await ask({ sub: GUID, groups: ['a', 'b'] })
  t.strictSame(response.json(), {
    consumer: { id: 'c-1', username: 'Yoda', custom_id: GUID, groups: ['jedi'], tags: ['green'], isAnonymous: false },
    credential: { id: GUID },
    groups: ['a', 'b'],
    authenticated: true,
    user: GUID,
    headers: {}
  })
  const stranger = await ask({ sub: 'vader' })
  t.equal(stranger.statusCode, 403)
  t.match(stranger.json(), { code: 'FST_OIDC_CONSUMER_UNMAPPED' })
  t.equal(stranger.headers['set-cookie'], undefined, 'the session is kept')
  t.equal(nameOf(await ask({ sub: 'Yoda' })), 403, 'a username is not asked for unless consumer.by says so')
  t.equal(nameOf(await ask({ sub: 'constructor' })), 403)
  t.equal(nameOf(await ask({ sub: 'x'.repeat(300) })), 403)
})

t.test('consumer.by is an order, and an ambiguous list is warned of', async t => {
  const mallory = { username: GUID, custom_id: 'm' }
  const { app, log } = await consumerApp(t, { ...bySub, by: ['custom_id', 'username'], list: [mallory, YODA] })
  await app.ready()
  t.equal(nameOf(await asking(app)({ sub: GUID })), 'Yoda', 'a name that is another consumer\'s custom_id does not make one that consumer')
  t.match(log.filter(line => line.oidc === 'consumers').map(line => line.msg), [/is the custom_id of one consumer and the username of another/])
  const { app: other } = await consumerApp(t, { ...bySub, by: ['username', 'custom_id'], list: [mallory, YODA] })
  t.equal(nameOf(await asking(other)({ sub: GUID })), GUID)
  const { app: byId } = await consumerApp(t, { ...bySub, by: ['id'] })
  t.equal(nameOf(await asking(byId)({ sub: 'c-1' })), 'Yoda')
})

t.test('claims are tried in order, each from the ID token, else the access token, else the userinfo', async t => {
  const { app } = await consumerApp(t, { claims: ['employee.number', 'sub', 'email'], by: ['custom_id'], list: [{ username: 'seven', custom_id: '7' }, YODA, { username: 'mail', custom_id: 'yoda@example.test' }] })
  const ask = asking(app)
  t.equal(nameOf(await ask({ sub: GUID, employee: { number: 7 } })), 'seven')
  t.equal(nameOf(await ask({ sub: GUID, employee: { number: 8 } })), 'Yoda', 'one that leads to nobody does not end it')
  t.equal(nameOf(await ask({ sub: GUID }, { accessToken: unsigned({ sub: 'yoda@example.test', employee: { number: 7 } }) })), 'seven', 'the access token where the ID token has none')
  t.equal(nameOf(await ask({ sub: 'x' }, { accessToken: unsigned({ sub: GUID }) })), 403, 'and not where it has one')
  t.equal(nameOf(await ask({ sub: 'x' }, { userinfo: { sub: 'x', employee: { number: 7 } } })), 'seven')
  t.equal(nameOf(await ask({ sub: 'x', email: 'yoda@example.test' })), 'mail')
  t.equal(nameOf(await ask({ sub: 'x', email: 'yoda@example.test', email_verified: false })), 403, 'anybody could have written that address')
  t.equal(nameOf(await ask({ sub: 'x', email: 'yoda@example.test' }, { userinfo: { email_verified: 'false' } })), 403)
  t.equal(nameOf(await ask({ sub: 'x', employee: { number: ['7'] } })), 403, 'a list is no name')
})

t.test('optional lets strangers pass; anonymous is who they are, and goes before it', async t => {
  const { app } = await consumerApp(t, { ...bySub, optional: true })
  t.match((await asking(app)({ sub: 'vader' })).json(), { consumer: null, credential: { id: 'vader' }, authenticated: true })
  t.match((await app.inject('/pass')).json(), { consumer: null, authenticated: false })

  for (const optional of [false, true]) {
    const { app } = await consumerApp(t, { ...bySub, optional, anonymous: 'guest' })
    t.match((await asking(app)({ sub: 'vader' })).json(), { consumer: { username: 'guest', isAnonymous: true }, credential: { id: 'vader' }, authenticated: true, user: 'vader' })
    t.equal(nameOf(await asking(app)({ sub: GUID })), 'Yoda')
    t.match((await app.inject('/pass')).json(), { consumer: { id: 'c-2', isAnonymous: true }, credential: null, authenticated: false })
    t.equal((await app.inject({ url: '/', headers: { 'sec-fetch-mode': 'cors' } })).statusCode, 401, 'where the route asks for credentials')
  }
  const { app: byId } = await consumerApp(t, { ...bySub, anonymous: 'c-2' })
  t.equal(nameOf(await asking(byId)({ sub: 'vader' })), 'guest')
})

t.test('bearer tokens lead to consumers by what they say themselves, and an invalid one is nobody\'s', async t => {
  const signer = await createSigner()
  const { app } = await consumerApp(t, { ...bySub, anonymous: 'guest', set_headers: true }, { public_key: signer.pem, audience: 'api', claim_validator: { issuer: { valid_issuers: ['https://issuer.test'] } } })
  const ask = async (token: string, url = '/') => await app.inject({ url, headers: { authorization: `Bearer ${token}` } })
  const token = async (sub: string) => await signer.sign({ iss: 'https://issuer.test', aud: 'api', sub, scope: 'a', exp: seconds() + 60 })
  const yoda = await token(GUID)
  t.equal(nameOf(await ask(yoda)), 'Yoda')
  t.match((await ask(yoda)).json(), { headers: { 'x-consumer-username': 'Yoda' }, credential: { id: GUID } }, 'and the same token again')
  t.match((await ask(await token('vader'))).json(), { consumer: { username: 'guest' }, authenticated: true })
  t.equal((await ask(`${yoda.slice(0, -8)}AAAAAAAA`, '/pass')).statusCode, 401)
})

t.test('name and password that do not hold are not the anonymous consumer', async t => {
  const { app } = await consumerApp(t, { ...bySub, anonymous: 'guest' })
  app.oidc.useLocalUsers({ isCurrent: () => true, verify: ({ name, password }) => password === 'right' ? { user: name, groups: [], stamp: 's' } : null })
  const ask = async (name: string, password: string) => await app.inject({ url: '/pass', headers: { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` } })
  t.match((await ask(GUID, 'right')).json(), { consumer: { username: 'Yoda' }, credential: { id: GUID } })
  t.match((await ask('vader', 'right')).json(), { consumer: { username: 'guest' }, authenticated: true })
  t.match((await ask('vader', 'wrong')).json(), { consumer: null, authenticated: false })
  const { headers } = await withIdentity(app, { sub: GUID })
  t.equal(nameOf(await app.inject({ url: '/pass', headers: { ...headers, authorization: 'Basic eDp5' } })), 'Yoda', 'a session beside it is still somebody')
})

t.test('the upstream is told under Kong\'s names, and nobody else can say so', async t => {
  const { app } = await consumerApp(t, { ...bySub, anonymous: 'guest', set_headers: true, credential_claim: ['urn:x', 'id'] }, { set_id_token_header: false })
  const ask = asking(app)
  t.strictSame((await ask({ sub: GUID, groups: ['a', 'b, c', 'dé'], 'urn:x': { id: 'cred' } })).json().headers, {
    'x-consumer-id': 'c-1',
    'x-consumer-username': 'Yoda',
    'x-consumer-custom-id': GUID,
    'x-consumer-groups': 'jedi',
    'x-credential-identifier': 'cred',
    'x-authenticated-groups': 'a, dÃ©'
  })
  t.strictSame((await ask({ sub: 'vader', 'urn:x': { id: 'a\r\nx-admin: 1' } })).json().headers, { 'x-consumer-id': 'c-2', 'x-consumer-username': 'guest', 'x-anonymous-consumer': 'true' }, 'what would end a header is left out')
  t.strictSame((await app.inject('/pass')).json().headers, { 'x-consumer-id': 'c-2', 'x-consumer-username': 'guest', 'x-anonymous-consumer': 'true' })
  const forged = await app.inject({ url: '/received', headers: { 'x-consumer-id': 'c-1', x_consumer_username: 'Yoda', 'x-authenticated-groups': 'jedi' } })
  t.notMatch(forged.body, /c-1|Yoda|jedi/)
})

t.test('who is no consumer is refused in every place and spelling of a route, and has the session still', async t => {
  const { app } = createApplication(t, { routerOptions: { ignoreTrailingSlash: true } } as never)
  app.register(oidc, optionsFor(offline, { consumer: bySub }))
  app.get('/early', async () => 'answered')
  app.register(async child => { child.all('/deep', async () => 'answered') }, { prefix: '/child' })
  await app.ready()
  const [yoda, stranger] = [await withIdentity(app, { sub: GUID }), await withIdentity(app, { sub: 'vader' })]
  for (const [method, url] of [['GET', '/early'], ['HEAD', '/early'], ['OPTIONS', '/early'], ['GET', '/nowhere'], ['GET', '/child/deep'], ['OPTIONS', '/child/deep'], ['GET', '/child/deep/'], ['GET', '/child/%64eep']] as const) {
    const ask = async ({ headers }: typeof yoda) => await app.inject({ method, url, headers: { ...headers, 'sec-fetch-mode': 'cors' } })
    t.ok([200, 404].includes((await ask(yoda)).statusCode), `${method} ${url}`)
    const refused = await ask(stranger)
    t.match([refused.statusCode, refused.headers['set-cookie']], [403, undefined], `${method} ${url}`)
  }
})

t.test('headers come without consumers too', async t => {
  const { app } = await consumerApp(t, { set_headers: true }, { set_id_token_header: false })
  t.match((await asking(app)({ sub: 'vader', groups: ['a'] })).json(), { consumer: null, headers: { 'x-credential-identifier': 'vader', 'x-authenticated-groups': 'a' } })
})

t.test('every caller has a credential, whether or not there are consumers', async t => {
  const { app } = await protectedApp(t, optionsFor(offline))
  app.get('/credential', async ({ oidc }) => ({ credential: oidc.credential, consumer: oidc.consumer }))
  t.strictSame((await asking(app, '/credential')({ sub: 'alice' })).json(), { credential: { id: 'alice' }, consumer: null })
})

t.test('consumers that do not hold stop the boot', async t => {
  const problemsOf = (consumer: unknown): string[] => checkOidcOptions({ ...optionsFor(offline), consumer }).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
  const rows: Array<[unknown, RegExp[]]> = [
    [bySub, []],
    [{ claims: ['sub'] }, [/^consumer\.claims leads to nobody: set consumer\.list/]],
    [{ claims: [], list }, [/^consumer\.claims/]],
    [{ ...bySub, file: 'x' }, [/^consumer\.file stands beside list/]],
    [{ list }, [/^consumer\.list has no effect without consumer\.claims/]],
    [{ optional: true, anonymous: 'guest' }, [/^consumer\.anonymous has no effect/, /^consumer\.optional has no effect/]],
    [{ ...bySub, anonymous: 'gust' }, [/^consumer\.anonymous names "gust", which is neither id nor username/]],
    [{ ...bySub, anonymous: GUID }, [/^consumer\.anonymous names/]],
    [{ ...bySub, by: ['id', 'id'] }, [/^consumer\.by has id twice/]],
    [{ ...bySub, by: ['name'] }, [/^consumer\.by/]],
    [{ ...bySub, list: [...list, { username: 'Yoda' }] }, [/^consumer\.list\.2\.username is that of an earlier consumer: \[0\]/]],
    [{ ...bySub, list: [{ tags: ['x'] }] }, [/^consumer\.list\.0 needs id, username or custom_id/]],
    [{ ...bySub, list: [{ username: 'a\nb' }] }, [/^consumer\.list\.0\.username must not have control characters/]],
    [{ ...bySub, list: [{ usernam: 'a' }] }, [/usernam is not a known option; did you mean username/]],
    [{ ...bySub, cache_ttl: -1 }, [/^consumer\.cache_ttl/]]
  ]
  for (const [consumer, expected] of rows) {
    const found = problemsOf(consumer)
    t.match(found, expected, JSON.stringify(consumer))
    t.ok(found.length >= Math.min(expected.length, 1) && (expected.length > 0 || found.length === 0), JSON.stringify(found))
  }
})
