import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { createTestProvider, type TestProvider, type TestProviderOptions, type TestUser } from 'fastify-oidc-testing'
import { fixture, SECRET } from '../gateway/import-oauth2-proxy-parts.ts'
import { freePorts } from '../support/redis-process.ts'
import { launchBrowser, newPage } from './support/browser.ts'
import { startImported, startService, startTerminator, type Played, type Visit } from './support/played-hosts.ts'

const DEX = JSON.parse(readFileSync(fixture('dex.args.json'), 'utf8')) as string[]
const PAGE = '/reports/2026?year=2026&part=%2F2'

const USERS: Readonly<Record<string, TestUser>> = {
  kim: { sub: 'subject-of-kim', preferred_username: 'kim', email: 'kim@corp.com', email_verified: true, project_roles: ['roles', 'others'] },
  joe: { sub: 'subject-of-joe', preferred_username: 'joe', email: 'joe@kilgore.trout', email_verified: true, project_roles: ['others'] },
  eve: { sub: 'subject-of-eve', preferred_username: 'eve', email: 'eve@sub.corp.com', email_verified: true }
}

interface Client { readonly id: string, readonly secret: string, readonly redirect: string }

async function startProvider (issuer: string, { id, secret, redirect }: Client, options: TestProviderOptions = {}): Promise<TestProvider> {
  const provider = await createTestProvider({
    issuer,
    users: USERS,
    clients: [{ client_id: id, client_secret: secret, redirect_uris: [redirect], post_logout_redirect_uris: ['http://localhost:4180/'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] }],
    ...options
  })
  t.teardown(async () => { await provider.close() })
  return provider
}

const portOf = ({ origin }: TestProvider): number => Number(new URL(origin).port)

const providers = {
  dex: await startProvider('http://127.0.0.1:5556/dex', { id: 'oauth2-proxy', secret: 'proxy', redirect: 'http://127.0.0.1:4180/oauth2/callback' }),
  okta: await startProvider('https://corp.okta.com/oauth2/abCd1234', { id: 'XXXXX', secret: 'YYYYY', redirect: 'https://example.corp.com/oauth2/callback' }),
  oktaLocalhost: await startProvider('https://dev-1.okta.com/oauth2/default', { id: 'XXX', secret: 'YYY', redirect: 'http://localhost:4180/oauth2/callback' }),
  zitadel: await startProvider('https://mine.zitadel.cloud', { id: '2026@project', secret: 'of ZITADEL', redirect: 'http://127.0.0.1:4180/oauth2/callback' })
}
const service = await startService(t)
const [gatewayPort = 0] = await freePorts(1)
const terminator = await startTerminator(t, {
  'example.corp.com': gatewayPort,
  'corp.okta.com': portOf(providers.okta),
  'dev-1.okta.com': portOf(providers.oktaLocalhost),
  'mine.zitadel.cloud': portOf(providers.zitadel)
})
const hosts: Played = {
  '127.0.0.1:4180': gatewayPort,
  '127.0.0.1:5556': portOf(providers.dex),
  'corp.okta.com:443': terminator,
  'dev-1.okta.com:443': terminator,
  'mine.zitadel.cloud:443': terminator
}
/** To the gateway, its own name is that of the service behind it. */
const toGateway: Played = { ...hosts, '0.0.0.0:8080': service.port, '127.0.0.1:8080': service.port, 'example.corp.com:443': service.securePort }
const browser: Browser = await launchBrowser(t, { ...hosts, 'localhost:4180': gatewayPort, 'example.corp.com:443': terminator })

async function start (t: Test, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<void> {
  const program = await startImported(t, args, toGateway, environment)
  t.teardown(async () => { await program.stop() })
}

/** Writes a file of the documents, with what `filled` has in the place of what it prints. */
function fill (t: Test, name: string, filled: Readonly<Record<string, string>>): string {
  const text = Object.entries(filled).reduce((text, [printed, real]) => {
    if (!text.includes(printed)) throw new Error(`${name} has no ${printed}`)
    return text.replaceAll(printed, real)
  }, readFileSync(fixture(name), 'utf8'))
  return `${t.testdir({ [name]: text })}/${name}`
}

/** Types into the provider's forms. Answers what was shown in the end. */
async function signIn (page: Page, user: string): Promise<number> {
  await page.fill('input[name=login]', user)
  await page.click('button[type=submit]')
  const answered = page.waitForResponse(response => response.request().isNavigationRequest() && response.status() !== 302 && response.status() !== 303)
  await page.click('button[value=allow]')
  return (await answered).status()
}

/** Everything beside what a browser says and what any proxy says of the way here. */
const TOLD = /^(?:x-(?!forwarded-(?:for|host|port|proto)$|real-ip$)|authorization$|gap-)/

/** The one visit to the service since they were last taken, and who it was told that it is. */
function takeVisit (t: Test): { readonly visit: Visit | undefined, readonly token: unknown, readonly identity: Readonly<Record<string, unknown>> } {
  const [visit, ...more] = service.takeVisits()
  t.equal(more.length, 0)
  t.equal(visit?.url, PAGE)
  t.notMatch(visit?.headers.cookie ?? '', '_oauth2_proxy', 'not with the session')
  const { 'x-forwarded-access-token': token, ...identity } = Object.fromEntries(Object.entries(visit?.headers ?? {}).filter(([name]) => TOLD.test(name)))
  return { visit, token, identity }
}

/** Whose access token it is, says the provider. */
async function ownerOf ({ origin, issuer }: TestProvider, token: unknown): Promise<unknown> {
  const { host, pathname } = new URL(issuer)
  const answer = await fetch(`${origin}${pathname.replace(/\/$/, '')}/me`, { headers: { authorization: `Bearer ${String(token)}`, host } })
  return (await answer.json() as { sub: unknown }).sub
}

/** A first visit of somebody new, up to the page that was asked for. */
async function visit (t: Test, site: string, user: string, atFirst: (page: Page, status: number | undefined) => Promise<void> = async () => {}): Promise<{ readonly page: Page, readonly status: number }> {
  const page = await newPage(t, browser)
  const first = await page.goto(`${site}${PAGE}`)
  await atFirst(page, first?.status())
  const status = await signIn(page, user)
  t.equal(page.url(), `${site}${PAGE}`, 'back at what was asked for, with its query')
  return { page, status }
}

t.test('O211 the flags for Dex, as they are printed', async t => {
  const pressButton = async (page: Page, status: number | undefined): Promise<void> => {
    t.equal(status, 403, 'a page with a button')
    await page.click('text=Sign in with My OIDC Provider')
  }

  await t.test('O028 have no upstream: 404 after the login', async t => {
    await start(t, ['--dev', '--', ...DEX])
    t.equal((await visit(t, 'http://127.0.0.1:4180', 'joe', pressButton)).status, 404)
  })

  await t.test('O196 O081 with an upstream, who is of the domain gets there, and nobody else', async t => {
    await start(t, ['--dev', '--', ...DEX, '-upstream', 'http://127.0.0.1:8080/'])
    const { page, status } = await visit(t, 'http://127.0.0.1:4180', 'joe', pressButton)
    t.equal(status, 200)
    const { identity, token } = takeVisit(t)
    t.equal(token, undefined, 'the flags do not ask for it')
    t.same(identity, { 'x-forwarded-user': 'subject-of-joe', 'x-forwarded-email': 'joe@kilgore.trout', 'x-forwarded-preferred-username': 'joe' })
    t.equal((await page.reload())?.status(), 200, 'the session goes on')
    takeVisit(t)
    const other = await visit(t, 'http://127.0.0.1:4180', 'kim', pressButton)
    t.equal(other.status, 403)
    t.equal(await other.page.textContent('h1'), await other.page.title(), 'a page for people')
    t.same((await other.page.context().cookies()).map(({ name }) => name).filter(name => name.startsWith('_oauth2_proxy')), ['_oauth2_proxy'], 'and is signed in all the same')
    t.same(service.takeVisits(), [])
  })
})

t.test('O211 O137 the file for Okta, as it is printed', async t => {
  await start(t, ['--dev', '--config', fixture('okta.cfg')])
  const { page, status } = await visit(t, 'https://example.corp.com', 'kim')
  t.equal(status, 200)
  const { identity, token, visit: told } = takeVisit(t)
  t.same(identity, { 'x-forwarded-user': 'subject-of-kim', 'x-forwarded-email': 'kim@corp.com', 'x-forwarded-preferred-username': 'kim' })
  t.equal(told?.headers.host, 'example.corp.com')
  t.equal(await ownerOf(providers.okta, token), 'subject-of-kim')
  const cookies = await page.context().cookies('https://example.corp.com/')
  t.ok(cookies.length > 0 && cookies.every(({ name, secure, httpOnly }) => name.startsWith('_oauth2_proxy') && secure && httpOnly))
  t.equal(await page.evaluate(async () => (await fetch('/reports', { method: 'POST' })).status), 200, 'it may write, although nothing tells the gateway that it came over https')
  service.takeVisits()
  t.equal((await visit(t, 'https://example.corp.com', 'eve')).status, 403, 'a subdomain is another domain')
  t.same(service.takeVisits(), [])
})

t.test('O211 the file for Okta at localhost, with its domain filled in', async t => {
  const file = fill(t, 'okta-localhost.cfg', { '${your-okta-domain}': 'dev-1.okta.com' }) // eslint-disable-line no-template-curly-in-string
  await start(t, ['--dev', '--config', file], { OAUTH2_PROXY_WHITELIST_DOMAINS: 'dev-1.okta.com' })
  const { page, status } = await visit(t, 'http://localhost:4180', 'eve')
  t.equal(status, 200, 'anybody with an address')
  const { identity, token } = takeVisit(t)
  t.same(identity, { 'x-forwarded-user': 'subject-of-eve', 'x-forwarded-email': 'eve@sub.corp.com', 'x-forwarded-preferred-username': 'eve' })
  t.equal(await ownerOf(providers.oktaLocalhost, token), 'subject-of-eve')

  await t.test('O118 O117 signs out through rd at the provider too, and comes back', async t => {
    const end = `https://dev-1.okta.com/oauth2/default/session/end?id_token_hint={id_token}&post_logout_redirect_uri=${encodeURIComponent('http://localhost:4180/')}`
    const seen: string[] = []
    page.on('request', request => { if (request.isNavigationRequest()) seen.push(request.url().replace(/\?.*/, '')) })
    await page.evaluate(address => { location.href = address }, `/oauth2/sign_out?rd=${encodeURIComponent(end)}`)
    await page.waitForSelector('input[name=login]')
    t.same(seen.slice(0, 3), ['http://localhost:4180/oauth2/sign_out', 'https://dev-1.okta.com/oauth2/default/session/end', 'http://localhost:4180/'], 'there and back')
    t.same((await page.context().cookies('http://localhost:4180/')).filter(({ name }) => /^_oauth2_proxy(?:_\d+)?$/.test(name)), [], 'no session')
    t.same(service.takeVisits(), [], 'nothing is served without one')
    t.equal(await signIn(page, 'kim'), 200, 'and the provider asks who it is: its session is over as well')
    service.takeVisits()
  })
})

t.test('O211 the file for ZITADEL, filled in', async t => {
  const filled = { '{your_domain}': 'mine', '{ZITADEL_GENERATED_CLIENT_ID}': '2026@project', '{ZITADEL_GENERATED_CLIENT_SECRET}': 'of ZITADEL', '{SUPPLY_SOME_SECRET_HERE}': SECRET }

  await t.test('O078 the subject does for the e-mail address', async t => {
    await start(t, ['--config', fill(t, 'zitadel.cfg', filled)])
    t.equal((await visit(t, 'http://127.0.0.1:4180', 'eve')).status, 200)
    const { identity, token } = takeVisit(t)
    t.same(identity, { 'x-forwarded-user': 'subject-of-eve', 'x-forwarded-email': 'subject-of-eve', 'x-forwarded-preferred-username': 'eve' })
    t.equal(await ownerOf(providers.zitadel, token), 'subject-of-eve')
  })

  await t.test('O085 with groups, their members get there alone', async t => {
    await start(t, ['--config', fill(t, 'zitadel-groups.cfg', { ...filled, '{your_actions_group_key}': 'project_roles' })])
    t.equal((await visit(t, 'http://127.0.0.1:4180', 'kim')).status, 200)
    const { identity, token } = takeVisit(t)
    t.same(identity, { 'x-forwarded-user': 'subject-of-kim', 'x-forwarded-email': 'subject-of-kim', 'x-forwarded-preferred-username': 'kim', 'x-forwarded-groups': 'roles,others' })
    t.equal(await ownerOf(providers.zitadel, token), 'subject-of-kim')
    t.equal((await visit(t, 'http://127.0.0.1:4180', 'joe')).status, 403, 'of other groups')
    t.same(service.takeVisits(), [])
  })
})
