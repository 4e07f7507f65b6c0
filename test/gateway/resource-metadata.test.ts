import t from 'tap'
import { checkConfiguration } from 'fastify-oidc-gateway'
import { claimsFor, createAuthority, createSigner } from '../oidc/bearer-parts.ts'
import { ask, startGateway, startUpstream } from './parts.ts'

const AT = '/.well-known/oauth-protected-resource'

t.test('resources of several hosts and paths have their metadata each, beside a site with logins', async t => {
  const authority = await createAuthority(t)
  const signer = await createSigner()
  authority.keys = [signer.jwk]
  const upstream = await startUpstream(t)
  const block = { discovery: authority.discovery, client_id: 'mcp', bearer_only: true, use_jwks: true }
  const site = { discovery: authority.discovery, client_id: 'site', client_secret: 'a secret', session: { secret: 'a session secret that is long enough' } }
  const gateway = await startGateway(t, {
    routes: [
      { uris: ['/a', '/a/*'], host: 'one.example', upstream, plugins: { 'openid-connect': { ...block, required_scopes: ['a'], resource_metadata: { resource: 'https://one.example/a' } } } },
      { uris: ['/b', '/b/*'], host: 'one.example', upstream, plugins: { 'openid-connect': { ...block, resource_metadata: { resource: 'https://one.example/b' } } } },
      { uri: '/a', host: 'two.example', upstream, plugins: { 'openid-connect': { ...block, resource_metadata: { resource: 'https://two.example/a' } } } },
      { uri: '/*', upstream, plugins: { 'openid-connect': site } }
    ]
  })
  const metadata = async (host: string, path: string): Promise<unknown> => (await ask(gateway, AT + path, { host })).received
  t.match(await metadata('one.example', '/a'), { resource: 'https://one.example/a', authorization_servers: [authority.issuer], scopes_supported: ['a'] })
  t.match(await metadata('one.example', '/b'), { resource: 'https://one.example/b' })
  t.match(await metadata('two.example', '/a'), { resource: 'https://two.example/a' })
  t.match(await ask(gateway, `${AT}/b`, { host: 'two.example' }), { status: 302 }, 'on another host it is a path of the site')
  t.match(await ask(gateway, `${AT}/a`, { host: 'one.example', method: 'OPTIONS', headers: { origin: 'https://client.example' } }), { status: 204, headers: { 'access-control-allow-origin': '*' } })
  t.equal((await ask(gateway, '/a/x', { host: 'one.example' })).headers['www-authenticate'], `Bearer realm="apisix", scope="a", resource_metadata="https://one.example${AT}/a"`)
  const authorization = `Bearer ${await signer.sign(claimsFor(authority, { aud: 'https://one.example/a', scope: 'a' }))}`
  const status = async (host: string, path: string): Promise<number> => (await ask(gateway, path, { host, headers: { authorization } })).status
  t.strictSame([await status('one.example', '/a/x'), await status('one.example', '/b/x'), await status('two.example', '/a')], [200, 403, 403])
})

t.test('a route, or another core, on the path of the metadata is a mistake in the file', async t => {
  const block = { discovery: 'https://login.example.com/.well-known/openid-configuration', client_id: 'mcp', bearer_only: true, use_jwks: true }
  const protect = (more: object): object => ({ plugins: { 'openid-connect': { ...block, ...more } } })
  const problems = async (...routes: object[]): Promise<string> => {
    const value = { routes: routes.map(route => ({ upstream: 'http://127.0.0.1:1', ...route })) }
    const checked = await checkConfiguration({ value, positionOf: () => null })
    return JSON.stringify(checked.kind === 'valid' ? [] : checked.problems)
  }
  const metadata = { resource: 'https://one.example/a' }
  t.match(await problems({ uri: '/a', ...protect({ resource_metadata: metadata }) }, { uri: `${AT}/a` }), /resource_metadata.*has a path that routes\[1\] has/)
  t.match(await problems({ uri: '/a', ...protect({ resource_metadata: metadata }) }, { uri: '/b', ...protect({ resource_metadata: { ...metadata, resource_name: 'B' } }) }), /resource_metadata.*has a path that the resource_metadata of routes\[0\] has/)
  t.equal(await problems({ uri: '/a', host: 'one.example', ...protect({ resource_metadata: metadata }) }, { uri: '/b', host: 'two.example', ...protect({ resource_metadata: { ...metadata, resource_name: 'B' } }) }), '[]')
})
