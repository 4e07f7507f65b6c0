import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseConfiguration } from 'fastify-oidc-gateway'
import { parseArguments, type Invocation } from '../../packages/gateway/src/cli/arguments.ts'
import { readText as text, runCommand as run, runProgram, spawnProgram, untilListening } from './program.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/apisix/${name}`, import.meta.url))
const ENVIRONMENT = { SHOP_SECRET: 'hunter2', SESSION_SECRET: 'x'.repeat(32) }

t.test('import prints YAML that check accepts, and the report beside it; references may be unset', async t => {
  const imported = await runProgram(t, ['import', '--from', 'apisix', '--ignore-plugin', 'prometheus', '--ignore-plugin', 'typo', fixture('apisix.yaml')])
  t.equal(imported.code, 0, imported.err)
  t.match(imported.out, /^# oidc-gateway import --from apisix\nrobots_txt: false\nroutes:\n {2}- id: 1\n/)
  t.match(imported.out, /client_secret: \$ENV:\/\/SHOP_SECRET\n/)
  t.match(imported.err, /apisix\.yaml:16:28 {2}approximated {2}routes\[0\]\.timeout\.send is left out/)
  t.match(imported.err, /apisix\.yaml:26:9 {2}exact {2}.*\.timeout is 5 seconds/)
  t.match(imported.err, /apisix\.yaml:57:5 {2}exact {2}routes\[2\] is disabled/)
  t.match(imported.err, /apisix\.yaml:1:1 {2}note {2}the file does not say where to listen/)
  t.match(imported.err, /note {2}the file has no plugin typo in use/)
  t.match(imported.err, /: \d+ exact, \d+ approximated, 0 refused\n$/)
  t.equal(parseConfiguration(imported.out, 'yaml').kind, 'parsed')
  const folder = t.testdir({ 'gateway.yaml': imported.out })
  t.match(await run(['check', '-c', `${folder}/gateway.yaml`], ENVIRONMENT), { code: 0, out: 'ok  3 routes, 2 protected, 1 open, 2 cores, plain HTTP\n', err: '' })
})

t.test('import prints no YAML where something is refused, and every problem', async t => {
  const { code, out, err } = await run(['import', '--from', 'apisix', fixture('refused.yaml')])
  t.match({ code, out }, { code: 2, out: '' })
  t.match(err, /refused\.yaml:20:7 {2}routes\[0\]\.plugins\.ip-restriction has no counterpart/)
  t.match(err, /refused\.yaml:1:1 {2}note {2}the file has no #END line/)
  t.match(err, /\d\d problems in .*refused\.yaml\n$/)
  t.notMatch(err, /literal-secret/)
  const unbuilt = t.testdir({ 'apisix.yaml': 'routes:\n  - uri: /*\n    upstream: { nodes: { "127.0.0.1:80": 1 } }\n    plugins:\n      openid-connect:\n        client_id: a\n        client_secret: b\n        discovery: https://idp.example/.well-known/openid-configuration\n        session: { secret: $ENV://UNSET }\n        claim_schema_: {}\n        proxy_opts: { http_proxy_: 1 }\n#END\n' })
  t.match(await run(['import', '--from', 'apisix', `${unbuilt}/apisix.yaml`]), { code: 2, out: '', err: /apisix\.yaml:10:9 {2}.*claim_schema_ is not an option[^]*apisix\.yaml:11:\d+ {2}.*proxy_opts[^]*2 problems/ })
  t.match(await run(['import', '--from', 'apisix', '/no/such/apisix.yaml']), { code: 2, out: '', err: /cannot be read: ENOENT/ })
  t.match(await run(['import', '--from', 'apisix', `${t.testdir({ 'x.yaml': 'routes: [' })}/x.yaml`]), { code: 2, out: '', err: /1 problem|problems/ })
})

t.test('check, routes and start read the foreign file itself', async t => {
  const foreign = ['--from', 'apisix', '--ignore-plugin=prometheus', '-c', fixture('apisix.yaml')]
  t.match(await run(['check', ...foreign], ENVIRONMENT), { code: 0, out: 'ok  3 routes, 2 protected, 1 open, 2 cores, plain HTTP\n', err: /approximated/ })
  const unset = await run(['check', ...foreign])
  t.match(unset, { code: 2, out: '', err: /apisix\.yaml:22:9 {2}routes\[0\]\.plugins\.openid-connect\.client_secret refers to the environment variable SHOP_SECRET, which is not set/ })
  const routes = await run(['routes', ...foreign], ENVIRONMENT)
  t.match(routes, { code: 0, out: /^HOST[^]*shop\.example\.com .*openid-connect shop[^]*api\.example\.com .*bearer tokens alone[^]*www\.example\.com .*OPEN\n$/ })
  t.notMatch(routes.out + routes.err, /hunter2/)
  t.match(await run(['start', '--from', 'apisix', '-c', fixture('apisix.yaml')], ENVIRONMENT), { code: 2, out: '', err: /prometheus has no counterpart/ })
  t.match(await run(['check', '-c', fixture('apisix.yaml')], ENVIRONMENT), { code: 2, err: /services is not a known option/ }, 'without --from it is a native file')
})

t.test('start --from apisix serves the foreign file', async t => {
  // The port is the default one, and may be taken: then it came as far as to ask for it.
  const child = spawnProgram(t, ['start', '--from', 'apisix', '--ignore-plugin', 'prometheus', '-c', fixture('apisix.yaml')], ENVIRONMENT)
  let said = ''
  const reached = new Promise<void>(resolve => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        said += String(chunk)
        if (/listening at http:\/\/127\.0\.0\.1:4180|EADDRINUSE/.test(said)) resolve()
      })
    }
    child.once('exit', () => { resolve() })
  })
  await reached
  t.match(said, /listening at http:\/\/127\.0\.0\.1:4180|EADDRINUSE.*4180/)
})

t.test('start --from apisix --listen says where to listen', async t => {
  const child = spawnProgram(t, ['start', '--from', 'apisix', '--ignore-plugin', 'prometheus', '--listen', '127.0.0.1:0', '-c', fixture('apisix.yaml')], ENVIRONMENT)
  const warned = text(child.stderr)
  const said = await untilListening(child)
  t.match(said, /listening at http:\/\/127\.0\.0\.1:\d+"/)
  t.notMatch(said, /:4180"/)
  child.kill('SIGTERM')
  t.notMatch(await warned, /does not say where to listen/)
})

t.test('--listen takes an address and a port, for start --from alone', async t => {
  const parse = (listen: string, ...others: string[]): Invocation => parseArguments(['start', '--from', 'apisix', '-c', 'x.yaml', `--listen=${listen}`, ...others])
  for (const [listen, host, port] of [['0.0.0.0:8080', '0.0.0.0', 8080], ['[::]:0', '::', 0], ['[fe80::1]:65535', 'fe80::1', 65535], ['localhost:80', 'localhost', 80]] as const) {
    t.match(parse(listen), { kind: 'run', source: { foreign: { listen: { host, port } } } }, listen)
  }
  for (const bad of ['', ':80', '8080', 'host', 'host:', 'host:x', 'host:65536', 'host:-1', '::1:80', '[host]:80', '[::1]', 'a b:80', 'http://x:80', 'x:80/']) {
    t.match(parse(bad), { kind: 'misuse', message: /^--listen must be HOST:PORT/ }, bad)
  }
  t.match(parse('a:1', '--listen=b:2'), { kind: 'misuse', message: /--listen can be given only once/ })
  t.match(parseArguments(['start', '-c', 'x.yaml', '--listen', 'a:1']), { kind: 'misuse', message: /--listen is for files that --from says the origin of/ })
  for (const command of ['check', 'import', 'routes']) t.match(parseArguments([command, '--from', 'apisix', '-c', 'x.yaml', '--listen', 'a:1']), { kind: 'misuse', message: '--listen is for start' })
  t.match(parseArguments(['start', '--from', 'apisix', '-c', 'x.yaml']), { source: { foreign: { listen: null } } })
  t.match(await run(['start', '--from', 'apisix', '-c', fixture('apisix.yaml'), '--listen', '4180']), { code: 2, out: '', err: /--listen must be HOST:PORT[^]*Try: oidc-gateway start --help/ })
})

t.test('misuse of --from and --ignore-plugin', async t => {
  await Promise.all(([
    [['import', 'x.yaml'], /--from is missing: one of apisix/],
    [['import', '--from', 'apisix'], /FILE is missing/],
    [['import', '--from', 'apisix', '--route', '/api', 'x.yaml'], /--route is for --from kong/],
    [['import', '--from', 'apisx', 'x.yaml'], /--from must be one of apisix, oauth2-proxy, kong; did you mean apisix\?/],
    [['import', '--from', 'apisix', 'a.yaml', 'b.yaml'], /takes one file/],
    [['import', '--from', 'apisix', 'a.yaml', '-c', 'b.yaml'], /takes one file/],
    [['check', '--from', 'apisix', '--from', 'apisix', '-c', 'x.yaml'], /--from can be given only once/],
    [['check', '--ignore-plugin', 'x', '-c', 'x.yaml'], /--ignore-plugin is for files that --from/],
    [['check', '--from', 'apisix', '-c', 'x.yaml', '--ignore-plugin'], /--ignore-plugin NAME is missing/],
    [['check', '--from', 'apisix', '-c', 'x.yaml', '--ignore-plugin', 'openid-connect'], /would leave every route open/]
  ] as const).map(async ([args, err]) => {
    t.match(await run(args), { code: 2, out: '', err }, args.join(' '))
  }))
  t.match(await run(['import', '--help']), { code: 0, out: /^Usage: oidc-gateway import --from apisix FILE\n[^]*--ignore-plugin NAME/ })
})
