import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import { Browser, login } from 'fastify-oidc-testing'
import { createDiscovery, type Discovery } from '../../packages/oidc/src/provider/discovery.ts'
import type { ProviderHttp } from '../../packages/oidc/src/provider/http.ts'
import { answerFor, lyingProvider, ORIGIN } from './flow.ts'
import { optionsFor, protectedApp, testProvider } from './support.ts'

const ISSUER = 'https://issuer.example'
const DAY = 86400

interface Metadata { discovery: Discovery, answered: () => number, go: (seconds: number) => void, answer: (with_: () => Promise<Response>) => void }

function document (revision: string, more: Record<string, unknown> = {}): () => Promise<Response> {
  return async () => new Response(JSON.stringify({ issuer: ISSUER, authorization_endpoint: `${ISSUER}/${revision}`, token_endpoint: `${ISSUER}/token`, jwks_uri: `${ISSUER}/jwks`, ...more }), { headers: { 'content-type': 'application/json' } })
}

/** A clock that is moved and a network that is told what to answer. */
function metadata (overrides: Record<string, string> = {}): Metadata {
  let now = 1_700_000_000
  let requests = 0
  let next = document('first')
  const http: ProviderHttp = { timeout: 1, close: async () => {}, fetch: async () => { requests++; return await next() } }
  const discovery = createDiscovery({ url: `${ISSUER}/.well-known/openid-configuration`, http, validIssuers: [], overrides, usesMutualTls: false, keysMaxAge: 60, clock: () => now })
  return { discovery, answered: () => requests, go: seconds => { now += seconds }, answer: answer => { next = answer } }
}

const endpointOf = async ({ discovery }: Metadata): Promise<string | undefined> => (await discovery.get()).server.authorization_endpoint
async function settle (): Promise<void> { for (let turns = 0; turns < 20; turns++) await turn() }

// rows: discovery
t.test('metadata are read once, however many ask', async t => {
  const provider = metadata()
  await Promise.all(Array.from({ length: 50 }, async () => await provider.discovery.get()))
  await provider.discovery.get()
  t.equal(provider.answered(), 1)
})

// rows: discovery
t.test('metadata are renewed after a day, and nobody waits for it', async t => {
  const provider = metadata()
  t.equal(await endpointOf(provider), `${ISSUER}/first`)
  provider.answer(document('second'))
  provider.go(DAY)
  t.equal(await endpointOf(provider), `${ISSUER}/first`)
  await settle()
  t.equal(provider.answered(), 1, 'not before')
  provider.go(1)
  t.equal(await endpointOf(provider), `${ISSUER}/first`, 'who asks first is served with what is known')
  await settle()
  t.equal(await endpointOf(provider), `${ISSUER}/second`)
  t.equal(provider.answered(), 2)
})

t.test('old metadata serve on while they cannot be renewed', async t => {
  const provider = metadata()
  await provider.discovery.get()
  for (const answer of [async () => { throw new TypeError('fetch failed') }, async () => new Response('{}', { status: 500 }), document('evil', { issuer: 'https://issuer.evil.example' })]) {
    const before = provider.answered()
    provider.answer(answer as () => Promise<Response>)
    provider.go(2 * DAY)
    for (let request = 0; request < 20; request++) {
      t.equal(await endpointOf(provider), `${ISSUER}/first`)
      await settle()
    }
    t.ok(provider.answered() - before <= 1, 'and a failure is backed off')
  }
})

t.test('a dead provider costs a request nothing while the failure is backed off', async t => {
  const provider = metadata()
  provider.answer(async () => { throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }) }) })
  for (let request = 0; request < 100; request++) await t.rejects(provider.discovery.get(), { code: 'FST_OIDC_PROVIDER_UNAVAILABLE', cause: { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' } })
  t.equal(provider.answered(), 1)
})

t.test('an endpoint that is set wins over that of the document, also where the document has none', async t => {
  const provider = metadata({ authorization_endpoint: 'https://other.example/authorize', end_session_endpoint: 'https://other.example/end' })
  provider.answer(document('first', { authorization_endpoint: undefined }))
  const { server } = await provider.discovery.get()
  t.match(server, { authorization_endpoint: 'https://other.example/authorize', end_session_endpoint: 'https://other.example/end', token_endpoint: `${ISSUER}/token` })
})

// rows: discovery, claim_validator.issuer.valid_issuers
t.test('the issuer of the document is the address that it came from', async t => {
  const accepted = metadata()
  accepted.answer(document('first', { issuer: `${ISSUER}/` }))
  await t.resolves(accepted.discovery.get(), 'but for a slash at the end')
  for (const issuer of ['https://issuer.example.evil', 'http://issuer.example', `${ISSUER}/realm`, 'ISSUER', 7, undefined]) {
    const provider = metadata()
    provider.answer(document('first', { issuer }))
    await t.rejects(provider.discovery.get(), { code: 'FST_OIDC_PROVIDER_INVALID' }, String(issuer))
  }
})

t.test('scopes and servers that reach a provider in the same way read its metadata and keys once', async t => {
  const provider = await lyingProvider(t)
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  for (const name of ['a', 'b']) {
    await app.register(async scope => {
      await scope.register(oidc, optionsFor(provider, { redirect_uri: `/${name}/callback` }))
      scope.get('/', async request => ({ sub: request.oidc.claims?.sub }))
    }, { prefix: `/${name}` })
  }
  const other = await protectedApp(t, optionsFor(provider))
  await Promise.all([app.ready(), other.app.ready()])
  for (const name of ['a', 'b']) {
    const browser = new Browser().route(ORIGIN, app)
    t.equal((await browser.navigate(await answerFor(browser, `${ORIGIN}/${name}/`))).status, 200)
  }
  t.equal(provider.count('discovery'), 1)
  t.equal(provider.count('jwks'), 1)
  await app.close()
  const last = new Browser().route(ORIGIN, other.app)
  t.equal((await last.navigate(await answerFor(last, `${ORIGIN}/`))).status, 200, 'one server that closes takes nothing from the other')
  t.equal(provider.count('discovery'), 1)
  await other.app.close()

  const different = await protectedApp(t, optionsFor(provider, { timeout: 7 }))
  await different.app.ready()
  await different.app.oidc.ready()
  t.equal(provider.count('discovery'), 2, 'other settings are another way')
})

t.test('a server that closes while it is still trying leaves nothing behind', async t => {
  const provider = await testProvider(t)
  await provider.stop()
  const { app, log } = await protectedApp(t, optionsFor(provider))
  await app.ready()
  await app.close()
  await provider.start()
  const lines = log.length
  await settle()
  t.equal(log.length, lines)
  t.equal(provider.count('GET /.well-known/openid-configuration'), 0)
  const again = await protectedApp(t, optionsFor(provider))
  t.equal((await login(again.app)).response.status, 200, 'and a new one starts afresh')
})
