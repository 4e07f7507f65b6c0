import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import oidc, { checkOidcOptions, resolveReferences, type OidcPluginOptions, type Referenced, type ReferenceSources } from 'fastify-oidc'
import { ca, upstreamCertificate } from '../proxy/certificates.ts'
import { startVault } from '../support/vault.ts'
import { bearerApp, claimsFor, createAuthority, createSigner, get } from './bearer-parts.ts'
import { createApplication, optionsFor, protectedApp, SECRET, testProvider } from './support.ts'

const SHOP = '$secret://vault/1/oidc/shop'
const ROLE = { role_id: '59d6d1ca-47bb-4e7e-a40b-8be3bc5a0ba8', secret_id: '84896a0c-1347-aa90-a4f6-aca8b7558780' }
const minimal = { client_id: 'app', client_secret: 'a secret of the client', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET } }

const managerAt = (uri: string, more: object = {}): object => ({ id: 'vault/1', uri, prefix: 'kv/apisix', token: 'hvs.kv-one', ...more })

function lines ({ problems }: { readonly problems: ReadonlyArray<Pick<Referenced['problems'][number], 'path' | 'message'>> }): string[] {
  return problems.map(({ path, message }) => `${path.join('.')} ${message}`)
}

/** What one reference becomes: the secret, or why it is none. */
async function resolveOne (reference: string, secrets: unknown, sources: ReferenceSources = {}): Promise<string> {
  const referenced = await resolveReferences({ secrets, one: reference }, sources)
  return lines(referenced)[0] ?? String((referenced.value as { one: unknown }).one)
}

/** Where nobody listens. */
async function closedUri (): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return `http://127.0.0.1:${port}`
}

t.test('a client secret in a Vault lets a plugin boot, and its login and bearer tokens work (S067 S068)', async t => {
  const vault = await startVault(t)
  const provider = await testProvider(t)
  const secrets = [{ id: 'vault/1', uri: vault.uri, prefix: 'kv/apisix', token: '$ENV://OIDC_TEST_VAULT_TOKEN' }]
  process.env.OIDC_TEST_VAULT_TOKEN = 'hvs.kv-one'
  t.teardown(() => { delete process.env.OIDC_TEST_VAULT_TOKEN })
  const { app, log } = await protectedApp(t, optionsFor(provider, { secrets, session: { secret: `${SHOP}/session`, secret_fallbacks: [`${SHOP}/client_secret`] } } as Partial<OidcPluginOptions>))
  const response = await app.inject({ url: '/', headers: { accept: 'text/html' } })
  t.equal(response.statusCode, 302)
  t.strictSame(vault.asked, ['GET /v1/kv/apisix/oidc/shop'], 'one read for three references')
  t.strictSame(vault.violations, [])
  t.notMatch(JSON.stringify(log), /hvs\.|of the vault|in the vault/)

  const authority = await createAuthority(t)
  const signer = await createSigner()
  authority.keys = [signer.jwk]
  authority.knows = () => ({ active: true, sub: 'alice', scope: 'read', exp: Math.floor(Date.now() / 1000) + 60 })
  const api = await bearerApp(t, authority, { secrets, client_secret: `${SHOP}/client_secret`, introspection_endpoint: `${authority.issuer}/introspect`, use_jwks: true } as Partial<OidcPluginOptions>)
  t.equal((await get(api.app, 'opaque')).statusCode, 200)
  t.equal(authority.introspected[0]?.headers.authorization, `Basic ${Buffer.from('api:the+client+secret+in+the+vault').toString('base64')}`)
  t.equal((await get(api.app, await signer.sign(claimsFor(authority)))).statusCode, 200)
  t.equal(vault.asked.length, 2, 'requests ask nobody')
})

t.test('references stand for secrets in arrays and objects at any depth, and only for texts of plain objects', async t => {
  const vault = await startVault(t)
  const date = new Date(0)
  const { value, problems } = await resolveReferences({
    secrets: [managerAt(vault.uri)],
    headers: [{ name: 'x-key', value: `${SHOP}/client_secret` }, ['$SECRET://Vault/1/oidc/sp ce?/key']],
    plain: { number: 1, text: 'secret://vault/1/oidc/shop/x', none: null, date, empty: `${SHOP}/empty` }
  })
  t.strictSame(problems, [])
  t.strictSame((value as { headers: unknown }).headers, [{ name: 'x-key', value: 'the client secret in the vault' }, ['with a blank']])
  t.strictSame((value as { plain: unknown }).plain, { number: 1, text: 'secret://vault/1/oidc/shop/x', none: null, date, empty: '' })
  t.strictSame([...vault.asked].sort(), ['GET /v1/kv/apisix/oidc/shop', 'GET /v1/kv/apisix/oidc/sp%20ce%3F'])
})

t.test('what every object has is no variable of the environment', async t => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    for (const environment of [process.env, { A: 'b' }]) {
      const { value, problems } = await resolveReferences({ secret: `$ENV://${name}` }, { environment })
      t.strictSame(value, { secret: `$ENV://${name}` })
      t.match(problems, [{ kind: 'unset', message: `refers to the environment variable ${name}, which is not set` }])
    }
  }
})

t.test('a KV engine of version 2 is read below data, in its namespace and below its mount', async t => {
  const vault = await startVault(t)
  const second = { id: 'vault/2', uri: `${vault.uri}/`, prefix: '/secret/apisix/', token: 'hvs.kv-two', namespace: 'team-a/', kv_version: 2 }
  t.equal(await resolveOne('$secret://vault/2/oidc/shop/client_secret', [second]), 'the client secret in version 2')
  t.match(await resolveOne('$secret://vault/2/oidc/deleted/client_secret', [second]), /^one refers to \$secret:\/\/vault\/2\/oidc\/deleted\/client_secret: vault\/2 has nothing at secret\/data\/apisix\/oidc\/deleted \(404\)$/)
  const deep = { id: 'vault/deep', uri: vault.uri, prefix: 'team/kv/apisix', mount: 'team/kv', kv_version: 2, ...ROLE }
  t.equal(await resolveOne('$secret://vault/deep/oidc/shop/client_secret', [deep]), 'the client secret of a deep mount')
  t.match(await resolveOne(`${SHOP}/client_secret`, [managerAt(vault.uri, { prefix: 'secret/apisix' })]), /it is a KV engine of version 2, so set kv_version: 2$/)
  t.match(await resolveOne(`${SHOP}/client_secret`, [managerAt(vault.uri, { prefix: 'secret/data/apisix', token: 'hvs.kv-two', namespace: 'team-a/' })]), /has no client_secret at secret\/data\/apisix\/oidc\/shop: it is a KV engine of version 2/)
  t.match(await resolveOne(`${SHOP}/client_secret`, [managerAt(vault.uri, { kv_version: 2 })]), /refuses to read kv\/data\/apisix\/oidc\/shop \(403\)/)
  t.strictSame(vault.violations, [])
})

t.test('an AppRole logs in once, however many references there are, and a refused login is said', async t => {
  const vault = await startVault(t)
  const deep = { id: 'vault/1', uri: vault.uri, prefix: 'team/kv/apisix', mount: 'team/kv', kv_version: 2, role_id: ROLE.role_id, secret_id: '$ENV://SECRET_ID' }
  const input = { secrets: [deep], a: `${SHOP}/client_secret`, b: [`${SHOP}/session`], c: '$secret://vault/1/other/x' }
  const { value, problems } = await resolveReferences(input, { environment: { SECRET_ID: ROLE.secret_id } })
  t.strictSame([(value as { a: unknown }).a, (value as { b: unknown }).b], ['the client secret of a deep mount', ['the session secret of a deep mount, long enough']])
  t.match(lines({ problems }), [/^c .*refuses to read/])
  t.equal(vault.asked.filter(line => line.startsWith('POST')).length, 1)
  t.equal(vault.asked.length, 3)
  const refused = await resolveReferences(input, { environment: { SECRET_ID: 'spent' } })
  t.strictSame(lines(refused).map(line => line.replace(/^\S+ refers to \S+ /, '')), Array.from({ length: 3 }, () => 'vault/1 refuses the login (400): check role_id and secret_id'))
  t.match(lines(await resolveReferences(input, { environment: {} })), [/^secrets\.0\.secret_id refers to the environment variable SECRET_ID/, /^a .*: vault\/1 cannot be asked before its own members hold$/, /^b\.0 /, /^c /])
  t.equal(vault.asked.length, 4, 'a literal reference is never sent')
  t.equal(await resolveOne(`${SHOP}/client_secret`, [{ id: 'vault/1', uri: vault.uri, prefix: 'kv/apisix', role_id: 'without-secret', approle_path: 'machines' }]), 'the client secret in the vault')
  t.match(await resolveOne(`${SHOP}/client_secret`, [{ id: 'vault/1', uri: vault.uri, prefix: 'kv', role_id: 'x', approle_path: '../sys' }]), /vault\/1 cannot be asked before its own members hold$/)
  t.strictSame(vault.violations, [])
})

t.test('what cannot be read says path, reference and cause, and never a value (S452)', async t => {
  const vault = await startVault(t)
  const closed = await closedUri()
  const cases: Array<[reference: string, manager: object, told: RegExp]> = [
    [`${SHOP}/none`, managerAt(vault.uri), /^one refers to \$secret:\/\/vault\/1\/oidc\/shop\/none: vault\/1 has no none at kv\/apisix\/oidc\/shop$/],
    [`${SHOP}/constructor`, managerAt(vault.uri), /has no constructor at/],
    [`${SHOP}/port`, managerAt(vault.uri), /has no text at kv\/apisix\/oidc\/shop under port$/],
    [`${SHOP}/nested`, managerAt(vault.uri), /has no text at/],
    [`${SHOP}/again`, managerAt(vault.uri), /it is another reference, which is not followed$/],
    ['$secret://vault/1/none/x', managerAt(vault.uri), /has nothing at kv\/apisix\/none \(404\)$/],
    [`${SHOP}/x`, managerAt(vault.uri, { token: 'hvs.wrong' }), /refuses to read kv\/apisix\/oidc\/shop \(403\): check that the token is valid, and its policies$/],
    [`${SHOP}/x`, managerAt(closed), /vault\/1 cannot be reached \(ECONNREFUSED\): check its uri$/],
    [`${SHOP}/x`, managerAt('http://no-such-host.invalid'), /cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/],
    ['$secret://vault/2/oidc/shop/x', managerAt(vault.uri), /secrets has no manager vault\/2$/],
    ['$secret://aws/1/x', managerAt(vault.uri), /secrets has no manager aws\/1/],
    ['$secret://vault/1/x', managerAt(vault.uri), /it needs a path and a key/],
    [`${SHOP}/x`, managerAt(vault.uri, { token: '$secret://vault/1/oidc/shop/token' }), /^secrets\.0\.token refers to .*a manager cannot be read from a manager$/]
  ]
  for (const bad of ['$secret://', '$secret://vault', '$secret://vault/1', '$secret://vault/1/', '$secret://vault/1/../sys/x', '$secret://vault/1/a//x', '$secret://vault/1/./x', '$secret://vault/1/a\nb/x', `$secret://vault/1/${'a'.repeat(2000)}/x`, '$env://', '$ENV:///x']) {
    cases.push([bad, managerAt(vault.uri), /^one is neither \$ENV:\/\/NAME, \$env:\/\/NAME\/key nor/])
  }
  await Promise.all(cases.map(async ([reference, manager, told]) => {
    const line = await resolveOne(reference, [manager])
    t.match(line, told, reference.slice(0, 60))
    t.notMatch(line, /in the vault|of the vault|hvs\./)
  }))
  const { problems } = await resolveReferences({ one: '$ENV://X' }, { environment: { X: '$ENV://HOME' } })
  t.match(lines({ problems }), [/^one refers to another reference, which is not followed$/])
})

t.test('a Vault that fails is asked again a bounded number of times, within its time, and no redirect is followed', async t => {
  const vault = await startVault(t)
  const elsewhere = await startVault(t)
  const sealed = { status: 503, text: '{"errors":["Vault is sealed"]}' }
  vault.faults.push(sealed, 'reset')
  t.equal(await resolveOne(`${SHOP}/client_secret`, [managerAt(vault.uri)]), 'the client secret in the vault', 'the third time')
  t.equal(vault.asked.length, 3)
  vault.faults.push(sealed, sealed, sealed)
  t.match(await resolveOne(`${SHOP}/x`, [managerAt(vault.uri)]), /is sealed or in maintenance \(503\)$/)
  t.equal(vault.asked.length, 6, 'three attempts, and no more')
  vault.faults.push('hang')
  const before = Date.now()
  t.match(await resolveOne(`${SHOP}/x`, [managerAt(vault.uri, { timeout: 0.2 })]), /did not answer within 0\.2 s/)
  t.ok(Date.now() - before < 20_000)
  vault.faults.push({ status: 307, text: '', headers: { location: `${elsewhere.uri}/v1/kv/apisix/oidc/shop` } })
  t.match(await resolveOne(`${SHOP}/x`, [managerAt(vault.uri)]), /answers with a redirect \(307\): its uri has to be that of the active node$/)
  t.strictSame(elsewhere.asked, [], 'the token goes nowhere else')
  vault.faults.push({ status: 200, text: `{"data":{"x":"${'a'.repeat(1024 * 1024)}"}}` })
  t.match(await resolveOne(`${SHOP}/x`, [managerAt(vault.uri)]), /sent more than 1048576 bytes$/)
  for (const text of ['<html>', '[]', '{"data":["x"]}', '{"data":null}', '']) {
    vault.faults.push({ status: 200, text })
    t.match(await resolveOne(`${SHOP}/x`, [managerAt(vault.uri)]), /has no secret of a KV engine of version 1 at kv\/apisix\/oidc\/shop/, text)
  }
  for (const text of ['{"auth":{"client_token":"a\\nb"}}', '{"auth":null}']) {
    vault.faults.push({ status: 200, text })
    t.match(await resolveOne(`${SHOP}/x`, [{ id: 'vault/1', uri: vault.uri, prefix: 'kv', role_id: 'x' }]), /gave no token at the login$/, text)
  }
})

t.test('over TLS the certificate counts, unless ssl_verify is false', async t => {
  const vault = await startVault(t, upstreamCertificate)
  const key = `${SHOP}/client_secret`
  t.match(await resolveOne(key, [managerAt(vault.uri)]), /has a certificate that is not accepted \(\w+\): set its ca$/)
  t.strictSame(vault.asked, [], 'the token was not sent')
  t.equal(await resolveOne(key, [managerAt(vault.uri, { ca })]), 'the client secret in the vault')
  t.equal(await resolveOne(key, [managerAt(vault.uri, { ca: ca.replaceAll('\n', '\\n') })]), 'the client secret in the vault', 'line ends as \\n')
  t.equal(await resolveOne(key, [managerAt(vault.uri, { ssl_verify: false })]), 'the client secret in the vault')
})

t.test('a manager that does not hold stops the boot, with every problem at once', async t => {
  const problemsOf = (secrets: unknown): string[] => lines(checkOidcOptions({ ...minimal, secrets }))
  const good = managerAt('http://127.0.0.1:8200')
  t.strictSame(problemsOf([good, { ...good, id: 'vault/2', kv_version: 2, mount: '/kv/', namespace: 'a/b' }]), [])
  const cases: Array<[unknown, RegExp]> = [
    [{}, /^secrets must be an array/],
    [[{ ...good, id: 'aws/1' }], /^secrets\.0\.id has the wrong form .*Other managers are asked by the hook/],
    [[good, good], /^secrets\.1\.id is the id of an earlier one: vault\/1$/],
    [[{ ...good, uri: 'ftp://x' }], /^secrets\.0\.uri has the wrong form/],
    [[{ ...good, uri: 'http://user:pw@x' }], /^secrets\.0\.uri is not a URL without/],
    [[{ ...good, uri: 'http://x?y' }], /^secrets\.0\.uri is not a URL without/],
    [[{ ...good, prefix: 'kv/../sys' }], /^secrets\.0\.prefix has an empty segment, or \. or \.\. as one$/],
    [[{ ...good, prefix: '/' }], /^secrets\.0\.prefix has an empty segment/],
    [[{ ...good, approle_path: 'a//b' }], /^secrets\.0\.approle_path has an empty segment/],
    [[{ ...good, token: undefined }], /^secrets\.0\.token is required where there is no role_id$/],
    [[{ ...good, ...ROLE }], /^secrets\.0\.role_id cannot stand beside token$/],
    [[{ ...good, secret_id: 'x' }], /^secrets\.0\.secret_id needs a role_id$/],
    [[{ ...good, token: 'two\nlines' }], /^secrets\.0\.token has the wrong form/],
    [[{ ...good, mount: 'kv' }], /^secrets\.0\.mount is only used with kv_version: 2$/],
    [[{ ...good, kv_version: 2, mount: 'k' }], /^secrets\.0\.mount is not the beginning of prefix$/],
    [[{ ...good, kv_version: 3 }], /^secrets\.0\.kv_version must be one of 1, 2$/],
    [[{ ...good, ca: 'ca.pem' }], /^secrets\.0\.ca has the wrong form/],
    [[{ ...good, timeout: 0 }], /^secrets\.0\.timeout/],
    [[{ ...good, tokn: 'x' }], /^secrets\.0\.tokn is not a known option; did you mean token\?$/]
  ]
  for (const [secrets, told] of cases) t.match(problemsOf(secrets), [told], String(told))
  t.match(lines(checkOidcOptions({ ...minimal, client_secret: `${SHOP}/x` })), [/^client_secret refers to a secret manager, which is asked when the plugin is registered$/])

  const { app } = createApplication(t)
  await t.rejects(async () => { await app.register(oidc, { ...minimal, secrets: [{ ...good, uri: await closedUri() }], client_secret: `${SHOP}/x`, client_rsa_private_key: `${SHOP}/key`, session: { secret: `${SHOP}/y` }, realm: 7 } as unknown as OidcPluginOptions) }, {
    code: 'FST_OIDC_OPTIONS_INVALID',
    message: /- client_secret refers to[^]*ECONNREFUSED[^]*- session\.secret refers to[^]*- client_rsa_private_key refers to[^]*- realm must be a string/
  })
})

t.test('other managers are asked by a hook, once for each reference, and an answer that is no text stops the boot', async t => {
  const vault = await startVault(t)
  const asked: string[] = []
  const hooks = {
    async resolveSecret (reference: string) {
      asked.push(reference)
      return 'a secret that the hook knows, long enough'
    }
  }
  const { app } = createApplication(t)
  await app.register(oidc, { ...minimal, secrets: [managerAt(vault.uri)], client_secret: '$secret://aws/1/oidc', session: { secret: '$secret://aws/1/oidc', secret_fallbacks: ['$secret://vault/2/a/b', `${SHOP}/session`] }, hooks } as OidcPluginOptions)
  await app.ready()
  t.strictSame(asked, ['$secret://aws/1/oidc', '$secret://vault/2/a/b'])
  t.equal(vault.asked.length, 1, 'a manager that is written answers for its own')
  const answers: Array<[(reference: string) => unknown, RegExp]> = [
    [() => null, /resolveSecret answered no text$/],
    [() => 7, /resolveSecret answered no text$/],
    [() => '$ENV://HOME', /it is another reference/],
    [() => 'x'.repeat(1024 * 1024 + 1), /answered more than anybody needs$/],
    [() => { throw new Error(`access denied\n${'x'.repeat(500)}`) }, /resolveSecret failed: access denied x{1,200}$/],
    [() => { throw 'a text' }, /resolveSecret failed: it threw no error$/] // eslint-disable-line no-throw-literal -- code of others may
  ]
  for (const [resolveSecret, told] of answers) t.match(await resolveOne('$secret://aws/1/x', [], { resolveSecret: resolveSecret as () => string }), told)
  await t.rejects(async () => { await createApplication(t).app.register(oidc, { ...minimal, client_secret: '$secret://aws/1/x', hooks: { resolveSecret: 'x' } } as unknown as OidcPluginOptions) }, /hooks\.resolveSecret must be a function/)
})
