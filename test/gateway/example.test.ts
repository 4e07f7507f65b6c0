import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parseConfiguration, type GatewayOptions } from 'fastify-oidc-gateway'
import { createTestProvider, login } from 'fastify-oidc-testing'
import { ask, startGateway, startUpstream } from './parts.ts'

t.test('examples/gateway: the file runs as it stands, but for ports', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const upstream = await startUpstream(t)
  const port = new URL(upstream).port
  const text = await readFile(new URL('../../examples/gateway/gateway.yaml', import.meta.url), 'utf8')
  const source = parseConfiguration(text.replaceAll(/127\.0\.0\.1:808\d/g, `127.0.0.1:${port}`).replace(`127.0.0.1:${port}: 1`, '"127.0.0.1:1": 0').replace('port: 4180', 'port: 0'), 'yaml')
  t.equal(source.kind, 'parsed')
  if (source.kind === 'broken') return
  const environment = { DISCOVERY: provider.discovery, CLIENT_ID: provider.clientId, CLIENT_SECRET: provider.clientSecret, SESSION_SECRET: 'a session secret of the example' }
  const gateway = await startGateway(t, source.document.value as GatewayOptions, { environment })
  const start = await ask(gateway, '/page', { headers: { accept: 'text/html' } })
  t.equal(start.status, 302)
  t.match(start.headers.location, new RegExp(`^${provider.issuer}`))
  t.equal((await ask(gateway, '/api/x')).status, 401)
  t.match(await ask(gateway, '/public/x'), { status: 200, received: { url: '/public/x' } })
  t.equal((await ask(gateway, '/public/x', { method: 'DELETE', headers: { accept: 'application/json' } })).status, 401, 'another method is for the application')
  const { browser, response } = await login(gateway.app, { path: '/page' })
  t.match(response.status, 200)
  t.equal((await browser.fetch(new URL('/api/x', response.url))).status, 200)
})
