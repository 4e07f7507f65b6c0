import t from 'tap'
import oidc, { checkOidcOptions, createDomainList } from 'fastify-oidc'
import type { FastifyInstance } from 'fastify'
import { Browser, withIdentity } from 'fastify-oidc-testing'
import { lyingProvider, ORIGIN, toCallback } from './flow.ts'
import { createApplication, optionsFor, protectedApp } from './support.ts'

const provider = await lyingProvider(t)

const covered = (entries: string[], addresses: string[]): string[] => addresses.filter(address => createDomainList(entries).coversUrl(new URL(address)))

t.test('an entry of whitelist_domains is a host, with what is below it by a dot, and a port', async t => {
  t.strictSame(covered(['foo.bar'], ['https://foo.bar/', 'https://FOO.bar/', 'https://foo.bar:443/', 'https://foo.bar:8443/', 'https://x.foo.bar/', 'https://xfoo.bar/', 'https://foo.bar.evil/', 'https://foo.bar./']), ['https://foo.bar/', 'https://FOO.bar/', 'https://foo.bar:443/'])
  for (const entry of ['.bar.foo', '*.bar.foo', '*.BAR.foo']) {
    t.strictSame(covered([entry], ['https://bar.foo/', 'https://baz.bar.foo/', 'https://a.b.bar.foo/', 'https://xbar.foo/', 'https://bar.foo.evil/', 'https://bar.foo:81/']), ['https://bar.foo/', 'https://baz.bar.foo/', 'https://a.b.bar.foo/'], `${entry} (spec 92)`)
  }
  t.strictSame(covered(['port.bar:8080', 'anyport.bar:*', 'tls.bar:443'], ['https://port.bar/', 'https://port.bar:8080/', 'https://port.bar:8081/', 'https://anyport.bar/', 'https://anyport.bar:9/', 'https://tls.bar/', 'https://tls.bar:444/']), ['https://port.bar:8080/', 'https://anyport.bar/', 'https://anyport.bar:9/', 'https://tls.bar/'], 'spec 93')
  t.strictSame(covered(['[::1]:8081', 'bücher.example'], ['http://[::1]:8081/', 'http://[::1]/', 'https://xn--bcher-kva.example/']), ['http://[::1]:8081/', 'https://xn--bcher-kva.example/'])
})

t.test('GHSA-4mf2-f3wh-gvf2: an entry with a dot covers no other name that ends alike', async t => {
  t.strictSame(covered(['.example.com'], ['https://badexample.com/', 'https://example.com.evil/']), [])
})

t.test('an entry that is a URL stops the boot, and the error says what to write', async t => {
  const told = (entry: string): string[] => checkOidcOptions(optionsFor(provider, { whitelist_domains: ['fine.example', entry] })).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
  const wants = (host: string): string[] => [`whitelist_domains.1 must be a host, and not a URL: write ${JSON.stringify(host)}`]
  t.strictSame(told('http://localhost:8081'), wants('localhost:8081'))
  t.strictSame(told('https://app.example.com/'), wants('app.example.com'))
  t.strictSame(told('https://*.example.com:8443/x?y'), wants('*.example.com:8443'))
  t.strictSame(told('//app.example.com/x'), wants('app.example.com'))
  t.strictSame(told('app.example.com/path'), wants('app.example.com'))
  t.strictSame(told('https://'), ['whitelist_domains.1 must be a host, and not a URL'])
  for (const entry of ['*', '*:443', 'a b', 'a@b', 'x..y', 'a:0', 'a:99999', 'a?b', 'a#b', '..a', 'a.*.b', '[::1', 'app.example.com.']) t.match(told(entry), [/must be a host, such as/], entry)
  for (const entry of ['a', '.a.b', '*.a.b:*', '127.0.0.1:80', '[::1]']) t.strictSame(told(entry), [], entry)
  const { app } = createApplication(t)
  await t.rejects(async () => { await app.register(oidc, optionsFor(provider, { whitelist_domains: ['https://a.example'] })) }, { code: 'FST_OIDC_OPTIONS_INVALID', message: /whitelist_domains\[?\.?0\]? must be a host, and not a URL: write "a\.example"/ })
})

async function comesBackTo (app: FastifyInstance, origin: string, response: { headers: Record<string, unknown> }): Promise<string | null> {
  const browser = new Browser().route(origin, app)
  browser.setCookies(origin, [response.headers['set-cookie'] ?? []].flat() as string[])
  const callback = await toCallback(browser, new URL(String(response.headers.location)), origin)
  return (await browser.navigate(callback, { follow: false })).headers.get('location')
}

t.test('a login comes back to another host over https, or over http on this machine, where it is written', async t => {
  const { app } = await protectedApp(t, optionsFor(provider, { whitelist_domains: ['.example.com', 'localhost:8081'] }))
  app.get('/go', { config: { oidc: false } }, async (request, reply) => await app.oidc.login(request, reply, { returnTo: (request.query as { to: string }).to }))
  const leads = async (to: string): Promise<string | null> => await comesBackTo(app, ORIGIN, await app.inject({ url: '/go', query: { to } }))
  t.equal(await leads('https://shop.example.com/a?b=c#d'), 'https://shop.example.com/a?b=c#d')
  t.equal(await leads('http://localhost:8081/a'), 'http://localhost:8081/a')
  t.equal(await leads('/a?b=c#/d'), '/a?b=c#/d', 'a fragment is kept')
  for (const to of ['http://shop.example.com/', 'https://evil.example/', 'https://a@shop.example.com/', 'HTTPS://shop.example.com/', '//shop.example.com/', 'https:shop.example.com', 'https://shop.example.com\\@evil.example/', 'https://shop.example.com:444/', 'http://localhost:8082/']) t.equal(await leads(to), '/', to)
})

t.test('O087: an address that is no longer written is not gone to', async t => {
  const to = 'https://shop.example.com/'
  const before = await protectedApp(t, optionsFor(provider, { whitelist_domains: ['shop.example.com'] }))
  before.app.get('/go', { config: { oidc: false } }, async (request, reply) => await before.app.oidc.login(request, reply, { returnTo: to }))
  const after = await protectedApp(t, optionsFor(provider))
  t.equal(await comesBackTo(after.app, ORIGIN, await before.app.inject('/go')), '/')
})

t.test('a login that comes back to another host than it began on goes on to the page, where its host is written', async t => {
  for (const [entries, expected] of [[['a.localhost'], 'http://a.localhost/echo/page?x=1'], [['b.localhost'], '/echo/page?x=1']] as const) {
    const { app } = await protectedApp(t, optionsFor(provider, { redirect_uri: 'http://localhost/callback', whitelist_domains: [...entries] }))
    const response = await app.inject({ url: '/echo/page?x=1', headers: { host: 'a.localhost' } })
    t.equal(await comesBackTo(app, ORIGIN, response), expected)
  }
})

t.test('who somebody is comes from the claims that the options name', async t => {
  const { app } = await protectedApp(t, optionsFor(provider, { user_id_claim: 'employee.number', email_claim: 'https://id.example/mail', groups_claim: 'realm_access.roles' }))
  app.get('/who', async ({ oidc: { user, email, groups } }) => ({ user, email, groups }))
  const who = async (claims: Record<string, unknown>, userinfo?: Record<string, unknown>): Promise<unknown> => (await app.inject({ url: '/who', headers: (await withIdentity(app, claims, { userinfo })).headers })).json()
  t.strictSame(await who({ employee: { number: 7 }, 'https://id.example/mail': 'a@b.example', realm_access: { roles: ['x', 3, null, { y: 1 }] } }), { user: '7', email: 'a@b.example', groups: ['x', '3'] })
  t.strictSame(await who({}, { 'employee.number': 'literal', employee: { number: 'path' }, realm_access: { roles: 'one' } }), { user: 'literal', email: null, groups: ['one'] })
  t.strictSame(await who({ employee: 'flat', realm_access: null, email: 'x@y.example', email_verified: false, 'https://id.example/mail': 'a@b.example' }), { user: null, email: 'a@b.example', groups: [] })
  t.strictSame(await who({ employee: { constructor: 1 }, realm_access: [] }), { user: null, email: null, groups: [] }, 'what objects inherit is no claim')
})

t.test('an e-mail address that the provider calls unverified is none (O075)', async t => {
  const { app } = await protectedApp(t, optionsFor(provider))
  app.get('/who', async ({ oidc: { user, email, groups } }) => ({ user, email, groups }))
  const emailOf = async (claims: Record<string, unknown>, userinfo?: Record<string, unknown>): Promise<unknown> => ((await app.inject({ url: '/who', headers: (await withIdentity(app, { sub: 'alice', ...claims }, { userinfo })).headers })).json() as { email: unknown }).email
  t.equal(await emailOf({ email: 'a@b.example' }), 'a@b.example')
  t.equal(await emailOf({ email: 'a@b.example', email_verified: true }), 'a@b.example')
  t.equal(await emailOf({ email: 'a@b.example', email_verified: false }), null)
  for (const verified of ['false', 'False', 'FALSE', 'f', 'no', '', '0', 0, {}, []]) t.equal(await emailOf({ email: 'a@b.example', email_verified: verified }), null, JSON.stringify(verified))
  for (const verified of ['true', 'True', '1', 1, null]) t.equal(await emailOf({ email: 'a@b.example', email_verified: verified }), 'a@b.example', JSON.stringify(verified))
  t.equal(await emailOf({ email: 'a@b.example' }, { email: 'a@b.example', email_verified: false }), null)
  t.equal(await emailOf({}, { email: 'u@b.example' }), 'u@b.example', 'spec 76')
})

t.test('a session is ended here alone, and the caller answers', async t => {
  const { app } = await protectedApp(t, optionsFor(provider))
  app.get('/bye', { config: { oidc: false } }, async (request, reply) => {
    const { sessionId, idToken, providerUrl } = await app.oidc.endSession(request, reply)
    return { ended: sessionId !== null, idToken, url: await providerUrl('https://app.example/') }
  })
  const { headers } = await withIdentity(app, { sub: 'alice' }, { idToken: 'a.b.c' })
  const bye = await app.inject({ url: '/bye', headers })
  t.match(bye.json(), { ended: true, idToken: 'a.b.c' })
  t.match(bye.headers['set-cookie'], /Max-Age=0/)
  t.equal((await app.inject({ url: '/', headers: { ...headers, 'sec-fetch-mode': 'cors' } })).statusCode, 401)
  t.match((await app.inject('/bye')).json(), { ended: false, idToken: null })
})
