import t from 'tap'
import { checkConfiguration, type GatewayOptions } from 'fastify-oidc-gateway'
import { upstreamCertificate } from '../proxy/certificates.ts'
import { ask, askRaw, startGateway, startUpstream } from './parts.ts'

const upstreamless = { routes: [{ uri: '/*', upstream: 'http://127.0.0.1:1' }] }

async function problemsOf (value: GatewayOptions): Promise<string[]> {
  const checked = await checkConfiguration({ value, positionOf: () => null })
  return checked.kind === 'invalid' ? checked.problems.map(({ path, message }) => `${path.join('.')} ${message}`) : []
}

t.test('plain requests are sent to https at the same host, path and query, whatever their method', async t => {
  const gateway = await startGateway(t, { force_https: true, trust_proxy: ['127.0.0.1'], routes: [{ uri: '/*', upstream: await startUpstream(t) }] })
  for (const method of ['GET', 'POST'] as const) {
    const answer = await ask(gateway, '/a%20b?c=d&e=//f', { method, host: 'app.example.com:8080' })
    t.match(answer, { status: 308, headers: { location: 'https://app.example.com/a%20b?c=d&e=//f', 'cache-control': 'no-store' } })
  }
  t.match(await ask(gateway, '/', { host: '[::1]:80' }), { headers: { location: 'https://[::1]/' } })
  t.match(await ask(gateway, '/', { headers: { 'x-forwarded-host': 'app.example.com', 'x-forwarded-proto': 'http' } }), { status: 308, headers: { location: 'https://app.example.com/' } })
  for (const proto of ['https', 'HTTPS']) t.equal((await ask(gateway, '/', { headers: { 'x-forwarded-proto': proto } })).status, 200, proto)
  t.equal((await ask(gateway, '/', { headers: { 'x-forwarded-proto': 'https, http' } })).status, 308, 'what the nearest proxy says counts')
})

t.test('a caller that no proxy vouches for cannot say that it uses https', async t => {
  const gateway = await startGateway(t, { force_https: true, trust_proxy: ['10.0.0.1'], ...upstreamless })
  const answer = await ask(gateway, '/', { host: 'app.example.com', headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example' } })
  t.match(answer, { status: 308, headers: { location: 'https://app.example.com/' } })
})

t.test('no host and no target leads anywhere else', async t => {
  const gateway = await startGateway(t, { force_https: true, trust_proxy: ['10.0.0.1'], ...upstreamless })
  const origin = await gateway.listen()
  for (const host of ['app.example.com@evil.example', 'evil.example/', 'a b', '"', 'a:b:c']) {
    const { status, headers } = await askRaw(origin, '/', { host })
    t.equal(status, 400, host)
    t.equal(headers.location, undefined)
  }
  for (const path of ['//evil.example/x', '/\\evil.example', '/@evil.example', '/%0d%0aset-cookie:x=y', 'http://evil.example/', '.evil.example/']) {
    const { status, headers } = await askRaw(origin, path, { host: 'app.example.com' })
    t.ok(status === 308 || status === 400, path)
    if (status === 308) t.equal(new URL(headers.location ?? '').host, 'app.example.com', path)
    t.equal(headers['set-cookie'], undefined)
  }
})

t.test('O012: probes are answered over http, and nothing else is', async t => {
  const gateway = await startGateway(t, { force_https: true, trust_proxy: ['10.0.0.1'], ...upstreamless })
  t.equal((await ask(gateway, '/ping')).status, 200)
  t.equal((await ask(gateway, '/ready?x=y')).status, 200)
  for (const path of ['/ping/x', '/robots.txt', '/nowhere', '/x?/ping']) t.equal((await ask(gateway, path)).status, 308, path)
})

t.test('force_https where every request looks plain is a mistake', async t => {
  t.match(await problemsOf({ force_https: true, ...upstreamless }), [/^force_https needs listen\.tls or trust_proxy/])
  t.same(await problemsOf({ force_https: true, trust_proxy: ['loopback'], ...upstreamless }), [])
  t.same(await problemsOf({ force_https: true, listen: { tls: upstreamCertificate }, ...upstreamless }), [])
})
