import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { login } from 'fastify-oidc-testing'
import { createSigner, part, seconds } from './bearer-parts.ts'
import { closedOrigin, complaints } from './flow.ts'
import { lyingProvider } from './session-parts.ts'
import { optionsFor, protectedApp, testProvider, type Application, type ProviderFacts } from './support.ts'

type Test = Parameters<typeof protectedApp>[0]
type Answer = (response: ServerResponse) => void

const ALICE = { sub: 'alice', name: 'Alice' }

interface Endpoint { readonly url: string, readonly origin: string, readonly asked: IncomingHttpHeaders[], answer: Answer }

/** A userinfo endpoint that answers as it is told. */
async function userinfoEndpoint (t: Test, answer: Answer): Promise<Endpoint> {
  const server = createServer((request, response) => { endpoint.asked.push(request.headers); endpoint.answer(response) }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const endpoint: Endpoint = { origin, url: `${origin}/userinfo`, asked: [], answer }
  return endpoint
}

const json = (body: unknown): Answer => response => { response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)) }

interface Outcome extends Application { readonly status: number, readonly sub: unknown, readonly userinfo: unknown }

/** A login whose userinfo comes from there; answers what the upstream is told. */
async function loginWith (t: Test, provider: ProviderFacts, url: string | undefined, more: object = {}): Promise<Outcome> {
  const application = await protectedApp(t, optionsFor(provider, { ...(url === undefined ? {} : { userinfo_endpoint: url }), ...more }))
  const { response } = await login(application.app, { path: '/echo/x' })
  const { sub, identity } = JSON.parse(response.body) as { sub: unknown, identity: Record<string, string> }
  const header = identity['x-userinfo']
  return { ...application, status: response.status, sub, userinfo: header === undefined ? null : JSON.parse(Buffer.from(header, 'base64').toString()) }
}

const provider = await lyingProvider(t)

t.test('S250, S256: the access token goes to the userinfo endpoint as Bearer, and a slow answer within timeout is waited for', async t => {
  const endpoint = await userinfoEndpoint(t, response => { setTimeout(json(ALICE), 300, response) })
  const { userinfo, log } = await loginWith(t, provider, endpoint.url)
  t.strictSame(userinfo, ALICE)
  t.equal(endpoint.asked.length, 1)
  t.match(endpoint.asked[0]?.authorization, /^Bearer access-/)
  t.strictSame(complaints(log), [])
})

t.test('S252 to S260, S406: userinfo that cannot be had is a warning, and the login is one without it', async t => {
  const silent = await userinfoEndpoint(t, () => {})
  const halting = await userinfoEndpoint(t, response => { response.writeHead(200, { 'content-type': 'application/json' }).write('{"sub":') })
  const at = async (answer: Answer): Promise<string> => (await userinfoEndpoint(t, answer)).url
  const cases: ReadonlyArray<readonly [name: string, url: string, says: RegExp]> = [
    ['S252: no subject', await at(json({ name: 'Alice' })), /"?sub"?/],
    ['S253: another subject', await at(json({ ...ALICE, sub: 'mallory' })), /"?sub"?/],
    ['S254: a host that does not resolve', 'http://no-such-host.invalid/userinfo', /does not resolve/],
    ['S255: nobody listens', `${await closedOrigin()}/userinfo`, /ECONNREFUSED/],
    ['S257: no answer in time', silent.url, /timed? ?out.*raise timeout \(seconds\)/],
    ['S258: half an answer in time', halting.url, /timed? ?out.*raise timeout \(seconds\)/],
    ['S259: 404', await at(response => { response.writeHead(404).end('{}') }), /404/],
    ['S260: no JSON', await at(response => { response.writeHead(200, { 'content-type': 'application/json' }).end('hello') }), /JSON/]
  ]
  await Promise.all(cases.map(async ([name, url, says]) => {
    const { status, sub, userinfo, log } = await loginWith(t, provider, url, { timeout: 1 })
    t.strictSame([status, sub, userinfo], [200, 'alice', null], name)
    t.match(complaints(log).map(({ oidc, level, msg }) => ({ oidc, level, msg })), [{ oidc: 'userinfo.failed', level: 40, msg: says }], name)
    t.notMatch(JSON.stringify(log), 'mallory', name)
  }))
})

t.test('S405: an answer that does not say what it is is read as JSON', async t => {
  const bare = await userinfoEndpoint(t, response => { response.writeHead(200).end(JSON.stringify(ALICE)) })
  const { userinfo, log } = await loginWith(t, provider, bare.url)
  t.strictSame(userinfo, ALICE)
  t.strictSame(complaints(log), [])
})

t.test('W11, S261: userinfo in a signed JWT is taken if a key of the provider signed it', async t => {
  const client = { client_id: 'app', client_secret: 'a secret of the client', redirect_uris: ['http://localhost/callback'], grant_types: ['authorization_code'], response_types: ['code'], userinfo_signed_response_alg: 'RS256' } as const
  const real = await testProvider(t, { clients: [client], configuration: { features: { jwtUserinfo: { enabled: true } } } })
  const facts = { discovery: real.discovery, clientId: 'app', clientSecret: client.client_secret }
  const good = await loginWith(t, facts, undefined)
  t.match(good.userinfo, { sub: 'alice', aud: 'app', iss: real.issuer })
  t.strictSame(complaints(good.log), [])

  const published = await createSigner('RS256', 'known')
  const keys = await userinfoEndpoint(t, json({ keys: [published.jwk, ...(await (await fetch(`${real.issuer}/jwks`)).json() as { keys: object[] }).keys] }))
  const jwt = (sign: typeof published.sign, more = {}, header = {}): Promise<string> => sign({ ...ALICE, iss: real.issuer, aud: 'app', iat: seconds(), ...more }, { typ: 'JWT', kid: 'known', ...header })
  const stranger = await createSigner('RS256', 'known')
  const cases: ReadonlyArray<readonly [name: string, body: string, taken: boolean]> = [
    ['a key that is published', await jwt(published.sign), true],
    ['another key', await jwt(stranger.sign), false],
    ['another kid', await jwt(stranger.sign, {}, { kid: 'unknown' }), false],
    ['no signature', `${part({ alg: 'none' })}.${part({ ...ALICE, iss: real.issuer, aud: 'app' })}.`, false],
    ['for another client', await jwt(published.sign, { aud: 'another' }), false],
    ['of another issuer', await jwt(published.sign, { iss: 'https://issuer.evil.example' }), false],
    ['about another subject', await jwt(published.sign, { sub: 'mallory' }), false]
  ]
  for (const [name, body, taken] of cases) {
    const endpoint = await userinfoEndpoint(t, response => { response.writeHead(200, { 'content-type': 'application/jwt' }).end(body) })
    const { status, userinfo } = await loginWith(t, facts, endpoint.url, { jwks_uri: keys.url })
    t.equal(status, 200, name)
    t.equal(userinfo !== null, taken, name)
  }
})
