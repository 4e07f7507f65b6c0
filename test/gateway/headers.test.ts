import t from 'tap'
import { checkConfiguration, type GatewayOptions } from 'fastify-oidc-gateway'
import { createTestProvider, login } from 'fastify-oidc-testing'
import { claimsFor, createSigner } from '../oidc/bearer-parts.ts'
import { ask, askRaw, startGateway, startUpstream, type Received } from './parts.ts'

async function problemOf (headers: unknown, upstream = 'http://127.0.0.1:1'): Promise<string> {
  const checked = await checkConfiguration({ value: { routes: [{ uri: '/*', upstream, headers }] } as unknown as GatewayOptions, positionOf: () => null })
  return checked.kind === 'invalid' ? checked.problems.map(({ path, message }) => `${path.join('.')} ${message}`).join() : ''
}

t.test('an upstream gets claims, tokens, fixed values and Basic credentials of who is logged in', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const { discovery, clientId, clientSecret } = provider
  const plugin = { discovery, client_id: clientId, client_secret: clientSecret, timeout: 30, session: { secret: 'a session secret that is long enough' } }
  const request = {
    'X-Forwarded-User': { claim: 'sub' },
    Authorization: { claim: 'access_token', prefix: 'Bearer ' },
    'X-Basic': { claim: 'sub', basic_password: '$ENV://PASSWORD' },
    'X-Key': { value: '$ENV://KEY' },
    'X-None': { claim: 'no_such_claim' },
    'X-Proto': { claim: '__proto__' }
  }
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream: await startUpstream(t), headers: { request, response: { 'X-Who': { claim: 'sub' } } }, plugins: { 'openid-connect': plugin } }] }, { environment: { PASSWORD: 'pass', KEY: 'key 1' } })
  const { browser, response } = await login(gateway.app, { path: '/page' })
  const again = await browser.fetch(response.url, { headers: { connection: 'X-Forwarded-User', 'x-forwarded-user': 'forged', x_forwarded_user: 'forged', 'x-none': 'forged', 'x.none': 'forged', x_key: 'forged' } })
  const { headers } = JSON.parse(again.body) as Received
  t.match(headers, { 'x-forwarded-user': 'alice', authorization: /^Bearer .+/, 'x-basic': `Basic ${Buffer.from('alice:pass').toString('base64')}`, 'x-key': 'key 1' })
  t.notMatch(JSON.stringify(headers), /forged/)
  for (const name of ['x-none', 'x-proto']) t.notOk(name in headers, name)
  t.equal(again.headers.get('x-who'), 'alice')
})

t.test('on an open route there are fixed values alone, and nothing that a caller or an upstream says', async t => {
  const upstream = await startUpstream(t, 'upstream', (request, response) => {
    response.setHeader('content-type', 'application/json').setHeader('x-frame-options', 'ALLOW').setHeader('x-who', 'forged')
    response.end(JSON.stringify({ headers: request.headers }))
  })
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream, headers: { request: { 'X-User': { claim: 'sub' }, 'X-Key': { value: 'k' } }, response: { 'X-Frame-Options': { value: 'DENY' }, 'X-Who': { claim: 'sub' } } } }] })
  const { headers, received } = await ask(gateway, '/', { headers: { 'x-user': 'forged', 'X-USER': 'forged', x_user: 'forged', 'x-key': 'forged' } })
  t.equal(received.headers['x-key'], 'k')
  t.notMatch(JSON.stringify(received.headers), /forged/)
  t.equal(headers['x-frame-options'], 'DENY')
  t.notOk('x-who' in headers)
  const refused = await askRaw(await gateway.listen(), '/a/..%2fb')
  t.match(refused, { status: 400, headers: { 'x-frame-options': 'DENY' } }, 'refused before anybody was asked who it is')
})

t.test('O208 hostile claims make no header, and no request fails for them', async t => {
  const provider = await createTestProvider()
  t.teardown(async () => { await provider.close() })
  const signer = await createSigner()
  const plugin = { discovery: provider.discovery, client_id: 'api', bearer_only: true, public_key: signer.pem, claim_validator: { issuer: { valid_issuers: [provider.issuer] }, audience: { match_with_client_id: true } } }
  const request = { 'X-A': { claim: 'a' }, 'X-B': { claim: 'a', basic_password: 'p' } }
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream: await startUpstream(t), headers: { request, response: { 'X-A': { claim: 'a' } } }, plugins: { 'openid-connect': plugin } }] })
  const cases: Array<[claim: unknown, header: string | undefined]> = [['x\r\nX-Admin: 1', undefined], ['x\0', undefined], [{ a: 1 }, undefined], ['', undefined], [['a', 'b,c', { d: 1 }, 2], 'a,2'], [true, 'true'], ['Zoë', Buffer.from('Zoë').toString('latin1')], ['日本', Buffer.from('日本').toString('latin1')]]
  for (const [claim, header] of cases) {
    const token = await signer.sign(claimsFor(provider, { a: claim }))
    const { status, received, headers } = await ask(gateway, '/', { headers: { authorization: `Bearer ${token}` } })
    t.equal(status, 200)
    t.equal(received.headers['x-a'], header, JSON.stringify(claim))
    t.equal(headers['x-a'], header)
    t.notOk('x-admin' in received.headers)
  }
  const token = await signer.sign(claimsFor(provider, { a: 'root:x' }))
  t.notOk('x-b' in (await ask(gateway, '/', { headers: { authorization: `Bearer ${token}` } })).received.headers, 'a colon would end the user name')
})

t.test('headers that cannot be are mistakes', async t => {
  const entry = { value: 'x' }
  for (const name of ['Host', 'connection', 'Transfer-Encoding', 'Set-Cookie', 'Cookie', 'X-Forwarded-For']) t.match(await problemOf({ request: { [name]: entry } }), /is a header that cannot be set here/, name)
  for (const name of ['x y', 'x_y', '', 'x:', 'é']) t.match(await problemOf({ request: { [name]: entry } }), /is not the name of a header/, name)
  t.match(await problemOf({ request: { 'X-A': {} } }), /routes\.0\.headers\.request\.X-A needs either value or claim/)
  t.match(await problemOf({ request: { 'X-A': { value: 'x', claim: 'y' } } }), /needs either/)
  t.match(await problemOf({ request: { 'X-A': { clam: 'y' } } }), /did you mean claim/)
  t.match(await problemOf({ request: { 'X-A': { value: 'a\r\nb' } } }), /value must be printable ASCII/)
  t.match(await problemOf({ request: { 'X-A': { value: 'a', prefix: 'b' } } }), /prefix is for a claim/)
  t.match(await problemOf({ request: { 'X-A': { claim: 'a', prefix: 'b', basic_password: 'c' } } }), /prefix cannot stand beside/)
  t.match(await problemOf({ response: { 'X-A': entry, 'x-a': entry } }), /headers\.response\.x-a is there twice/)
  t.match(await problemOf({ request: [] }), /headers\.request must be an object/)
  t.match(await problemOf({ request: { 'X-A': entry } }, 'static://200'), /headers\.request has no meaning here/)
  t.equal(await problemOf({ response: { 'X-A': entry } }, 'static://200'), '')
})
