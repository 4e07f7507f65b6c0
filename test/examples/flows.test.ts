import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Browser, type Page } from 'fastify-oidc-testing'
import { startProgram } from './running-example.ts'

const FOLDER = fileURLToPath(new URL('../../examples/flows/', import.meta.url))
const CALLS = ['client-credentials', 'introspection', 'password'] as const
const LOGINS = ['authorization-code', 'pkce', 'refresh-token'] as const
const CHALLENGE = 'Bearer realm="apisix", error="invalid_token", error_description="The access token is not valid", scope="read"'

async function printedBy (name: typeof CALLS[number]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [`${name}.js`], { cwd: FOLDER, env: { ...process.env, NODE_OPTIONS: '' } })
  return stdout.trim().split('\n')
}

// Each is a process with a provider of its own: they run beside each other.
const printed = new Map(CALLS.map(name => [name, printedBy(name)]))

async function startLogin (t: Test, name: typeof LOGINS[number]): Promise<{ browser: Browser, origin: string, form: Page }> {
  const origin = await startProgram(t, FOLDER, `${name}.js`, { PORT: '0', ACCESS_TOKEN_LIFE: '1' })
  const browser = new Browser()
  return { browser, origin, form: await browser.navigate(`${origin}/`) }
}

async function answerForms (browser: Browser, form: Page): Promise<Page> {
  const consent = await browser.submit(form, { login: 'alice', password: 'any' })
  return await browser.submit(consent, { decision: 'allow' })
}

t.test('the examples are the six flows, and every program is run here', async t => {
  const programs = readdirSync(FOLDER).filter(name => name.endsWith('.js') && name !== 'calls.js')
  t.strictSame(programs.sort(), [...CALLS, ...LOGINS].map(name => `${name}.js`).sort())
})

t.test('client credentials: the API takes a program by its token, verified by the keys of the provider', async t => {
  t.strictSame(await printed.get('client-credentials'), [
    'without a token: 401 Bearer realm="apisix", scope="read"',
    'with one: 200 {"client":"nightly-job","scopes":["read"]}',
    'again: 200 {"client":"nightly-job","scopes":["read"]}',
    'where it has not the scope: 403 Bearer realm="apisix", error="insufficient_scope", scope="write"',
    `cut short: 401 ${CHALLENGE}`,
    'with the secret itself, which the API exchanges: 200 {"client":"nightly-job"}',
    'again: 200 {"client":"nightly-job"}',
    'with a wrong one: 401 Bearer realm="apisix", scope="read", Basic realm="apisix", charset="UTF-8"',
    'the provider was asked for 3 tokens',
    "the provider's keys were asked for 1 time"
  ])
})

t.test('introspection: the API asks the provider once about a token that says nothing', async t => {
  t.strictSame(await printed.get('introspection'), [
    'without a token: 401 Bearer realm="apisix", scope="read"',
    'with one: 200 {"client":"nightly-job","scopes":["read"]}',
    'again: 200 {"client":"nightly-job","scopes":["read"]}',
    'the provider was asked 1 time about it',
    `with one that the provider does not know: 401 ${CHALLENGE}`
  ])
})

t.test('password: the API takes the user by the token of the password and by that of the refresh token', async t => {
  t.strictSame(await printed.get('password'), [
    'with the token of the password: 200 {"user":"alice","client":"mobile-app"}',
    'with the token of the refresh token: 200 {"user":"alice","client":"mobile-app"}',
    `with the refresh token itself: 401 ${CHALLENGE}`,
    'the provider answered 400 invalid_grant: grant request is invalid',
    'with the name and the password, which the API exchanges: 200 {"user":"alice","client":"https://api.example.test"}',
    'again: 200 {"user":"alice","client":"https://api.example.test"}',
    'of nobody: 401 Bearer realm="apisix", scope="read", Basic realm="apisix", charset="UTF-8"',
    'the provider was asked for 5 tokens'
  ])
})

t.test('authorization code: who signs in is known by a session', async t => {
  const { browser, origin, form } = await startLogin(t, 'authorization-code')
  t.equal(form.url.pathname.split('/')[1], 'interaction', 'the provider asks who it is')
  const page = await answerForms(browser, form)
  t.equal(page.url.href, `${origin}/`)
  t.match(JSON.parse(page.body), { via: 'session', claims: { sub: 'alice', email: 'alice@example.test' } })
})

t.test('PKCE: a client without a secret logs in where the provider insists on a challenge', async t => {
  const { browser, form } = await startLogin(t, 'pkce')
  const [, authorization] = form.history
  t.match(authorization?.url.searchParams.get('code_challenge'), /^[\w-]{43}$/)
  t.equal(authorization?.url.searchParams.get('code_challenge_method'), 'S256')
  t.match(JSON.parse((await answerForms(browser, form)).body), { via: 'session', claims: { sub: 'alice' } })
})

t.test('refresh token: the session outlives its access token without another sign-in', async t => {
  const { browser, origin, form } = await startLogin(t, 'refresh-token')
  const first = JSON.parse((await answerForms(browser, form)).body) as { session: string, provider: string }
  t.match(first, { user: 'alice', provider: /times, for a sign-in 1 times$/ })
  let later = first
  for (const end = Date.now() + 10_000; later.provider === first.provider && Date.now() < end; await wait(100)) later = JSON.parse((await browser.navigate(`${origin}/`)).body) as typeof first
  t.not(later.provider, first.provider, 'the provider was asked for tokens again')
  t.match(later, { user: 'alice', session: first.session, provider: /times, for a sign-in 1 times$/ })
})
