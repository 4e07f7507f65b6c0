import { userInfo } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import oidc, { type OidcOptions } from 'fastify-oidc'
import { createTestProvider, login, type TestProvider } from 'fastify-oidc-testing'
import { parseArguments } from '../../packages/gateway/src/cli/arguments.ts'
import { main } from '../../packages/gateway/src/cli/main.ts'
import { createTerminal, type Terminal } from '../../packages/gateway/src/cli/terminal.ts'
import { startRedis } from '../support/redis-server.ts'
import { ask, startGateway, startUpstream } from './parts.ts'
import { runProgram, type Outcome } from './program.ts'

const SECRET = 'a session secret that is long enough'
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

const redis = await startRedis(t)
const provider = await createTestProvider({})
t.teardown(async () => { await provider.close() })

/** The same commands in this process; `answer` is what somebody types. */
async function run (args: readonly string[], answer: string | null = null): Promise<Outcome> {
  const said = { out: '', err: '' }
  const terminal: Terminal = {
    environment: {},
    out: text => { said.out += `${text}\n` },
    err: text => { said.err += `${text}\n` },
    style: (_stream, _style, text) => text,
    flushed: async () => {},
    progress: () => {},
    ask: async question => {
      said.err += question
      return answer
    }
  }
  const code = await main(['sessions', ...args], terminal)
  return { code, ...said }
}

function guarded (from: TestProvider, prefix: string, session: Record<string, unknown> = { storage: 'redis' }, more: Record<string, unknown> = {}) {
  const { discovery, clientId, clientSecret } = from
  return { 'openid-connect': { discovery, client_id: clientId, client_secret: clientSecret, timeout: 30, session: { secret: SECRET, redis: { port: redis.port, prefix }, ...session }, ...more } }
}

/** A gateway, twice if need be, and the file of its configuration. */
async function serve (t: Test, routes: ReadonlyArray<Record<string, unknown>>, nodes = 1) {
  const upstream = await startUpstream(t, 'upstream', (request, response) => {
    if (request.url === '/stream') response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: hello\n\n')
    else response.setHeader('content-type', 'application/json').end('{}')
  })
  const configuration = { routes: routes.map(route => ({ uri: '/*', upstream, ...route })) } as never
  const gateways = await Promise.all(Array.from({ length: nodes }, async () => await startGateway(t, configuration)))
  const folder = t.testdir({ 'gateway.json': JSON.stringify(configuration) })
  return { gateways: gateways as [typeof gateways[number], ...typeof gateways], file: join(folder, 'gateway.json') }
}

const statusOf = async (gateway: Awaited<ReturnType<typeof startGateway>>, cookie: string, host = 'localhost'): Promise<number> =>
  (await ask(gateway, '/', { host, headers: { cookie, 'sec-fetch-mode': 'cors' } })).status

function audits (err: string): Array<Record<string, unknown>> {
  return err.split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Record<string, unknown>)
}

/** Puts sessions into Redis as a login would. */
async function fill (t: Test, prefix: string, subjects: readonly string[]): Promise<void> {
  const app = Fastify()
  await app.register(oidc, guarded(provider, prefix)['openid-connect'] as unknown as OidcOptions)
  await Promise.all(subjects.map(async subject => { await app.oidc.issueCookie({ subject }) }))
  await app.close()
}

t.test('sessions in Redis are listed, shown and revoked, on every node', async t => {
  const { gateways: [a, b], file } = await serve(t, [{ plugins: guarded(provider, 'shown') }, { uri: '/other/*', plugins: guarded(provider, 'shown', undefined, { redirect_uri: '/other/callback', logout_path: '/other/logout' }) }], 2) as never as { gateways: [Awaited<ReturnType<typeof startGateway>>, Awaited<ReturnType<typeof startGateway>>], file: string }
  const alice = await login(a.app, { user: 'alice' })
  const bob = await login(a.app, { user: 'bob' })
  const origin = await b.listen()
  const stream = await fetch(`${origin}/stream`, { headers: { cookie: alice.cookie, 'sec-fetch-mode': 'cors' } })
  t.equal(stream.status, 200)
  const streamed = stream.text().catch(() => '')

  const listed = await runProgram(t, ['sessions', 'list', '-c', file])
  t.match(listed, { code: 0, err: '' })
  const [heading = '', ...lines] = listed.out.trimEnd().split('\n')
  t.same(heading.split(/ {2,}/), ['SUBJECT', 'SINCE', 'UNTIL', 'CLIENT', 'ROUTES', 'ID'])
  t.same(lines.map(line => line.split(/ {2,}/)[0]).sort(), ['alice', 'bob'])
  for (const line of lines) t.match(line.split(/ {2,}/), [String, TIME, TIME, provider.clientId, 'routes[0],routes[1]', /^\S{20,}$/])
  t.equal(new Set([heading, ...lines].map(line => line.search(/\S+$/))).size, 1, 'aligned')

  const [shown, json] = [await run(['show', '--sub', 'alice', '-c', file]), await run(['list', '--sub', 'alice', '--json', '-c', file])]
  t.match(shown, { code: 0, err: '', out: /^id {16}\S+\nsubject {11}alice\nissuer {12}http[^]*\nclient {12}\S+\nsince {13}\d{4}-[^]*\nroutes {12}routes\[0\], routes\[1\]\n$/ })
  const session = JSON.parse(json.out) as Record<string, string>
  t.match(session, { id: String, sub: 'alice', issuer: provider.issuer, client_id: provider.clientId, created_at: TIME, expires_at: TIME, routes: ['routes[0]', 'routes[1]'] })
  const handle = alice.cookie.replace(/^[^=]*=/, '')
  for (const { out } of [listed, shown, json]) t.notOk(out.includes(handle) || /eyJ|token"/.test(out), 'neither handle nor token')

  const revoked = await runProgram(t, ['sessions', 'revoke', '--sub', 'alice', '-c', file])
  t.match(revoked, { code: 0, out: `sessions of routes[0], routes[1] (client ${provider.clientId}): 1 ended\n` })
  t.match(audits(revoked.err), [{ level: 30, oidc: 'revocation', by: userInfo().username, target: { sub: 'alice', issuer: provider.issuer }, count: 1, routes: ['routes[0]', 'routes[1]'], time: Number }])
  t.equal(await streamed, 'data: hello\n\n', 'the open stream ended')
  t.same([await statusOf(a, alice.cookie), await statusOf(b, alice.cookie), await statusOf(a, bob.cookie)], [401, 401, 200])

  const { id } = JSON.parse((await run(['list', '--json', '-c', file])).out) as { id: string }
  t.match(await run(['revoke', '--id', id, '--json', '-c', file]), { code: 0, out: /"revoked":1\}/ })
  t.equal(await statusOf(b, bob.cookie), 401)
  t.match(await run(['list', '-c', file]), { code: 0, out: '', err: 'No session was found.\n' })
  t.match(await run(['show', '--id', id, '-c', file]), { code: 1, out: '', err: 'No session was found.\n' })
  t.match(await run(['revoke', '--sub', 'alice', '-c', file]), { code: 0, out: /none was found/ })
})

t.test('without its provider a subject is found in the store', async t => {
  const away = await createTestProvider({ autoLogin: 'bob' })
  const { gateways: [gateway] } = await serve(t, [{ plugins: guarded(away, 'away') }])
  const { cookie } = await login(gateway.app)
  // Another time-out, so that what this process knows of the provider already is not used.
  const file = join(t.testdir({ 'gateway.json': JSON.stringify({ routes: [{ uri: '/*', upstream: 'http://127.0.0.1:9', plugins: guarded(away, 'away', undefined, { timeout: 1 }) }] }) }), 'gateway.json')
  const sid = (JSON.parse((await run(['list', '--json', '-c', file])).out) as { sid: string | null }).sid
  await away.close()
  const listed = await run(['list', '--sub', 'bob', '-c', file])
  const nobody = await run(['revoke', '--sub', 'nobody', '-c', file])
  const elsewhere = await run(['revoke', '--sub', 'bob', '--issuer', 'https://another.example', '-c', file])
  t.match(listed, { code: 0, out: /\nbob /, err: /the provider cannot be asked who it is; all sessions are looked through/ })
  t.match(nobody, { code: 1, out: '', err: /none was found, and the provider cannot be asked who it is, so a login under way was not ended: name it with --issuer/ })
  t.match(elsewhere, { code: 0, out: /none was found/ })
  t.equal(await statusOf(gateway, cookie), 200)
  const revoked = await run(['revoke', ...sid === null ? ['--sub', 'bob'] : ['--sid', sid], '-c', file])
  t.match(revoked, { code: 0, out: /: 1 ended/ })
  t.match(audits(revoked.err), [{ oidc: 'revocation', target: { issuer: away.issuer }, count: 1 }])
  t.equal(await statusOf(gateway, cookie), 401)
})

t.test('all are revoked when somebody says yes, of every core or of one', async t => {
  const { gateways: [gateway], file } = await serve(t, [
    { host: 'a.example', plugins: guarded(provider, 'one') },
    { host: 'b.example', plugins: guarded(provider, 'two') }
  ])
  const a = await login(gateway.app, { user: 'alice', origin: 'http://a.example' })
  await fill(t, 'two', Array.from({ length: 80 }, (_, place) => `user ${place}`))
  t.match(await run(['revoke', '--all', '-c', file]), { code: 2, out: '', err: /needs --yes where nobody can be asked/ })
  t.match(await run(['revoke', '--all', '-c', file], 'no'), { code: 1, out: '', err: /^End all sessions of routes\[0\] \(client .*\), and all sessions of routes\[1\] .*Type yes: Nothing was revoked/ })
  t.equal(await statusOf(gateway, a.cookie, 'a.example'), 200)
  const one = await run(['revoke', '--all', '--core', 'routes[1]', '-c', file], 'yes')
  t.match(one, { code: 0, out: /^sessions of routes\[1\] .*: 80 ended\n$/ })
  t.match(audits(one.err.replace(/.*Type yes: /, '')), [{ oidc: 'revocation', target: 'all', count: 80 }], 'one line for all')
  t.equal(await statusOf(gateway, a.cookie, 'a.example'), 200)
  t.match(await run(['revoke', '--all', '--yes', '-c', file]), { code: 0, out: /^sessions of routes\[0\] .*: 1 ended\nsessions of routes\[1\] .*: none was found/ })
  t.equal(await statusOf(gateway, a.cookie, 'a.example'), 401)
  t.match(await run(['list', '--core', 'route[1]', '-c', file]), { code: 2, err: /--core route\[1\] has no sessions; did you mean routes\[1\]\?/ })
})

t.test('a listing is bounded, goes on where that is wanted, and obeys nobody', async t => {
  const { file } = await serve(t, [{ plugins: guarded(provider, 'many') }])
  await fill(t, 'many', [...Array.from({ length: 250 }, (_, place) => `user-${place}`), '\u001B]0;gone\u0007\u202Eevil\u009B31m', 'x'.repeat(200)])
  const bounded = await run(['list', '-c', file])
  t.match(bounded, { code: 0, err: 'There are more: --limit 100 was reached; --limit 0 shows all.\n' })
  t.equal(bounded.out.trimEnd().split('\n').length, 101)
  const all = await run(['list', '--limit', '0', '-c', file])
  t.match(all, { code: 0, err: '' })
  t.equal(new Set(all.out.trimEnd().split('\n').map(line => line.split(/ +/).at(-1))).size, 253, 'each once, and the headings')
  t.ok(all.out.includes('\\u001b]0;gone\\u0007\\u202eevil\\u009b31m'), 'what a terminal would obey is spelled out')
  t.notMatch(all.out, /(?!\n)[\p{Cc}\p{Cf}]/u)
  const json = (await run(['list', '--limit', '0', '--json', '-c', file])).out.trimEnd().split('\n')
  t.ok(json.some(line => (JSON.parse(line) as { sub: string }).sub === '\u001B]0;gone\u0007\u202Eevil\u009B31m'), 'and is whole in JSON')
  t.notMatch(json.join(''), /(?!\n)[\p{Cc}\p{Cf}]/u)
})

t.test('where sessions live in browsers they cannot be listed, and end where instances agree through Redis', async t => {
  const { gateways: [gateway], file } = await serve(t, [
    { host: 'a.example', plugins: guarded(provider, 'agreed', { coordination: 'redis' }) },
    { host: 'b.example', plugins: guarded(provider, 'agreed', { secret: `another ${SECRET}`, redis: undefined }) },
    { host: 'c.example', plugins: guarded(provider, 'agreed', undefined, { bearer_only: true, audience: 'api' }) }
  ])
  const { cookie } = await login(gateway.app, { user: 'alice', origin: 'http://a.example' })
  t.match(await run(['list', '-c', file]), { code: 1, out: '', err: /^oidc-gateway: sessions of routes\[0\] .* live in browsers and cannot be listed: session\.storage: redis[^\n]*\n.*routes\[1\][^\n]*\n$/ })
  t.match(await run(['revoke', '--all', '--yes', '-c', file]), { code: 1, out: '', err: /routes\[0\].*nobody knows them one by one.*\n.*routes\[1\].*set session\.coordination: redis/ })
  const revoked = await runProgram(t, ['sessions', 'revoke', '--sub', 'alice', '-c', file])
  t.match(revoked, { code: 1, out: /^sessions of routes\[0\] .*: ended, in whichever browsers they are; these cannot be counted\n$/, err: /routes\[1\] .* cannot be revoked: .*set session\.coordination: redis/ })
  t.match(audits(revoked.err), [{ oidc: 'revocation', target: { sub: 'alice' }, count: null }])
  let status = 200
  for (let turn = 0; turn < 100 && status === 200; turn++) {
    status = await statusOf(gateway, cookie, 'a.example')
    if (status === 200) await new Promise(resolve => setTimeout(resolve, 10))
  }
  t.equal(status, 401)
  t.match(await run(['list', '--core', 'routes[2]', '-c', file]), { code: 2, err: /--core routes\[2\] has no sessions/ })
})

t.test('workers agree among themselves alone, and bearer tokens have no sessions', async t => {
  const route = (options: Record<string, unknown>): string => JSON.stringify({ routes: [{ uri: '/*', upstream: 'http://127.0.0.1:9', plugins: guarded(provider, 'none', { redis: undefined }, options) }] })
  const folder = t.testdir({ 'workers.json': route({ session: { secret: SECRET, coordination: 'workers' } }), 'bearer.json': route({ bearer_only: true, audience: 'api' }) })
  t.match(await run(['revoke', '--sub', 'alice', '-c', join(folder, 'workers.json')]), { code: 1, out: '', err: /cannot be revoked: .*set session\.coordination: redis/ })
  t.match(await run(['list', '-c', join(folder, 'bearer.json')]), { code: 0, out: '', err: 'No route of the file has sessions.\n' })
  t.match(await run(['revoke', '--id', 'x', '-c', join(folder, 'bearer.json')]), { code: 1 })
})

t.test('a store that cannot be reached is named with its address', async t => {
  const server = await startRedis(t)
  const folder = t.testdir({
    'gateway.json': JSON.stringify({ routes: [{ uri: '/*', upstream: 'http://127.0.0.1:9', plugins: guarded(provider, 'down', { storage: 'redis', redis: { port: server.port } }) }] }),
    'bad.json': JSON.stringify({ routes: [{ uri: '/*', upstream: 'http://127.0.0.1:9', plugins: guarded(provider, 'down', { storage: 'redis', redis: { url: 'redis://a', port: 7 } }) }] })
  })
  await server.kill()
  const file = join(folder, 'gateway.json')
  const expected = new RegExp(`sessions of routes\\[0\\] .*: The session store cannot be reached: Redis at 127\\.0\\.0\\.1:${server.port} cannot be used: nothing listens there\\n$`)
  t.match(await runProgram(t, ['sessions', 'list', '-c', file]), { code: 1, out: '', err: expected })
  const revoked = await run(['revoke', '--id', 'some-id', '-c', file])
  t.match(revoked, { code: 1, out: '', err: expected })
  t.match(audits(revoked.err), [{ level: 50, oidc: 'revocation.failed', target: { id: 'some-id' }, err: { code: 'FST_OIDC_STORE_UNAVAILABLE' } }])
  t.match(audits((await run(['revoke', '--all', '--yes', '-c', file])).err), [{ oidc: 'revocation.failed', target: 'all', count: 0 }])
  t.match(await run(['list', '-c', join(folder, 'bad.json')]), { code: 2, out: '', err: /session\.redis\.port cannot stand beside url/ })
})

t.test('what was typed wrongly is told', async t => {
  for (const [args, message] of [
    [['sessions', '-c', 'x'], /sessions needs one of list, show, revoke$/],
    [['sessions', 'lst', '-c', 'x'], /not lst; did you mean list\?/],
    [['sessions', 'list', 'x.yaml'], /sessions takes no argument x\.yaml/],
    [['sessions', 'list'], /--config FILE is missing/],
    [['sessions', 'show', '-c', 'x'], /show whose\?/],
    [['sessions', 'show', '--all', '-c', 'x'], /list shows all/],
    [['sessions', 'revoke', '-c', 'x'], /revoke whose\?/],
    [['sessions', 'revoke', '--all', '--sub', 'a', '-c', 'x'], /--sub and --all do not go together/],
    [['sessions', 'revoke', '--sub', '-c', 'x'], /--sub needs a value; one that begins with a dash is written --sub=VALUE/],
    [['sessions', 'revoke', '--sub=', '-c', 'x'], /--sub needs a value/],
    [['sessions', 'revoke', '--id', 'a', '--id', 'b', '-c', 'x'], /--id can be given only once/],
    [['sessions', 'revoke', '--all=no', '-c', 'x'], /--all takes no value/],
    [['sessions', 'revoke', '--id', 'a', '--issuer', 'b', '-c', 'x'], /--issuer is for --sub and --sid/],
    [['sessions', 'revoke', '--id', 'a', '--limit', '3', '-c', 'x'], /--limit is for list and show/],
    [['sessions', 'list', '--yes', '-c', 'x'], /--yes is for revoke/],
    [['sessions', 'list', '--limit', '-3', '-c', 'x'], /--limit needs a value/],
    [['sessions', 'list', '--limit', 'ten', '-c', 'x'], /--limit must be a number/],
    [['sessions', 'list', '--listen', '0.0.0.0:80', '-c', 'x'], /--listen is for start/],
    [['check', '--sub', 'a', '-c', 'x'], /--sub is for sessions/]
  ] as const) t.match(parseArguments(args), { kind: 'misuse', message }, args.join(' '))
  t.match(parseArguments(['sessions', 'revoke', '--sub=-a', '--core', 'routes[0]', '--json', '--from', 'apisix', '-c', 'x']), { kind: 'sessions', source: { file: 'x', foreign: { from: 'apisix' } }, request: { action: 'revoke', query: { kind: 'subject', value: '-a' }, core: 'routes[0]', format: 'json', confirmed: false } })
})

t.test('help says how', async t => {
  t.match(await run(['--help']), { code: 0, err: '', out: /^Usage: oidc-gateway sessions list {3}--config FILE[^]*--issuer URL[^]*Exit codes:/ })
})

t.test('on a terminal it asks, and shows how far it is in a line that goes again', async t => {
  const [stdin, stdout, stderr] = [0, 1, 2].map(() => Object.assign(new PassThrough(), { isTTY: true }))
  if (stdin === undefined || stdout === undefined || stderr === undefined) throw new Error('no streams')
  const terminal = createTerminal({ stdin, stdout, stderr }, {})
  terminal.progress('1 session')
  terminal.progress('2 sessions')
  terminal.out('a line')
  terminal.progress(null)
  t.equal(String(stderr.read()), '\r\u001B[2K1 session\r\u001B[2K2 sessions\r\u001B[2K')
  t.equal(String(stdout.read()), 'a line\n')
  const asked = terminal.ask('Sure? ')
  stdin.write('yes\n')
  t.equal(await asked, 'yes')
  t.match(String(stderr.read()), /Sure\? /)
  const unanswered = terminal.ask('Sure? ')
  stdin.end()
  t.equal(await unanswered, '')
  terminal.out('x'.repeat(stdout.writableHighWaterMark))
  let isFlushed = false
  const flushed = terminal.flushed().then(() => { isFlushed = true })
  await new Promise(resolve => { setImmediate(resolve) })
  t.notOk(isFlushed, 'nobody has read')
  stdout.resume()
  await flushed

  const piped = createTerminal({ stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }, {})
  t.equal(await piped.ask('Sure? '), null)
})
