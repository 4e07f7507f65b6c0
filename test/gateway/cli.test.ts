import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { ca, clientCertificate, upstreamCertificate } from '../proxy/certificates.ts'
import { startUpstream } from './parts.ts'
import { readText as text, runCommand as run, runProgram, spawnProgram } from './program.ts'

const DISCOVERY = 'https://idp.example/.well-known/openid-configuration'

interface Tap { teardown (handler: () => unknown): void }

async function writeFiles (t: Tap, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'oidc-gateway-'))
  t.teardown(async () => { await rm(folder, { recursive: true }) })
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  return folder
}

interface LogLine { readonly level: number, readonly msg: string, readonly [name: string]: unknown }

/** Starts the gateway and reads its log; `line` waits for a message. */
async function start (t: Tap, file: string, environment: NodeJS.ProcessEnv = {}) {
  const child = spawnProgram(t, ['start', '--config', file], environment)
  const lines: LogLine[] = []
  const log = createInterface(child.stdout)
  log.on('line', line => { lines.push(JSON.parse(line) as LogLine) })
  async function line (message: RegExp, after = 0): Promise<LogLine> {
    for (;;) {
      const found = lines.slice(after).find(({ msg }) => message.test(msg))
      if (found !== undefined) return found
      await once(log, 'line')
    }
  }
  const { msg } = await line(/^listening at /)
  return { child, lines, line, origin: msg.replace('listening at ', ''), exited: once(child, 'exit') as Promise<[number | null, string | null]> }
}

t.test('help, version and misuse', async t => {
  const help = await runProgram(t, ['--help'])
  t.match(help, { code: 0, out: /Usage: oidc-gateway <command>[^]*Exit codes:[^]*2 {2}wrong configuration/, err: '' })
  await Promise.all(['start', 'check', 'routes'].map(async command => {
    t.match(await run([command, '-h']), { code: 0, out: new RegExp(`^Usage: oidc-gateway ${command} --config FILE`) })
  }))
  t.match(await run(['--version']), { code: 0, out: /^\d+\.\d+\.\d+\n$/ })
  await Promise.all(([
    [[], /a command is missing/],
    [['strat', '-c', 'x.yaml'], /unknown command strat; did you mean start\?/],
    [['check', '--confg', 'x.yaml'], /unknown option --confg; did you mean --config\?[^]*Try: oidc-gateway check --help/],
    [['check'], /--config FILE is missing/],
    [['check', '--config'], /--config FILE is missing/],
    [['check', 'x.yaml'], /check takes no argument x\.yaml/],
    [['check', '-c', 'a.yaml', '-c', 'b.yaml'], /only once/],
    [['import', '--from', 'kong'], /FILE is missing/],
    [['check', '-c', '/no/such/file.yaml'], /\/no\/such\/file\.yaml cannot be read: ENOENT/],
    [['start', '-c', '/no/such/file.yaml'], /cannot be read/]
  ] as const).map(async ([args, err]) => {
    t.match(await run(args), { code: 2, out: '', err }, args.join(' '))
  }))
})

t.test('check says ok, or every problem with its place, and never a secret', async t => {
  const route = (secret: string): string => `routes:\n  - uri: /*\n    upstream: http://127.0.0.1:8080\n    plugins:\n      openid-connect:\n        discovery: ${DISCOVERY}\n        client_id: app\n        client_secret: ${secret}\n        session: { secret: $ENV://SESSION_SECRET }\n`
  const folder = await writeFiles(t, {
    'good.yaml': route('$ENV://CLIENT_SECRET'),
    'bad.yaml': route('hunter2').replace('client_id', 'client_idd').replace('uri: /*', 'uri: "*"'),
    'broken.json': '{ "routes": [ }',
    'gateway.conf': ''
  })
  const environment = { CLIENT_SECRET: 'hunter2', SESSION_SECRET: 'x'.repeat(32) }
  t.match(await run(['check', '-c', join(folder, 'good.yaml')], environment), { code: 0, out: 'ok  1 route, 1 protected, 0 open, 1 core, plain HTTP\n', err: '' })
  const bad = await runProgram(t, ['check', '-c', join(folder, 'bad.yaml')], { ...environment, FORCE_COLOR: '1' })
  t.match(bad, { code: 2, out: '', err: /bad\.yaml:2:5 {2}routes\[0\]\.uri must begin with \/\n.*bad\.yaml:5:7 .*client_id is required\n.*bad\.yaml:7:9 .*did you mean client_id\?\n/ })
  t.match(bad.err, /3 problems in /)
  t.notOk(bad.err.includes('hunter2') || bad.err.includes('\u001B'), 'no secret, and no colour where nobody looks')
  const unset = await run(['check', '-c', join(folder, 'good.yaml')], { CLIENT_SECRET: 'hunter2' })
  t.match(unset, { code: 2, err: /good\.yaml:9:20 .*session\.secret refers to the environment variable SESSION_SECRET, which is not set/ })
  t.match(await run(['check', '-c', join(folder, 'broken.json')]), { code: 2, err: /broken\.json:1:15 / })
  t.match(await run(['check', '-c', join(folder, 'gateway.conf')]), { code: 2, err: /does not say its format/ })
  t.match(await runProgram(t, ['start', '-c', join(folder, 'bad.yaml')], environment), { code: 2, out: '', err: /3 problems/ })
})

t.test('routes lists what is served and what protects it, without resolved values', async t => {
  const folder = await writeFiles(t, {
    'gateway.toml': `[endpoints]
prefix = "/in"
[[routes]]
uri = "/*"
host = "app.example.com"
upstream = "$ENV://UPSTREAM"
[routes.plugins.openid-connect]
discovery = "${DISCOVERY}"
client_id = "app"
unauth_action = "deny"
required_scopes = ["read", "write"]
skip_auth_routes = ["GET=^/pub/", "^/health$"]
skip_auth_preflight = true
trusted_ips = ["10.0.0.0/8"]
session.secret = "${'x'.repeat(32)}"
[[routes]]
uris = ["/public/*", "/robots.txt"]
methods = ["GET", "HEAD"]
upstream.nodes = [{ host = "127.0.0.1", port = 8080, weight = 2 }, { host = "127.0.0.1", port = 8081 }]
`
  })
  const { code, out } = await runProgram(t, ['routes', '-c', join(folder, 'gateway.toml')], { UPSTREAM: 'http://10.1.2.3:8080' })
  t.equal(code, 0)
  t.same(out.split('\n').map(line => line.split(/ {2,}/)), [
    ['HOST', 'METHODS', 'URI', 'UPSTREAM', 'PROTECTED BY'],
    ['app.example.com', 'all', '/*', '$ENV://UPSTREAM', 'openid-connect app at idp.example, unauthenticated: deny, required_scopes: all of read, write, open: GET=^/pub/ ^/health$ OPTIONS, open to: 10.0.0.0/8'],
    ['any', 'GET,HEAD', '/public/*', 'http://127.0.0.1:8080 (2), http://127.0.0.1:8081 (1)', 'OPEN'],
    ['any', 'GET,HEAD', '/robots.txt', 'http://127.0.0.1:8080 (2), http://127.0.0.1:8081 (1)', 'OPEN'],
    ...['sign_in', 'sign_out', 'start', 'userinfo', 'auth', 'static/*'].map(name => ['app.example.com', 'all', `/in/${name}`, 'endpoint', 'of openid-connect app at idp.example']),
    ['']
  ])
})

t.test('O220 start serves until a signal comes, finishes what is under way, and exits 0', async t => {
  let finish = (): void => {}
  const upstream = await startUpstream(t, 'slow', (_request, response) => {
    response.write('begun ')
    finish = () => { response.end('and finished') }
  })
  const folder = await writeFiles(t, { 'gateway.json': JSON.stringify({ listen: { port: 0 }, routes: [{ uri: '/*', upstream }] }) })
  const { child, origin, line, exited } = await start(t, join(folder, 'gateway.json'))
  const [response] = await once(httpRequest(`${origin}/slow`).end(), 'response') as [IncomingMessage]
  child.kill('SIGTERM')
  t.match(await line(/^stopping/), { signal: 'SIGTERM' })
  finish()
  t.equal(await text(response), 'begun and finished')
  t.same(await exited, [0, null])
})

t.test('a second signal ends it at once', async t => {
  const upstream = await startUpstream(t, 'endless', (_request, response) => { response.write('begun') })
  const folder = await writeFiles(t, { 'gateway.json': JSON.stringify({ listen: { port: 0 }, routes: [{ uri: '/*', upstream }] }) })
  const { child, origin, line, exited } = await start(t, join(folder, 'gateway.json'))
  const [response] = await once(httpRequest(`${origin}/`).end(), 'response') as [IncomingMessage]
  const cut = t.rejects(text(response))
  child.kill('SIGINT')
  await line(/^stopping/)
  child.kill('SIGINT')
  t.same(await exited, [1, null])
  await cut
})

t.test('a port that is taken is a failure of the run', async t => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => { other.close() })
  const { port } = other.address() as AddressInfo
  const folder = await writeFiles(t, { 'gateway.yaml': `listen: { port: ${port} }\nroutes: [{ uri: /*, upstream: "http://127.0.0.1:1" }]\n` })
  t.match(await runProgram(t, ['start', '-c', join(folder, 'gateway.yaml')]), { code: 1, err: /EADDRINUSE/ })
})

t.test('SIGHUP reads certificates again, and keeps them when the file does not hold', async t => {
  const upstream = await startUpstream(t)
  const file = (level: string): string => JSON.stringify({ listen: { port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } }, log: { level }, routes: [{ uri: '/*', upstream }] })
  const folder = await writeFiles(t, { 'gateway.json': file('info'), 'tls.crt': upstreamCertificate.cert, 'tls.key': upstreamCertificate.key, 'new.crt': clientCertificate.cert })
  const { child, origin, line, lines } = await start(t, join(folder, 'gateway.json'))
  const subject = async (): Promise<string> => {
    const socket = connectTls({ host: '127.0.0.1', port: Number(new URL(origin).port), ca, checkServerIdentity: () => undefined })
    await once(socket, 'secureConnect')
    const { CN } = socket.getPeerCertificate().subject
    socket.destroy()
    return String(CN)
  }
  t.equal(await subject(), 'upstream.test')
  await copyFile(join(folder, 'new.crt'), join(folder, 'tls.crt'))
  child.kill('SIGHUP')
  t.match((await line(/was not reloaded/)).problems, [/gateway\.json:1:\d+ {2}listen\.tls does not hold/])
  t.equal(await subject(), 'upstream.test')
  await writeFile(join(folder, 'tls.key'), clientCertificate.key)
  await writeFile(join(folder, 'gateway.json'), file('debug').replace('/*', '/x/*'))
  const after = lines.length
  child.kill('SIGHUP')
  t.same((await line(/was read again/, after)).applied, ['listen.tls', 'log.level'])
  t.same((await line(/after a restart only/, after)).restart, ['routes'])
  t.equal(await subject(), 'client.test')
})
