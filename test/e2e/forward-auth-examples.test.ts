import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { ask, startGateway, startUpstream, type Received } from '../gateway/parts.ts'
import { startNginx } from '../support/nginx.ts'
import { freePorts } from '../support/redis-process.ts'

const example = (name: string): string => readFileSync(join(fileURLToPath(new URL('../../examples/forward-auth', import.meta.url)), name), 'utf8')

const provider = await createTestProvider({ autoLogin: 'alice', resource: 'urn:api', tokenSize: 9000 })
t.teardown(async () => { await provider.close() })

/** The gateway of a file, with its references filled in. */
async function gatewayOf (t: Test, file: string) {
  const environment: Readonly<Record<string, string>> = { DISCOVERY: provider.discovery, CLIENT_ID: provider.clientId, CLIENT_SECRET: provider.clientSecret, SESSION_SECRET: 'a session secret that is long enough' }
  const text = example(file).replace(/\$ENV:\/\/(\w+)/g, (_all, name: string) => JSON.stringify(environment[name]))
  const { listen: _own, ...configuration } = parse(text) as GatewayOptions
  return await startGateway(t, configuration)
}

async function gatewayPort (gateway: Awaited<ReturnType<typeof gatewayOf>>): Promise<string> {
  return new URL(await gateway.listen()).port
}

const received = (body: string): Received => JSON.parse(body) as Received

/** A shipped file with the ports of this test in the place of its own. */
const withPorts = (text: string, ports: Readonly<Record<string, string | number>>): string =>
  Object.entries(ports).reduce((replaced, [written, port]) => replaced.replaceAll(written, String(port)), text)

async function checkSite (t: Test, origin: string, user: string): Promise<void> {
  const browser = new Browser()
  const page = await browser.navigate(`${origin}/deep/link?x=1&y=%2F2`)
  t.equal(page.status, 200, page.body.slice(0, 200))
  t.match(received(page.body), { url: '/deep/link?x=1&y=%2F2', headers: { [user]: 'alice' } }, 'back at the deep link, and the application knows who it is')
  const forged = await fetch(`${origin}/api/x`, { headers: { [user]: 'admin' } })
  t.equal(forged.status, 401, 'an API gets a bare 401')
  t.equal((await browser.navigate(`${origin}/api/x`)).status, 200)
}

t.test('O227: nginx with the file of the example', async t => {
  const port = await gatewayPort(await gatewayOf(t, 'gateway.yaml'))
  const upstream = new URL(await startUpstream(t)).port
  const nginx = await startNginx(t, own => withPorts(example('nginx.conf'), { '127.0.0.1:8080': `127.0.0.1:${own}`, '127.0.0.1:4180': `127.0.0.1:${port}`, '127.0.0.1:8081': `127.0.0.1:${upstream}` }))
  await checkSite(t, `http://127.0.0.1:${nginx.port}`, 'x-user')
})

const caddy = process.env.CADDY_PATH ?? 'caddy'
const hasCaddy = spawnSync(caddy, ['version'], { stdio: 'ignore' }).status === 0

async function startCaddy (t: Test, file: string, port: number): Promise<void> {
  const folder = t.testdir({ Caddyfile: `{\n\tadmin off\n}\n${file}` })
  const child = spawn(caddy, ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'], { stdio: 'ignore', env: { PATH: process.env.PATH, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  for (;;) {
    const socket = connect(port, 'localhost')
    const [event] = await Promise.race([once(socket, 'connect').then(() => ['up']), new Promise<string[]>(resolve => { socket.once('error', () => { resolve(['down']) }) })])
    socket.destroy()
    if (event === 'up') return
    if (child.exitCode !== null) throw new Error('Caddy does not start')
    await new Promise(resolve => { setTimeout(resolve, 20) })
  }
}

t.test('O231: Caddy with the file of the example', { skip: hasCaddy ? false : 'no caddy on the PATH, nor in CADDY_PATH' }, async t => {
  const port = await gatewayPort(await gatewayOf(t, 'gateway.yaml'))
  const upstream = new URL(await startUpstream(t)).port
  const [own = 0] = await freePorts(1)
  await startCaddy(t, withPorts(example('Caddyfile'), { 'localhost:8080': `localhost:${own}`, '127.0.0.1:4180': `127.0.0.1:${port}`, '127.0.0.1:8081': `127.0.0.1:${upstream}` }), own)
  await checkSite(t, `http://localhost:${own}`, 'x-auth-request-user')
})

const VISIT = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }

t.test('O231: what ingress-nginx sends, by the annotations of the example', async t => {
  const gateway = await gatewayOf(t, 'gateway.yaml')
  const [app] = parseAllDocuments(example('ingress.yaml')).map(document => document.toJS() as { metadata: { annotations: Record<string, string> } })
  const annotation = (name: string): string => app?.metadata.annotations[`nginx.ingress.kubernetes.io/${name}`] ?? ''
  const asked = await ask(gateway, new URL(annotation('auth-url')).pathname, { host: 'app.example', headers: { ...VISIT, 'x-original-url': 'https://app.example/deep?x=1&y=2', 'x-original-method': 'GET', 'x-auth-request-redirect': '/deep?x=1&y=2', 'x-forwarded-proto': 'https' } })
  t.equal(asked.status, 401)
  const signIn = new URL(annotation('auth-signin').replace('$host', 'app.example').replace('$escaped_request_uri', encodeURIComponent('/deep?x=1&y=2')))
  const browser = new Browser().route('https://app.example', gateway.app)
  const login = await browser.navigate(signIn)
  t.equal(String(login.url), 'https://app.example/deep?x=1&y=2', 'the login leads back')
})

t.test('O230 O233: what Traefik sends, and comes back by an absolute rd of the own host, by the file of the example', async t => {
  const gateway = await gatewayOf(t, 'gateway.yaml')
  const { http: { middlewares } } = parse(example('traefik.yaml')) as { http: { middlewares: { auth: { forwardAuth: { address: string } }, 'sign-in': { errors: { query: string } } } } }
  const forwarded = { 'x-forwarded-method': 'GET', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'app.example', 'x-forwarded-uri': '/deep?x=1&y=2', 'x-forwarded-for': '203.0.113.7' }
  const asked = await ask(gateway, new URL(middlewares.auth.forwardAuth.address).pathname, { headers: { ...VISIT, ...forwarded } })
  t.equal(asked.status, 401, 'which the errors middleware takes')
  const query = middlewares['sign-in'].errors.query.replace('{url}', encodeURIComponent('https://app.example/deep?x=1&y=2'))
  const page = await ask(gateway, query, { headers: { ...VISIT, ...forwarded } })
  t.equal(page.status, 302)
  t.equal(new URL(String(page.headers.location)).searchParams.get('redirect_uri'), 'https://app.example/oauth2/callback')
  const browser = new Browser().route('https://app.example', gateway.app)
  t.equal(String((await browser.navigate(`https://app.example${query}`)).url), 'https://app.example/deep?x=1&y=2')
})

t.test('what Envoy sends, by the file of the example', async t => {
  const gateway = await gatewayOf(t, 'envoy-gateway.yaml')
  const origin = 'https://app.example'
  const browser = new Browser().route(origin, gateway.app)
  const anonymous = await ask(gateway, '/deep?x=1', { host: 'app.example', headers: { ...VISIT, 'x-forwarded-proto': 'https' } })
  t.equal(anonymous.status, 302, 'a visit goes to the provider')
  t.equal((await ask(gateway, '/deep', { host: 'app.example', headers: { 'sec-fetch-mode': 'cors', 'x-forwarded-proto': 'https' } })).status, 401, 'a call does not')
  const page = await browser.navigate(`${origin}/deep?x=1`)
  t.match([page.status, String(page.url), page.headers.get('x-auth-request-user'), page.headers.get('x-auth-request-email')], [200, `${origin}/deep?x=1`, 'alice', 'alice@example.test'])
  const filter = JSON.stringify(parse(example('envoy.yaml')))
  for (const name of ['cookie', 'accept', 'sec-fetch-', 'x-forwarded-proto', 'x-auth-request-', 'set-cookie', 'location']) t.ok(filter.includes(`"${name}"`), `Envoy passes ${name} on`)
})
