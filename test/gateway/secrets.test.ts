import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { checkConfiguration, createGateway, loadConfiguration, parseConfiguration, type GatewayOptions } from 'fastify-oidc-gateway'
import { startVault } from '../support/vault.ts'
import { refusals, route, told, translate } from './import-apisix-parts.ts'
import { ask, keepLog, startGateway, startUpstream } from './parts.ts'
import { runCommand as run } from './program.ts'

const SHOP = '$secret://vault/1/oidc/shop'
const OIDC = { client_id: 'app', client_secret: `${SHOP}/client_secret`, discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', session: { secret: `${SHOP}/session` } }

interface Tap { testdir (files: Record<string, string>): string }

const native = (uri: string, token = 'hvs.kv-one'): string => `secrets:
  - { id: vault/1, uri: "${uri}", prefix: kv/apisix, token: ${token} }
routes:
  - uri: /*
    upstream: http://127.0.0.1:9
    plugins:
      openid-connect:
        client_id: app
        client_secret: ${SHOP}/client_secret
        discovery: http://127.0.0.1:9/.well-known/openid-configuration
        session: { secret: ${SHOP}/session }
  - uri: /other/*
    upstream: http://127.0.0.1:9
    plugins:
      openid-connect:
        client_id: ${SHOP}/client_secret
        client_secret: ${SHOP}/client_secret
        discovery: http://127.0.0.1:9/.well-known/openid-configuration
        redirect_uri: /other/cb
        session: { secret: ${SHOP}/session }
`

const foreign = (uri: string): string => `secrets:
  - id: vault/1
    uri: "${uri}"
    prefix: kv/apisix
    token: $ENV://GATEWAY_TEST_TOKEN
routes:
  - uri: /*
    upstream: { nodes: { "127.0.0.1:9": 1 } }
    plugins:
      openid-connect:
        client_id: app
        client_secret: ${SHOP}/client_secret
        discovery: http://127.0.0.1:9/.well-known/openid-configuration
        session: { secret: ${SHOP}/session }
#END
`

const file = (t: Tap, text: string, name = 'gateway.yaml'): string => join(t.testdir({ [name]: text }), name)

t.test('the secrets of a gateway file are read once for all its routes, and shown nowhere', async t => {
  const vault = await startVault(t)
  const path = file(t, native(vault.uri))
  const checked = await loadConfiguration(path)
  if (checked.kind === 'invalid') throw new Error(JSON.stringify(checked.problems))
  t.strictSame(vault.asked, ['GET /v1/kv/apisix/oidc/shop'])
  t.match(checked.configuration.cores[0]?.options, { client_secret: 'the client secret in the vault', session: { secret: 'a session secret of the vault, long enough' } })
  const check = await run(['check', '-c', path])
  t.match(check, { code: 0, out: /^ok/ })
  const routes = await run(['routes', '-c', path])
  t.match(routes.out, /openid-connect \$secret:\/\/vault\/1\/oidc\/shop\/client_secret at/, 'a secret in a listing is its reference')
  for (const text of [check.out, check.err, routes.out, routes.err]) t.notMatch(text, /hvs\.|in the vault|of the vault/)
})

t.test('a secret that cannot be read is told at its place, by every command, without a value', async t => {
  const vault = await startVault(t)
  const path = file(t, native(vault.uri, 'hvs.wrong'))
  for (const command of ['check', 'routes', 'start']) {
    const { code, out, err } = await run([command, '-c', path])
    t.match({ code, out }, { code: 2, out: '' })
    t.match(err, /gateway\.yaml:9:9 {2}routes\[0\]\.plugins\.openid-connect\.client_secret refers to \$secret:\/\/vault\/1\/oidc\/shop\/client_secret: vault\/1 refuses to read kv\/apisix\/oidc\/shop \(403\)/)
    t.notMatch(err, /hvs\.|in the vault|of the vault/)
  }
})

t.test('a gateway made by code asks its own resolver for managers that the file does not have', async t => {
  const upstream = await startUpstream(t)
  const { lines, stream } = keepLog()
  const asked: string[] = []
  const configuration = { log: { level: 'info' }, routes: [{ uri: '/*', upstream, plugins: { 'openid-connect': { ...OIDC, client_secret: '$secret://aws/1/x', session: { secret: '$secret://aws/1/y' } } } }, { uri: '/open/*', upstream }] } as GatewayOptions
  const resolveSecret = (reference: string): string => {
    asked.push(reference)
    return `what stands for ${reference.slice(-1)}, and is long enough`
  }
  const gateway = await startGateway(t, configuration, { resolveSecret, logStream: stream })
  t.equal((await ask(gateway, '/open/x')).status, 200)
  t.strictSame(asked.sort(), ['$secret://aws/1/x', '$secret://aws/1/y'])
  t.notMatch(lines.join(), /what stands for/)
  await t.rejects(createGateway(configuration), { code: 'FST_OIDC_GATEWAY_CONFIGURATION_INVALID', message: /secrets has no manager aws\/1/ })
  const unasked = await checkConfiguration({ value: configuration, positionOf: () => null }, { resolveSecret, asksManagers: false })
  t.match(unasked, { kind: 'invalid', problems: [{ message: /it was not read$/ }, { message: /it was not read$/ }] })
  t.equal(asked.length, 2)
})

t.test('apisix.yaml brings its vaults over; import reads none of them, and start reads what it names (S067 S068)', async t => {
  const vault = await startVault(t)
  const path = file(t, foreign(vault.uri), 'apisix.yaml')
  const imported = await run(['import', '--from', 'apisix', path])
  t.equal(imported.code, 0, imported.err)
  t.strictSame(vault.asked, [])
  t.match(imported.out, /\nsecrets:\n {2}- id: vault\/1\n {4}uri: http:\/\/127[^\n]*\n {4}prefix: kv\/apisix\n {4}token: \$ENV:\/\/GATEWAY_TEST_TOKEN\nroutes:\n/)
  t.match(imported.out, /client_secret: \$secret:\/\/vault\/1\/oidc\/shop\/client_secret\n/)
  t.equal(parseConfiguration(imported.out, 'yaml').kind, 'parsed')

  const environment = { GATEWAY_TEST_TOKEN: 'hvs.kv-one' }
  const checked = await loadConfiguration(path, environment, { from: 'apisix', ignorePlugins: [] })
  t.match(checked, { kind: 'valid', configuration: { cores: [{ options: { client_secret: 'the client secret in the vault' } }] } })
  const wrong = await loadConfiguration(path, { GATEWAY_TEST_TOKEN: 'hvs.wrong' }, { from: 'apisix', ignorePlugins: [] })
  t.match(wrong, { kind: 'invalid', problems: [{ path: ['routes', '0', 'plugins', 'openid-connect', 'client_secret'], position: { line: 12 }, message: /\(403\)/ }, { position: { line: 14 } }] })
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace('prefix: kv/apisix', 'prefix: kv/../sys'))
  const broken = await run(['import', '--from', 'apisix', path])
  t.match(broken, { code: 2, out: '', err: /apisix\.yaml:4:5 {2}secrets\[0\]\.prefix has an empty segment/ })
  await writeFile(path, text.replace('/shop/client_secret', '/shop//client_secret').replace('vault/1/oidc/shop/session', 'vault/2/oidc/shop/session'))
  t.match(await run(['import', '--from', 'apisix', path]), { code: 2, out: '', err: /client_secret is neither[^]*session\.secret refers to [^\n]*: secrets has no manager vault\/2/ }, 'what cannot be right anywhere is refused')
})

t.test('managers of other kinds, and members that no vault has, are refused with a reason', async t => {
  const vault = { id: 'vault/1', uri: 'http://127.0.0.1:8200', prefix: 'kv', token: 'hvs.x', namespace: 'a', timeout: 3, create_time: 1, labels: {} }
  const imported = translate({ secrets: [{ id: 'aws/1', access_key_id: 'x' }, vault, { id: 'gcp/1', auth_file: 'x' }, { uri: 'x' }, 'x', { ...vault, tokn: 1 }], routes: [route()] })
  t.strictSame(imported.value.secrets?.[0], { id: 'vault/1', uri: 'http://127.0.0.1:8200', prefix: 'kv', token: 'hvs.x', namespace: 'a', timeout: 3 })
  t.strictSame(refusals(imported).split('\n').map(line => line.slice(0, 60)), [
    'secrets.4: refused, must be an object',
    'secrets.0: refused, is a manager of the kind aws, which has ',
    'secrets.2: refused, is a manager of the kind gcp, which has ',
    'secrets.3: refused, has no id that says what it is, such as ',
    'secrets.5.tokn: refused, is not known to this importer'
  ])
  t.strictSame(imported.originOf(['secrets', '0', 'token']), ['secrets', '1', 'token'])
  t.match(told(translate({ secrets: [], routes: [route()] })), /secrets: exact, is empty/)
  t.notOk('secrets' in translate({ routes: [route()] }).value)
})
