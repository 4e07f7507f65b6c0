import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { bearerApp, claimsFor, createAuthority, createSigner, get, part, reasons, seconds, type Authority, type Claims, type Signer } from './bearer-parts.ts'
import { lyingProvider } from './session-parts.ts'

const signer = await createSigner()
const stranger = await createSigner('RS256', 'key-1')
const CHALLENGE = 'Bearer realm="apisix", error="invalid_token", error_description="The access token is not valid"'
const EXPIRED = 'Bearer realm="apisix", error="invalid_token", error_description="The access token has expired"'

async function authorityWith (t: { teardown (run: () => unknown): void }, ...signers: readonly Signer[]): Promise<Authority> {
  const authority = await createAuthority(t)
  authority.keys = signers.map(({ jwk }) => jwk)
  return authority
}

// rows: public_key
t.test('S087, S289, S417, S418: a JWT that the public key verifies is let in, whatever the family of the key', async t => {
  const authority = await createAuthority(t)
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    const { pem, sign } = await createSigner(alg)
    const { app } = await bearerApp(t, authority, { public_key: pem, client_secret: undefined } as object)
    const response = await get(app, await sign(claimsFor(authority)))
    t.equal(response.statusCode, 200, alg)
    t.equal(response.json().sub, 'alice')
    t.equal((await get(app, await (await createSigner(alg)).sign(claimsFor(authority)))).statusCode, 401, `${alg}, another key`)
  }
  t.equal(authority.counts['/jwks'], undefined, 'no key is asked for')
  t.equal(authority.counts['/introspect'], undefined, 'and nobody')
})

// rows: public_key
t.test('a key may be written with \\n in one line', async t => {
  const authority = await createAuthority(t)
  const { app } = await bearerApp(t, authority, { public_key: signer.pem.replaceAll('\n', '\\n') })
  t.equal((await get(app, await signer.sign(claimsFor(authority)))).statusCode, 200)
})

// rows: use_jwks
t.test('S093, S096, S109, S110, S298: the keys of the provider verify, also beside an introspection endpoint', async t => {
  const authority = await authorityWith(t, signer)
  const application = await bearerApp(t, authority, { use_jwks: true, introspection_endpoint: `${authority.issuer}/introspect` })
  t.equal((await get(application.app, await signer.sign(claimsFor(authority)))).statusCode, 200)
  t.equal(authority.counts['/introspect'], undefined)
  t.strictSame(reasons(application), ['the bearer token was validated by jwks'])
})

t.test('S300, S301, S303: the kid names the key; without it there has to be one alone', async t => {
  const other = await createSigner('RS256', 'key-2')
  const ec = await createSigner('ES256', 'key-3')
  const authority = await authorityWith(t, signer, other, ec)
  const { app } = await bearerApp(t, authority, { use_jwks: true })
  t.equal((await get(app, await other.sign(claimsFor(authority)))).statusCode, 200)
  t.equal((await get(app, await other.sign(claimsFor(authority), { kid: 'key-9' }))).statusCode, 401, 'unknown')
  t.equal((await get(app, await other.sign(claimsFor(authority), { kid: undefined }))).statusCode, 401, 'one of two')
  t.equal((await get(app, await ec.sign(claimsFor(authority), { kid: undefined }))).statusCode, 200, 'one of its kind')
})

interface BadToken { readonly name: string, readonly claims?: Claims, readonly header?: Claims, readonly reason: RegExp, readonly challenge?: string }

const BAD: readonly BadToken[] = [
  { name: 'S304: expired', claims: { exp: seconds() - 300 }, reason: /"exp" claim timestamp check failed/, challenge: EXPIRED },
  { name: 'S414: expired for longer than the slack', claims: { exp: seconds() - 122 }, reason: /"exp"/, challenge: EXPIRED },
  { name: 'S415: not valid yet', claims: { nbf: seconds() + 300 }, reason: /"nbf"/ },
  { name: 'S306: without an end', claims: { exp: undefined }, reason: /missing required "exp"/ },
  { name: 'an end that is no number', claims: { exp: '9999999999' }, reason: /"exp" claim must be a number/ },
  { name: 'S416: without an issuer', claims: { iss: undefined }, reason: /missing required "iss"/ },
  { name: 'S108: another issuer', claims: { iss: 'https://issuer.evil.example' }, reason: /unexpected "iss"/ },
  { name: 'an issuer in a list', claims: { iss: ['https://issuer.evil.example'] }, reason: /"iss"/ },
  { name: 'an unknown critical extension', header: { crit: ['exp'], exp: 1 }, reason: /crit/ },
  { name: 'a kid that is no string', header: { kid: 7 }, reason: /kid/ },
  { name: 'an ID token, by its nonce', claims: { nonce: 'n' }, header: { typ: 'JWT' }, reason: /ID token: it has nonce/ },
  { name: 'an ID token, by at_hash', claims: { at_hash: 'n' }, header: { typ: undefined }, reason: /it has at_hash/ },
  { name: 'an ID token, by c_hash', claims: { c_hash: 'n' }, header: { typ: undefined }, reason: /it has c_hash/ },
  { name: 'an ID token, by typ', claims: { typ: 'ID' }, header: { typ: 'JWT' }, reason: /typ or token_use claim/ },
  { name: 'a refresh token, by typ', claims: { typ: 'Refresh' }, header: { typ: 'JWT' }, reason: /typ or token_use claim/ },
  { name: 'an ID token, by token_use', claims: { token_use: 'id' }, header: { typ: undefined }, reason: /typ or token_use claim/ },
  { name: 'a logout token', claims: { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, header: { typ: undefined }, reason: /logout token/ },
  { name: 'a logout token, by its header', header: { typ: 'logout+jwt' }, reason: /another type/ },
  { name: 'a proof of possession', header: { typ: 'dpop+jwt' }, reason: /another type/ },
  { name: 'no mark of an access token', claims: { scope: undefined, client_id: undefined }, header: { typ: 'JWT' }, reason: /no access token/ },
  { name: 'bound to a key', claims: { cnf: { jkt: 'x' } }, header: { typ: 'JWT' }, reason: /bound to a key/ },
  { name: 'bound to a key, of RFC 9068', claims: { cnf: { jkt: 'x' } }, header: { typ: 'at+jwt' }, reason: /bound to a key/ },
  { name: 'nested too deep', claims: { deep: JSON.parse('['.repeat(200) + ']'.repeat(200)) as unknown }, reason: /nested too deep/ }
]

t.test('a token that is signed well and does not hold is 401, with a fixed text and its reason in the log', async t => {
  const authority = await authorityWith(t, signer)
  for (const { name, claims = {}, header = {}, reason, challenge = CHALLENGE } of BAD) {
    const application = await bearerApp(t, authority, { public_key: signer.pem })
    const { alg, kid, ...others } = header
    // jose signs no token with an unknown critical extension: such a header is put before a good signature.
    const token = header.crit === undefined && header.kid === undefined
      ? await signer.sign(claimsFor(authority, claims), others)
      : (await signer.sign(claimsFor(authority, claims))).replace(/^[^.]+/, part({ alg: 'RS256', ...header }))
    const response = await get(application.app, token)
    t.equal(response.statusCode, 401, name)
    t.equal(response.headers['www-authenticate'], challenge, name)
    t.equal(response.headers['cache-control'], 'no-store', name)
    t.match(reasons(application).at(-1), reason, name)
    t.notMatch(response.body, reason, `${name}: not said to the caller`)
  }
})

// rows: iat_slack
t.test('S305, S414: iat_slack tolerates clocks, for exp and nbf', async t => {
  const authority = await authorityWith(t, signer)
  const { app } = await bearerApp(t, authority, { public_key: signer.pem })
  const strict = await bearerApp(t, authority, { public_key: signer.pem, iat_slack: 0 })
  const wide = await bearerApp(t, authority, { public_key: signer.pem, iat_slack: 400 })
  const late = await signer.sign(claimsFor(authority, { exp: seconds() - 60 }))
  const early = await signer.sign(claimsFor(authority, { nbf: seconds() + 60 }))
  t.equal((await get(app, late)).statusCode, 200)
  t.equal((await get(app, early)).statusCode, 200)
  t.equal((await get(strict.app, late)).statusCode, 401)
  t.equal((await get(strict.app, early)).statusCode, 401)
  t.equal((await get(wide.app, await signer.sign(claimsFor(authority, { exp: seconds() - 300 })))).statusCode, 200)
})

t.test('access tokens of several providers are known as such', async t => {
  const authority = await authorityWith(t, signer)
  const { app } = await bearerApp(t, authority, { use_jwks: true })
  const bare = { scope: undefined, client_id: undefined }
  const good: ReadonlyArray<readonly [string, Claims, Claims]> = [
    ['RFC 9068', {}, { typ: 'at+jwt' }],
    ['RFC 9068 in full, with a nonce', { nonce: 'x', ...bare }, { typ: 'application/AT+JWT' }],
    ['Keycloak', { typ: 'Bearer', azp: 'spa', ...bare }, { typ: 'JWT' }],
    ['Entra ID', { scp: 'read write', ...bare }, { typ: 'JWT' }],
    ['Cognito', { token_use: 'access' }, { typ: undefined }],
    ['Okta', { scp: ['read'], ...bare }, { typ: undefined }],
    ['with another event', { events: { 'https://example.test/x': {} } }, { typ: 'JWT' }]
  ]
  for (const [name, claims, header] of good) t.equal((await get(app, await signer.sign(claimsFor(authority, claims), header))).statusCode, 200, name)
})

t.test('S090, S292, S308, S309, S311, S323, S419: no signature, no right signature and no trick with alg gets in', async t => {
  const authority = await authorityWith(t, signer)
  const claims = claimsFor(authority)
  const good = await signer.sign(claims)
  const [head, body, signature] = good.split('.') as [string, string, string]
  const hmac = (alg: string, secret: string, header: Claims = {}): string => {
    const input = `${part({ alg, typ: 'at+jwt', ...header })}.${part(claims)}`
    return `${input}.${createHmac(`sha${alg.slice(2)}`, secret).update(input).digest('base64url')}`
  }
  const forged: Record<string, string> = {
    'another signature': await stranger.sign(claims),
    'other claims under a good signature': `${head}.${part({ ...claims, sub: 'mallory' })}.${signature}`,
    'no signature': `${head}.${body}.`,
    'alg none': `${part({ alg: 'none', typ: 'at+jwt' })}.${body}.`,
    'alg NONE, with a signature': `${part({ alg: 'NONE' })}.${body}.${signature}`,
    'HS256 with the public key': hmac('HS256', signer.pem),
    'HS256 with the public key, no last line break': hmac('HS256', signer.pem.trim()),
    'HS512 with the JWK': hmac('HS512', JSON.stringify(signer.jwk)),
    'HS256 with the client secret': hmac('HS256', 'secret of the api'),
    'HS256, with the kid of the RSA key': hmac('HS256', signer.pem, { kid: signer.kid }),
    'an unknown alg': `${part({ alg: 'AB256' })}.${body}.${signature}`,
    'an alg that is no string': `${part({ alg: ['RS256'] })}.${body}.${signature}`,
    'no alg': `${part({})}.${body}.${signature}`,
    'the same with PS256 in the header': `${part({ alg: 'PS256', kid: signer.kid })}.${body}.${signature}`,
    'a name twice in the header': `${part('{"alg":"none","alg":"RS256"}')}.${body}.${signature}`,
    'a body that is no JSON': `${head}.${part('hello')}.${signature}`,
    'S310: foo.bar.': 'foo.bar.',
    'a list for a header': `${part([])}.${body}.${signature}`,
    dots: '..',
    'a JWE': 'a.b.c.d.e',
    'a good one with a tail': `${good}.x`,
    'a good one with a blank in it': `${head}.${body} .${signature}`,
    'S094, S291: not a token at all': 'fake access token'
  }
  for (const options of [{ use_jwks: true }, { public_key: signer.pem }, { public_key: signer.pem, token_signing_alg_values_expected: 'RS256' }]) {
    const { app } = await bearerApp(t, authority, { accept_none_alg: false, ...options })
    for (const [name, token] of Object.entries(forged)) {
      const response = await get(app, token)
      t.equal(response.statusCode, 401, name)
      t.equal(response.headers['www-authenticate'], CHALLENGE, name)
    }
    t.equal((await get(app, good)).statusCode, 200, 'and the honest one does')
  }
})

t.test('a claim that comes twice is refused, although it is signed', async t => {
  const authority = await authorityWith(t, signer)
  const application = await bearerApp(t, authority, { use_jwks: true })
  const text = JSON.stringify(claimsFor(authority))
  const { CompactSign } = await import('jose')
  const sign = async (json: string): Promise<string> => await new CompactSign(Buffer.from(json)).setProtectedHeader({ alg: 'RS256', kid: signer.kid, typ: 'at+jwt' }).sign(signer.privateKey)
  t.equal((await get(application.app, await sign(text.replace('{', '{"nested":{"sub":"x","a":[{"sub":"y"}]},"text":"\\"sub\\":1,",')))).statusCode, 200, 'the same name elsewhere is no other claim')
  t.equal((await get(application.app, await sign(text.replace('{', '{"sub":"mallory",')))).statusCode, 401)
  t.equal((await get(application.app, await sign(text.replace('{', '{"\\u0073ub" : "mallory",')))).statusCode, 401, 'also when it is spelled otherwise')
  t.match(reasons(application).at(-1), /comes twice/)
})

t.test('no address and no key of a token is used', async t => {
  let asked = 0
  const attacker = createServer((_request, response) => { asked++; response.end(JSON.stringify({ keys: [stranger.jwk] })) })
  attacker.listen(0, '127.0.0.1')
  await once(attacker, 'listening')
  t.teardown(() => { attacker.close() })
  const address = `http://127.0.0.1:${(attacker.address() as AddressInfo).port}/keys`
  const authority = await authorityWith(t, signer)
  const { app } = await bearerApp(t, authority, { use_jwks: true })
  for (const header of [{ jku: address }, { x5u: address }, { jwk: stranger.jwk }, { x5c: ['AAAA'] }, { jku: address, jwk: stranger.jwk, kid: 'evil' }]) {
    t.equal((await get(app, await stranger.sign(claimsFor(authority), header))).statusCode, 401, Object.keys(header).join())
    t.equal((await get(app, await signer.sign(claimsFor(authority), { ...header, kid: signer.kid }))).statusCode, 200, 'it does no harm either')
  }
  t.equal((await get(app, await stranger.sign(claimsFor(authority, { iss: address })))).statusCode, 401)
  t.equal(asked, 0)
})

// rows: token_signing_alg_values_expected
t.test('token_signing_alg_values_expected: one algorithm, or several', async t => {
  const pss = await createSigner('PS256', 'key-2')
  const ec = await createSigner('ES256', 'key-3')
  const authority = await authorityWith(t, signer, pss, ec)
  const statuses = async (expected: string): Promise<number[]> => {
    const { app } = await bearerApp(t, authority, { use_jwks: true, token_signing_alg_values_expected: expected })
    return await Promise.all([signer, pss, ec].map(async ({ sign }) => (await get(app, await sign(claimsFor(authority)))).statusCode))
  }
  t.strictSame(await statuses('RS256'), [200, 401, 401])
  t.strictSame(await statuses('PS256  ES256'), [401, 200, 200])
})

// rows: jwk_expires_in
t.test('O166, W15, S422: 100 requests at once with one unknown kid make one call for keys, and 1,000 kids make no more', async t => {
  const authority = await authorityWith(t, signer)
  const { app } = await bearerApp(t, authority, { use_jwks: true })
  const token = await stranger.sign(claimsFor(authority), { kid: 'unknown' })
  const first = await Promise.all(Array.from({ length: 100 }, async () => (await get(app, token)).statusCode))
  t.ok(first.every(status => status === 401))
  t.equal(authority.counts['/jwks'], 1)
  const [, body, signature] = token.split('.')
  for (let kid = 0; kid < 1000; kid += 50) {
    const statuses = await Promise.all(Array.from({ length: 50 }, async (_, index) => (await get(app, `${part({ alg: 'RS256', kid: `kid-${kid + index}` })}.${body}.${signature}`)).statusCode))
    t.ok(statuses.every(status => status === 401))
  }
  t.equal(authority.counts['/jwks'], 1)
  t.equal((await get(app, await signer.sign(claimsFor(authority)))).statusCode, 200)
})

t.test('S314, S316 to S319: keys that cannot be had are an outage or a fault of the provider, not of the token', async t => {
  for (const [failure, status] of [['hang', 503], ['reset', 503], [{ status: 500, body: '' }, 503], [{ status: 404, body: '{}' }, 503], [{ status: 200, body: '<html>' }, 502], [{ status: 200, body: '{"keys":1}' }, 502]] as const) {
    const authority = await authorityWith(t, signer)
    authority.failures = { '/jwks': failure }
    const { app } = await bearerApp(t, authority, { use_jwks: true, timeout: 1 })
    const response = await get(app, await signer.sign(claimsFor(authority)))
    t.equal(response.statusCode, status, JSON.stringify(failure))
    t.equal(response.headers['www-authenticate'], undefined)
    t.equal(response.headers['retry-after'], status === 503 ? '5' : undefined)
    const calls = authority.counts['/jwks']
    await Promise.all(Array.from({ length: 20 }, async () => { t.equal((await get(app, await signer.sign(claimsFor(authority)))).statusCode, status) }))
    t.equal(authority.counts['/jwks'], calls, 'not asked again at once')
  }
})

t.test('keys that are half a document, a huge one or a page of a hotel are no reason to refuse a token', async t => {
  const lying = await lyingProvider(t)
  for (const [jwks, status] of [['huge', 502], ['stall', 503], ['not_json', 502], ['hang', 503], ['reset', 503]] as const) {
    lying.lie({ failures: { jwks } })
    const { app } = await bearerApp(t, lying, { use_jwks: true, timeout: 1 })
    t.equal((await get(app, await signer.sign(claimsFor(lying)))).statusCode, status, jwks)
    await app.close()
  }
  lying.lie({ discovery: { issuer: 'https://another.example' } })
  const { app } = await bearerApp(t, lying, { use_jwks: true })
  t.equal((await get(app, await signer.sign(claimsFor({ issuer: 'https://another.example' })))).statusCode, 502, 'another issuer answers there')
})

t.test('S320 to S322: a provider without keys is a fault of the configuration', async t => {
  for (const jwksUri of [undefined, 7, '', 'nowhere']) {
    const authority = await createAuthority(t)
    authority.metadata = { jwks_uri: jwksUri }
    const application = await bearerApp(t, authority, { use_jwks: true })
    t.equal((await get(application.app, await signer.sign(claimsFor(authority)))).statusCode, 502, JSON.stringify(jwksUri))
    t.match(reasons(application).at(-1), /jwks_uri/)
  }
})

t.test('S312, S313: a host of the provider that does not resolve is an outage', async t => {
  const authority = await authorityWith(t, signer)
  const nowhere = { issuer: authority.issuer, discovery: 'http://no-such-host.invalid/.well-known/openid-configuration' }
  for (const [discovery, more] of [[nowhere, {}], [authority, { jwks_uri: 'http://no-such-host.invalid/jwks' }]] as const) {
    const application = await bearerApp(t, discovery, { use_jwks: true, ...more })
    const response = await get(application.app, await signer.sign(claimsFor(authority)))
    t.equal(response.statusCode, 503)
    t.equal(response.headers['retry-after'], '5')
    t.match(reasons(application).at(-1), /no-such-host\.invalid.*does not resolve/)
  }
})

t.test('S315: keys that are slow are waited for', async t => {
  const authority = await authorityWith(t, signer)
  const { app } = await bearerApp(t, authority, { use_jwks: true })
  await app.ready()
  await app.oidc.ready()
  let open = (): void => {}
  authority.gate = new Promise(resolve => { open = resolve })
  const waiting = get(app, await signer.sign(claimsFor(authority)))
  setTimeout(open, 300)
  t.equal((await waiting).statusCode, 200)
  t.equal(authority.counts['/jwks'], 1)
})

// rows: jwk_expires_in
t.test('the last good keys serve on while new ones cannot be had', async t => {
  const authority = await authorityWith(t, signer)
  const { app } = await bearerApp(t, authority, { use_jwks: true, jwk_expires_in: 1, jwt_verification_cache_ignore: true })
  const token = await signer.sign(claimsFor(authority))
  t.equal((await get(app, token)).statusCode, 200)
  authority.failures = { '/jwks': { status: 500, body: '' } }
  await new Promise(resolve => setTimeout(resolve, 1100))
  t.equal((await get(app, token)).statusCode, 200)
  t.equal(authority.counts['/jwks'], 2, 'new ones were asked for')
  t.equal((await get(app, await stranger.sign(claimsFor(authority)))).statusCode, 401, 'and nothing else verifies')
  t.equal((await get(app, await stranger.sign(claimsFor(authority), { kid: 'new' }))).statusCode, 503, 'a key that nobody knows may be a new one')
})

// rows: public_key, claim_validator.issuer.valid_issuers
t.test('S114: with a key and its issuers the provider is not needed', async t => {
  const offline = { issuer: 'https://issuer.example', discovery: 'http://127.0.0.1:9/.well-known/openid-configuration' }
  const application = await bearerApp(t, offline, { public_key: signer.pem, claim_validator: { issuer: { valid_issuers: [offline.issuer, 'https://second.example'] }, audience: { match_with_client_id: true } } } as object)
  const { app, log } = application
  await app.ready()
  await t.resolves(app.oidc.ready())
  t.equal((await get(app, await signer.sign(claimsFor(offline)))).statusCode, 200)
  t.equal((await get(app, await signer.sign(claimsFor({ issuer: 'https://second.example' })))).statusCode, 200)
  t.equal((await get(app, await signer.sign(claimsFor({ issuer: 'https://third.example' })))).statusCode, 401)
  t.strictSame(log.filter(line => line.oidc === 'discovery.failed'), [])
})

// rows: claim_validator.issuer.valid_issuers
t.test('S115: without the issuers, a provider that cannot be reached is an outage', async t => {
  const { app } = await bearerApp(t, { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration' }, { public_key: signer.pem })
  const response = await get(app, await signer.sign(claimsFor({ issuer: 'http://127.0.0.1:9' })))
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '5')
})
