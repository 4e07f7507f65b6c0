import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { checkConfiguration } from 'fastify-oidc-gateway'
import { createTestProvider, login } from 'fastify-oidc-testing'
import { ask, askRaw, startGateway, startUpstream } from './parts.ts'

interface Tap { teardown (handler: () => unknown): void }

/** A folder with a site in it, and a secret beside it. */
async function createSite (t: Tap): Promise<{ url: string, path: string }> {
  const top = await mkdtemp(join(tmpdir(), 'gateway-'))
  t.teardown(async () => { await rm(top, { recursive: true }) })
  const path = join(top, 'my site')
  await mkdir(join(path, 'sub'), { recursive: true })
  await mkdir(join(path, 'empty'))
  const files = { '../secret.txt': 'secret', 'index.html': 'top', 'a.css': 'a{}', 'a b%.txt': 'blank', '.env': 'secret', 'sub/index.html': 'sub', 'empty/x.txt': 'x' }
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return { path, url: String(pathToFileURL(path)) }
}

t.test('what follows the path of the route is the path in the folder', async t => {
  const { url } = await createSite(t)
  const gateway = await startGateway(t, { routes: [{ uris: ['/docs', '/docs/*'], upstream: url }] })
  const read = async (path: string): Promise<string> => (await gateway.app.inject({ url: path })).body
  t.equal(await read('/docs/a.css?v=1'), 'a{}')
  t.equal(await read('/docs/a%20b%25.txt'), 'blank')
  t.equal(await read('/docs/'), 'top')
  t.equal(await read('/docs'), 'top')
  t.equal(await read('/docs/sub/'), 'sub')
  t.match(await ask(gateway, '/docs/sub'), { status: 301, headers: { location: '/docs/sub/' } })
  const css = await gateway.app.inject({ url: '/docs/a.css' })
  t.match(css.headers, { 'content-type': /^text\/css/, 'cache-control': 'public, max-age=0' })
  t.equal((await ask(gateway, '/docs/a.css', { headers: { 'if-none-match': String(css.headers.etag) } })).status, 304)
  t.match(await ask(gateway, '/docs/a.css', { method: 'HEAD' }), { status: 200, headers: { 'content-length': '3' } })
})

t.test('nothing outside the folder is served, no listing, and no name with a dot in front', async t => {
  const { url } = await createSite(t)
  const gateway = await startGateway(t, { routes: [{ uri: '/docs/*', upstream: url }, { uri: '/*', upstream: url }] })
  const origin = await gateway.listen()
  const paths = ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/docs/../../secret.txt', '/docs/..%2f..%2fsecret.txt', '/docs/..%5c..%5csecret.txt', '/docs/sub/..%2f..%2f..%2fsecret.txt', '/docs/.%2e/secret.txt', '/.env', '/docs/.env', '/docs/%2eenv', '/docs/%252e%252e/secret.txt', '/docs/a.css%00.txt', '/docs//../secret.txt', '/empty/', '/docs/empty/', '/nothing']
  for (const path of paths) {
    const { status, body } = await askRaw(origin, path)
    t.ok(status >= 400 && status < 500, `${path}: ${status}`)
    t.notMatch(body, /secret|x\.txt/)
  }
  for (const path of ['//evil.example/sub', '/\\evil.example/sub', '//sub']) {
    const { headers } = await askRaw(origin, path)
    t.equal(new URL(headers.location ?? '/', origin).origin, origin, path)
  }
})

t.test('files are behind the guard, and caches do not share them', async t => {
  const { url } = await createSite(t)
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const { discovery, clientId, clientSecret } = provider
  const plugin = { discovery, client_id: clientId, client_secret: clientSecret, timeout: 30, session: { secret: 'a session secret that is long enough' } }
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream: url, plugins: { 'openid-connect': plugin } }] })
  t.equal((await ask(gateway, '/a.css', { headers: { 'sec-fetch-mode': 'no-cors' } })).status, 401)
  const { response } = await login(gateway.app, { path: '/a.css' })
  t.equal(response.status, 200)
  t.match(response.headers.get('cache-control'), /private/)
})

t.test('other methods go to a wider route', async t => {
  const { url } = await createSite(t)
  const gateway = await startGateway(t, { routes: [{ uri: '/docs/*', upstream: url }, { uri: '/*', upstream: await startUpstream(t) }] })
  t.match(await ask(gateway, '/docs/a.css', { method: 'POST' }), { received: { name: 'upstream' } })
})

t.test('what is no folder is a mistake', async t => {
  const { url } = await createSite(t)
  const problemOf = async (upstream: string, methods?: string[]): Promise<string> => {
    const checked = await checkConfiguration({ value: { routes: [{ uri: '/*', upstream, methods }] }, positionOf: () => null })
    return checked.kind === 'invalid' ? checked.problems.map(({ path, message }) => `${path.join('.')} ${message}`).join() : ''
  }
  for (const upstream of ['file:srv', 'file://srv/site', 'file:///srv#/docs/', 'file:///srv?x', 'file:///a%2fb']) t.match(await problemOf(upstream), /routes\.0\.upstream must be file:\/\/ and the absolute path/, upstream)
  t.match(await problemOf(`${url}/a.css`), /upstream names a file/)
  t.match(await problemOf(`${url}/nowhere`), /upstream names a folder that cannot be read \(ENOENT\)/)
  t.match(await problemOf(url, ['GET', 'POST']), /methods\.1 is not for files/)
  t.equal(await problemOf(url, ['GET']), '')
})
