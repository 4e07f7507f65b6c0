import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { createTestProvider, type TestUser } from 'fastify-oidc-testing'
import { fixture } from '../gateway/import-kong-parts.ts'
import { freePorts } from '../support/redis-process.ts'
import { launchBrowser, newPage } from './support/browser.ts'
import { startImported, startService, startTerminator } from './support/played-hosts.ts'

const GUID = 'e5634b31-d67f-4661-a6fb-b6cb77849bcf'
const YODA = 'yoda@dagobah.example'
const USERS: Readonly<Record<string, TestUser>> = {
  [YODA]: { sub: GUID, email: YODA, email_verified: true, name: 'Yoda' },
  'vader@empire.example': { sub: '6d4f1a4c-9f6e-4f7e-8d53-8c3a6d2f2a11', email: 'vader@empire.example', email_verified: true, name: 'Darth Vader' }
}
const SITE = 'https://kong.com'
const AS_PRINTED = readFileSync(fixture('okta.sh'), 'utf8')
const CONSUMERS = readFileSync(fixture('okta-consumers.sh'), 'utf8')

/** As Okta's custom authorization servers do it: `scp` is a list, and an access token names the login where the ID token names the account. */
const provider = await createTestProvider({
  issuer: 'https://corp.okta.com/oauth2/kong',
  users: USERS,
  resource: 'api://kong',
  clients: [{ client_id: 'YOUR_CLIENT_ID', client_secret: 'YOUR_CLIENT_SECRET', redirect_uris: [`${SITE}/api`], grant_types: ['authorization_code'], response_types: ['code'] }],
  configuration: {
    formats: {
      customizers: {
        jwt: (_ctx, _token, parts) => {
          const { scope, sub, ...payload } = parts.payload ?? {}
          const [login] = Object.entries(USERS).find(([, user]) => user.sub === sub) ?? []
          parts.payload = { ...payload, sub: login ?? null, scp: String(scope).split(' ') }
        }
      }
    }
  }
})
t.teardown(async () => { await provider.close() })
const service = await startService(t)
const [gatewayPort = 0] = await freePorts(1)
const terminator = await startTerminator(t, { 'kong.com': gatewayPort, 'corp.okta.com': Number(new URL(provider.origin).port) })
const browser = await launchBrowser(t, { 'kong.com:443': terminator, 'corp.okta.com:443': terminator })

/** The commands as they are printed, with nothing but Okta's two names filled in. */
async function start (t: Test, ...more: readonly string[]): Promise<void> {
  const commands = [AS_PRINTED.replace('YOUR_OKTA_DOMAIN', 'corp.okta.com').replace('YOUR_AUTH_SERVER', 'kong'), ...more].join('\n')
  const file = `${t.testdir({ 'okta.sh': commands })}/okta.sh`
  const args = ['-c', file, '--route', '/api', '--upstream', `http://127.0.0.1:${service.port}`, '--listen', `127.0.0.1:${gatewayPort}`]
  const program = await startImported(t, args, { 'corp.okta.com:443': terminator }, { SESSION_SECRET: 'a secret of more than thirty-two bytes, for tests' }, 'kong')
  t.teardown(async () => { await program.stop() })
}

/** Types into the provider's forms. Answers what was shown in the end. */
async function signIn (page: Page, user: string): Promise<number> {
  await page.fill('input[name=login]', user)
  await page.click('button[type=submit]')
  const answered = page.waitForResponse(response => response.request().isNavigationRequest() && ![302, 303].includes(response.status()))
  await page.click('button[value=allow]')
  return (await answered).status()
}

const isAtProvider = (page: Page): boolean => page.url().startsWith('https://corp.okta.com/')

t.test('the guide\'s command: blocked without a login, allowed after it and at once again, blocked when the cookie is gone', async t => {
  await start(t)
  const page = await newPage(t, browser)
  await page.goto(`${SITE}/api`)
  t.ok(isAtProvider(page), 'somebody new is sent to the provider')
  t.same(service.takeVisits(), [], 'and nothing gets to the service')

  t.equal(await signIn(page, YODA), 200)
  t.equal(page.url(), `${SITE}/api`, 'back at the route, which is the redirect_uri, without the code')
  const [visit, ...more] = service.takeVisits()
  t.same(more, [])
  t.equal(visit?.url, '/api')
  const [scheme, token = ''] = (visit?.headers.authorization ?? '').split(' ')
  t.equal(scheme, 'Bearer')
  const { sub, scp } = decodeJwt<{ scp: string[] }>(token)
  t.same([sub, [...scp].sort()], [YODA, ['email', 'openid', 'profile']], 'with the access token')
  t.equal(visit?.headers['x-credential-identifier'], GUID, 'and who it is, says the ID token')
  for (const name of ['x-id-token', 'x-userinfo', 'x-access-token', 'x-consumer-username', 'cookie']) t.equal(visit?.headers[name], undefined, name)

  t.equal((await page.reload())?.status(), 200, 'at once again')
  t.equal(service.takeVisits()[0]?.headers.authorization, `Bearer ${token}`)
  t.equal(await page.evaluate(async () => (await fetch('/api/below', { method: 'POST' })).status), 200, 'and below the route, with what pages send')
  t.equal(service.takeVisits()[0]?.url, '/api/below')

  const cookies = await page.context().cookies(SITE)
  t.ok(cookies.length > 0 && cookies.every(({ httpOnly, secure }) => httpOnly && secure), 'which nothing but https carries')
  await page.context().clearCookies()
  t.equal(await page.evaluate(async () => (await fetch('/api')).status), 401, 'the cookie is gone')
  await page.goto(`${SITE}/api`)
  t.ok(isAtProvider(page))
  t.same(service.takeVisits(), [])
})

t.test('the guide\'s consumer: the account that is mapped is Yoda, another one is 403 and stays signed in', async t => {
  await start(t, CONSUMERS)
  const page = await newPage(t, browser)
  await page.goto(`${SITE}/api`)
  t.equal(await signIn(page, YODA), 200)
  t.match(service.takeVisits(), [{ headers: { 'x-consumer-username': 'Yoda', 'x-consumer-custom-id': GUID, 'x-credential-identifier': GUID } }])

  const other = await newPage(t, browser)
  await other.goto(`${SITE}/api`)
  t.equal(await signIn(other, 'vader@empire.example'), 403)
  t.match(await other.textContent('body'), /FST_OIDC_CONSUMER_UNMAPPED/)
  t.equal((await other.reload())?.status(), 403)
  t.notOk(isAtProvider(other), 'not logged out, as Kong does')
  t.same(service.takeVisits(), [])
})
