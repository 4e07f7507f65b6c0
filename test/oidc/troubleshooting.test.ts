import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type AddressInfo, type Server } from 'node:net'
import type { FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { Browser, login, type TestProviderOptions } from 'fastify-oidc-testing'
import { upstreamCertificate } from '../proxy/certificates.ts'
import { complaints, lyingProvider, ORIGIN, toCallback } from './flow.ts'
import { createApplication, optionsFor, protectedApp, testProvider, type ProviderFacts } from './support.ts'
import { freePort } from '../support/free-port.ts'

const page = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8')

/** The lines that the page promises, by the heading that they stand under. */
const promised = new Map([...page.matchAll(/^### (.+)\n((?:(?!^#)[\s\S])*?)^```text\n(.+)\n```$/gm)].map(([, heading = '', , line = '']) => [heading, line]))

function asPattern (line: string): RegExp {
  return new RegExp(`^${line.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')}$`)
}

type Options = Partial<OidcPluginOptions>
type Line = string | undefined
/** Brings the trouble about and answers what is said of it. */
type Case = (t: Test) => Promise<Line>

const honest = await testProvider(t)
const lying = await lyingProvider(t)
const facts = { clientId: 'app', clientSecret: 'a secret of the client' }
const WELL_KNOWN = '/.well-known/openid-configuration'
const html = { accept: 'text/html' }

const session = (more: Record<string, unknown>): Options => ({ session: more } as unknown as Options)

/** The only complaint about a provider whose document is there. */
async function unreachable (t: Test, discovery: string, options: Options = {}): Promise<Line> {
  const { app, log } = await protectedApp(t, optionsFor({ ...facts, discovery }, options))
  await app.inject({ url: '/', headers: html })
  return complaints(log).map(({ msg }) => String(msg)).find(msg => msg.startsWith('the provider cannot'))
}

async function listening (t: Test, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function refusedPort (): Promise<string> {
  return `127.0.0.1:${await freePort()}`
}

/** A browser that answers every login of an application in the way that the test wants, until it gives up. */
interface Setting {
  readonly options?: Options
  readonly server?: FastifyServerOptions
  /** Headers of the requests that begin logins. */
  readonly begins?: Record<string, string>
  /** Headers of the provider's answers, after what the first login set. */
  readonly answers?: (cookie: string) => Record<string, string>
}

async function lostThrice (t: Test, { options = {}, server = {}, begins = {}, answers = () => ({}) }: Setting): Promise<Line> {
  const { app, log } = await protectedApp(t, optionsFor(honest, options), server)
  let response = await app.inject({ url: '/', headers: { ...html, host: 'localhost', ...begins } })
  for (let turn = 0; turn < 4; turn++) {
    const authorization = new URL(String(response.headers.location))
    const cookie = [response.headers['set-cookie']].flat().map(line => String(line).split(';')[0]).join('; ')
    const answer = `${new URL(authorization.searchParams.get('redirect_uri') ?? '').pathname}?code=x&state=${authorization.searchParams.get('state') ?? ''}`
    response = await app.inject({ url: answer, headers: { ...html, host: 'localhost', ...begins, ...answers(cookie) } })
  }
  t.equal(response.statusCode, 400)
  const restarts = log.filter(line => line.oidc === 'login.restarted')
  t.equal(restarts.length, 3)
  const [line, ...more] = complaints(log).filter(({ oidc }) => oidc === 'login.failed')
  t.equal(more.length, 0)
  t.match(restarts.at(-1)?.msg, String(line?.msg).replace(/^.*?: /, ''), 'each of the three says why')
  return line?.msg as Line
}

/** What the log says of a login with a provider that is not what the options think. */
async function loginWith (t: Test, provider: ProviderFacts, options: Options): Promise<Line> {
  const { app, log } = await protectedApp(t, optionsFor(provider, options))
  const browser = new Browser().route(ORIGIN, app)
  const first = await browser.navigate(`${ORIGIN}/`, { follow: false })
  if (first.location !== null) await browser.navigate(await toCallback(browser, first.location))
  const lines = complaints(log).filter(({ oidc }) => oidc !== 'profile')
  t.equal(lines.length, 1, 'one line')
  return lines[0]?.msg as Line
}

async function stricterProvider (t: Test, options: TestProviderOptions): Promise<ProviderFacts> {
  return await testProvider(t, options)
}

/** The beginning of a login. */
async function beginning (t: Test, options: Options, headers: Record<string, string>, server: FastifyServerOptions = {}): Promise<{ readonly lines: string[], again (): Promise<void> }> {
  const { app, log } = await protectedApp(t, optionsFor(honest, options), server)
  const lines: string[] = []
  const again = async (): Promise<void> => {
    await app.inject({ url: '/', headers: { ...html, ...headers } })
    lines.splice(0, lines.length, ...log.filter(({ oidc }) => oidc === 'advice' || oidc === 'login.started').map(({ msg }) => String(msg)))
  }
  await again()
  return { lines, again }
}

async function bootError (t: Test, options: Options, after: (app: ReturnType<typeof createApplication>['app']) => void = () => {}): Promise<Line> {
  const { app } = createApplication(t)
  try {
    await app.register(oidc, optionsFor({ ...facts, discovery: `https://id.example${WELL_KNOWN}` }, options))
    after(app)
  } catch (error) {
    return (error as Error).message
  }
  return undefined
}

/** Of a boot error, which has one for each problem. */
const onlyProblem = (text: Line): Line => text?.split('\n').slice(1).join(' ').trim()

const CASES: Readonly<Record<string, Case>> = {
  'The host does not resolve': async t => await unreachable(t, `http://no-such-host.invalid${WELL_KNOWN}`),
  'Nothing listens there': async t => await unreachable(t, `http://${await refusedPort()}${WELL_KNOWN}`),
  'The provider does not answer in time': async t => await unreachable(t, `http://${await listening(t, createServer(socket => { t.teardown(() => { socket.destroy() }) }))}${WELL_KNOWN}`, { timeout: 1 }),
  'The certificate is not accepted': async t => await unreachable(t, `https://${await listening(t, createHttpsServer({ ...upstreamCertificate }))}${WELL_KNOWN}`),
  'The port does not speak TLS': async t => await unreachable(t, honest.discovery.replace('http:', 'https:')),
  'The URL is not that of a discovery document': async t => await unreachable(t, honest.discovery.replace('openid-', 'no-')),

  'The address of redirect_uri was opened, or the browser keeps no cookies': async t => await lostThrice(t, {}),
  'The sign-in begins on another host than it comes back to': async t => await lostThrice(t, { options: { redirect_uri: 'http://127.0.0.1/callback' }, answers: () => ({ host: '127.0.0.1' }) }),
  'A proxy in front ends TLS, and half of the requests say so': async t => {
    const { app, log } = await protectedApp(t, optionsFor(honest), { trustProxy: true })
    const { headers: { location, 'set-cookie': lines } } = await app.inject({ url: '/', headers: { ...html, 'x-forwarded-proto': 'https' } })
    const cookie = [lines].flat().map(line => String(line).split(';')[0]).join('; ')
    const { statusCode } = await app.inject({ url: `/callback?code=x&state=${new URL(String(location)).searchParams.get('state') ?? ''}`, headers: { ...html, cookie } })
    t.equal(statusCode, 302)
    return log.find(line => line.oidc === 'login.restarted')?.msg as Line
  },
  'Cookies that are Secure, over http': async t => await lostThrice(t, { options: session({ cookie_secure: true }) }),
  'The domain of the cookies is another': async t => await lostThrice(t, { options: session({ cookie_domain: 'example.org' }) }),
  'The path of the cookies does not cover the callback': async t => await lostThrice(t, { options: session({ cookie_path: '/app' }) }),
  'The application is shown in a frame': async t => await lostThrice(t, { begins: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' } }),
  'Instances do not share a secret': async t => await lostThrice(t, { answers: cookie => ({ cookie: cookie.replace(/[^;]{30}(;|$)/g, `${'A'.repeat(30)}$1`) }) }),
  'Somebody took a long time': async t => {
    const now = Date.now()
    let lead = 0
    t.intercept(Date, 'now', { value: () => now + lead })
    return await lostThrice(t, { answers: cookie => { lead += 601_000; return { cookie } } })
  },
  'The answer was used already': async t => await lostThrice(t, { answers: () => ({ cookie: 'oidc_tx_AAAAAAAAAAA=x' }) }),

  'The provider says that the redirect URI is not registered': async t => {
    const { lines, again } = await beginning(t, {}, { host: 'app.example' })
    await again()
    t.equal(lines.length, 1, 'once')
    t.match(lines[0], 'http://app.example/callback')
    return lines[0]
  },
  'The redirect URI has the wrong scheme': async t => {
    const headers = { host: 'app.example', 'x-forwarded-proto': 'https' }
    const { lines, again } = await beginning(t, {}, headers)
    await again()
    t.equal(lines.length, 2, 'the address, and once what is wrong with it')
    t.equal((await beginning(t, {}, headers, { trustProxy: true })).lines.length, 1)
    return lines[1]
  },
  'The provider refuses it with PAR': async t => await loginWith(t, await stricterProvider(t, { redirectUris: ['http://localhost/other'] }), { par: { enabled: true } } as Options),
  'A redirect URI without a scheme': async t => onlyProblem(await bootError(t, { redirect_uri: 'app.example.com/callback' })),
  'The redirect URI is the path of an open route': async t => await bootError(t, { redirect_uri: '/page' }, app => { app.get('/page', { config: { oidc: false } }, async () => '') }),

  'Secure cookies over http': async t => {
    const options = session({ cookie_same_site: 'None' })
    const { lines, again } = await beginning(t, options, { host: 'app.example' })
    await again()
    t.equal(lines.length, 2, 'the address, and once what is wrong')
    t.equal((await beginning(t, options, { host: 'localhost:3000' })).lines.length, 1, 'where browsers do without TLS there is nothing to say')
    return lines[1]
  },

  'A proxy in front answers 502': async t => {
    const big = await stricterProvider(t, { tokenSize: 3000, resource: 'urn:api' })
    const { app, log } = await protectedApp(t, optionsFor(big))
    for (let turn = 0; turn < 2; turn++) t.equal((await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/`)).status, 200)
    const [line, ...more] = complaints(log)
    t.equal(more.length, 0, 'once')
    t.ok(Number(/about (\d+) bytes/.exec(String(line?.msg))?.[1]) > 4096)
    return line?.msg as Line
  },
  'The session does not fit into cookies': async t => {
    const huge = await stricterProvider(t, { tokenSize: 10_000, resource: 'urn:api' })
    return await loginWith(t, huge, {})
  },
  session_content: async t => onlyProblem(await bootError(t, { session_content: { access_token: true } } as Options)),

  'The client secret is wrong': async t => await loginWith(t, { ...honest, clientSecret: 'not the one' }, {}),
  'PKCE is set up on one side only': async t => await loginWith(t, await stricterProvider(t, { configuration: { pkce: { required: () => true } } }), { use_pkce: false }),
  'The code is refused': async t => {
    lying.lie({ failures: { token: 'invalid_grant' } })
    return await loginWith(t, lying, {})
  },
  'The user declined': async t => {
    lying.lie({ callback: { kind: 'error', error: 'access_denied' } })
    return await loginWith(t, lying, {})
  }
}

t.test('every line of the page is shown by a test, and every test by a line of the page', async t => {
  t.ok(promised.size > 20)
  t.strictSame([...promised.keys()].sort(), Object.keys(CASES).sort())
  t.equal(page.match(/^```text$/gm)?.length, promised.size)
  for (const heading of page.match(/^### .+$/gm) ?? []) t.ok(promised.has(heading.slice(4)), heading)
})

for (const [heading, run] of Object.entries(CASES)) {
  t.test(`the page's line is the log's: ${heading}`, async t => {
    const line = await run(t)
    t.match(line, asPattern(promised.get(heading) ?? 'nothing promised'))
    t.ok(String(line).length < 1200)
  })
}

t.test('what providers say of PKCE, redirect URIs and scopes leads to the option, in the words of each', async t => {
  const pkce = /\(set up PKCE with S256 for this client at the provider: use_pkce/
  for (const [error, description, says] of [
    ['invalid_request', 'Missing parameter: code_challenge_method', pkce],
    ['invalid_request', 'PKCE code challenge is required when the token endpoint authentication method is NONE', pkce],
    ['unauthorized_client', 'PKCE is not allowed', pkce],
    ['invalid_request', 'Invalid parameter: redirect_uri', /\(register redirect_uri at the provider/],
    ['invalid_scope', 'Invalid scopes: openid reports', /\(check scope: /],
    ['unauthorized_client', 'Client not enabled', /\(check client_id, client_secret/],
    ['made_up', 'code_challenge', /\(the provider says what it does not like/],
    ['access_denied', 'PKCE', /"PKCE"$/]
  ] as const) {
    lying.lie({ callback: { kind: 'error', error, description } })
    t.match(await loginWith(t, lying, {}), says, description)
  }
})

t.test('a secret that is refused in the body of the answer is named as well', async t => {
  t.match(await loginWith(t, { ...honest, clientSecret: 'not the one' }, { token_endpoint_auth_method: 'client_secret_post' }), asPattern(promised.get('The client secret is wrong') ?? ''))
})

t.test('a session that a request takes on anew is measured too', async t => {
  const big = await stricterProvider(t, { tokenSize: 3000, resource: 'urn:api', ttl: { accessToken: 30 } })
  const first = await protectedApp(t, optionsFor(big))
  const { cookie } = await login(first.app)
  const { app, log } = await protectedApp(t, optionsFor(big, { access_token_expires_leeway: 60 }))
  for (const line of [0, 1]) {
    const response = await app.inject({ url: '/', headers: { cookie } })
    t.equal(response.statusCode, 200, String(line))
  }
  t.equal(complaints(log).filter(({ oidc }) => oidc === 'advice').length, 1, 'a renewal sets the cookies, and there was no login here')
})

t.test('an answer with small headers is no matter', async t => {
  const { app, log } = await protectedApp(t, optionsFor(honest))
  t.equal((await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/`)).status, 200)
  t.strictSame(complaints(log), [])
})

t.test('a login that begins on a host within the domain of the cookies is not called stray', async t => {
  const line = await lostThrice(t, { options: { redirect_uri: 'http://login.example.org/callback', ...session({ cookie_domain: 'example.org' }) }, begins: { host: 'app.example.org' }, answers: () => ({ host: 'login.example.org' }) })
  t.match(line, 'which nobody opens by hand')
})

t.test('the path of logout cannot be a route, declared before or after', async t => {
  const message = 'logout_path is /bye, which is the path of a route of this application: choose one that no route has'
  t.equal(await bootError(t, { logout_path: '/bye' }, app => { app.get('/bye', async () => '') }), message)
  t.match(await bootError(t, { backchannel_logout_path: '/over' }, app => { app.post('/over', async () => '') }), /^backchannel_logout_path is \/over, which/)
  t.match(await bootError(t, { frontchannel_logout_path: '/over' }, app => { app.get('/over', async () => '') }), /^frontchannel_logout_path is \/over, which/)
  const { app } = createApplication(t)
  app.get('/bye', async () => '')
  await t.rejects(async () => { await app.register(oidc, optionsFor(honest, { logout_path: '/bye' })) }, { code: 'FST_OIDC_PATH_TAKEN', message })
})
