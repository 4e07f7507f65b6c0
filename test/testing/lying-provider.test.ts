import { createHash } from 'node:crypto'
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, type JWTPayload } from 'jose'
import * as client from 'openid-client'
import t, { type Test } from 'tap'
import { Browser } from 'fastify-oidc-testing'
import { createLyingProvider, type LyingProvider } from '../support/lying-provider.ts'
import type { IdTokenLie, Lies } from '../support/lies.ts'
import { authorizationRequest, authorize, CALLBACK, discover, exchange } from '../support/relying-party.ts'

type Tokens = Readonly<Record<string, unknown>>

async function start (t: Test): Promise<LyingProvider> {
  const provider = await createLyingProvider()
  t.teardown(async () => { await provider.close() })
  return provider
}

function credentials ({ clientId, clientSecret }: LyingProvider): Record<string, string> {
  return { client_id: clientId, client_secret: clientSecret }
}

async function authorizeWithout (provider: LyingProvider, query: Record<string, string> = {}): Promise<URL> {
  const parameters = new URLSearchParams({ redirect_uri: CALLBACK, state: 's', nonce: 'n', scope: 'openid', ...query })
  const response = await fetch(`${provider.issuer}/authorize?${parameters}`, { redirect: 'manual' })
  return new URL(response.headers.get('location') ?? '', provider.issuer)
}

async function post (provider: LyingProvider, path: string, form: Record<string, string>): Promise<Response> {
  return await fetch(`${provider.issuer}${path}`, { method: 'POST', body: new URLSearchParams({ ...credentials(provider), ...form }) })
}

/** Tokens of a client that checks nothing. */
async function tokensOf (provider: LyingProvider): Promise<Tokens> {
  const code = (await authorizeWithout(provider)).searchParams.get('code') ?? ''
  return await (await post(provider, '/token', { grant_type: 'authorization_code', code, redirect_uri: CALLBACK })).json() as Tokens
}

async function idTokenWith (provider: LyingProvider, lies: Lies): Promise<string> {
  provider.lie(lies)
  return String((await tokensOf(provider)).id_token)
}

/** Signature alone, at the time of issue. */
async function verify (provider: LyingProvider, token: string): Promise<JWTPayload> {
  const { iat = 0 } = decodeJwt(token)
  return (await jwtVerify(token, createRemoteJWKSet(new URL(`${provider.issuer}/jwks`)), { algorithms: ['RS256'], currentDate: new Date(iat * 1000) })).payload
}

t.test('without lies a strict client is content', async t => {
  const provider = await start(t)
  const configuration = await discover(provider.issuer, provider.clientId, provider.clientSecret)
  client.enableNonRepudiationChecks(configuration)
  const tokens = await authorize(configuration, new Browser())
  t.match(tokens.claims(), { sub: 'alice', iss: provider.issuer })
  t.match(await client.fetchUserInfo(configuration, tokens.access_token, 'alice'), { sub: 'alice' })
  const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '')
  t.not(refreshed.refresh_token, tokens.refresh_token)
  await client.tokenRevocation(configuration, refreshed.access_token)
  const bye = await new Browser().navigate(client.buildEndSessionUrl(configuration, { post_logout_redirect_uri: CALLBACK, state: 'x' }), { follow: false })
  t.equal(bye.location?.href, `${CALLBACK}?state=x`)
  t.same((['discovery', 'jwks', 'authorize', 'token', 'refresh', 'userinfo', 'revocation', 'end_session'] as const).map(endpoint => provider.count(endpoint)), [1, 1, 1, 1, 1, 1, 1, 1])
  t.same(provider.reused, { code: 0, refreshToken: 0 })
})

t.test('a lie in a claim leaves the signature right and the other claims true', async t => {
  const provider = await start(t)
  const now = Math.floor(Date.now() / 1000)
  const honest = decodeJwt(await idTokenWith(provider, {}))
  const lies: Array<[IdTokenLie, readonly string[], (claims: JWTPayload) => boolean]> = [
    ['wrong_issuer', ['iss'], ({ iss }) => iss !== provider.issuer && URL.canParse(iss ?? '')],
    ['wrong_audience', ['aud', 'azp'], ({ aud }) => aud === 'another-client'],
    ['wrong_azp', ['aud', 'azp'], ({ aud, azp }) => Array.isArray(aud) && aud.includes('app') && azp === 'another-client'],
    ['wrong_nonce', ['nonce'], ({ nonce }) => nonce === 'another-nonce'],
    ['no_nonce', ['nonce'], claims => !('nonce' in claims)],
    ['wrong_at_hash', ['at_hash'], ({ at_hash: hash }) => hash === createHash('sha256').update('another-token').digest().subarray(0, 16).toString('base64url')],
    ['expired', ['iat', 'exp'], ({ exp = Infinity }) => exp < now - 3000],
    ['issued_in_the_future', ['iat', 'exp'], ({ iat = 0 }) => iat > now + 3000],
    ['no_subject', ['sub'], claims => !('sub' in claims)],
    ['no_expiry', ['exp'], claims => !('exp' in claims)]
  ]
  for (const [lie, claimed, holds] of lies) {
    const token = await idTokenWith(provider, { idToken: lie })
    const claims = await verify(provider, token)
    t.ok(holds(claims), lie)
    const stay = Object.keys(honest).filter(name => !claimed.includes(name) && !['iat', 'exp', 'auth_time', 'at_hash'].includes(name))
    for (const name of stay) t.same(claims[name], honest[name], `${lie} leaves ${name}`)
  }
})

t.test('the honest at_hash fits the access token, whatever that is', async t => {
  const provider = await start(t)
  provider.lie({ tokenResponse: { access_token: 'a\r\nx-evil: 1' } })
  const tokens = await tokensOf(provider)
  t.equal(tokens.access_token, 'a\r\nx-evil: 1')
  t.equal(decodeJwt(String(tokens.id_token)).at_hash, createHash('sha256').update('a\r\nx-evil: 1').digest().subarray(0, 16).toString('base64url'))
})

t.test('lies about the signature leave the claims true', async t => {
  const provider = await start(t)
  const { kid } = decodeProtectedHeader(await idTokenWith(provider, {}))
  const jwks = await (await fetch(`${provider.issuer}/jwks`)).json() as { keys: Array<JsonWebKey & { kid: string }> }
  const publicKey = await crypto.subtle.importKey('jwk', jwks.keys[0] ?? {}, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, true, ['verify'])
  const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.from(await crypto.subtle.exportKey('spki', publicKey)).toString('base64').replace(/.{64}(?!$)/g, '$&\n')}\n-----END PUBLIC KEY-----\n`

  const badSignature = await idTokenWith(provider, { idToken: 'bad_signature' })
  t.equal(decodeProtectedHeader(badSignature).kid, kid)
  await t.rejects(verify(provider, badSignature), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })

  const unknownKid = await idTokenWith(provider, { idToken: 'unknown_kid' })
  t.not(decodeProtectedHeader(unknownKid).kid, kid)
  await t.rejects(verify(provider, unknownKid), { code: 'ERR_JWKS_NO_MATCHING_KEY' })

  const none = await idTokenWith(provider, { idToken: 'alg_none' })
  t.equal(decodeProtectedHeader(none).alg, 'none')
  t.match(none, /^[^.]+\.[^.]+\.$/)

  const confused = await idTokenWith(provider, { idToken: 'hs256_public_key' })
  t.equal(decodeProtectedHeader(confused).alg, 'HS256')
  t.match((await jwtVerify(confused, Buffer.from(pem.trim()))).payload, { sub: 'alice' }, 'the secret is the public key as PEM')

  const shared = await idTokenWith(provider, { idToken: 'hs256_client_secret' })
  t.match((await jwtVerify(shared, Buffer.from(provider.clientSecret))).payload, { sub: 'alice' })

  for (const token of [badSignature, unknownKid, none, confused, shared]) t.match(decodeJwt(token), { iss: provider.issuer, aud: 'app', nonce: 'n', sub: 'alice' })
})

t.test('no ID token, or none that is one', async t => {
  const provider = await start(t)
  provider.lie({ idToken: 'missing' })
  t.notOk('id_token' in await tokensOf(provider))
  const text = await idTokenWith(provider, { idToken: 'not_a_jwt' })
  t.throws(() => decodeJwt(text))
})

t.test('anything can be laid over claims, token response, userinfo and discovery', async t => {
  const provider = await start(t)
  provider.lie({
    idTokenClaims: { sub: 'x'.repeat(300), groups: ['a'] },
    tokenResponse: { expires_in: -1e99, token_type: undefined },
    userinfo: { sub: 'mallory' },
    discovery: { issuer: 'https://issuer.evil.example', jwks_uri: undefined, id_token_signing_alg_values_supported: ['none'] }
  })
  const tokens = await tokensOf(provider)
  t.match(decodeJwt(String(tokens.id_token)), { sub: /^x{300}$/, groups: ['a'] })
  t.equal(tokens.expires_in, -1e99)
  t.notOk('token_type' in tokens)
  t.match(await (await fetch(`${provider.issuer}/userinfo`)).json(), { sub: 'mallory' })
  const document = await (await fetch(provider.discovery)).json() as Tokens
  t.match(document, { issuer: 'https://issuer.evil.example', id_token_signing_alg_values_supported: ['none'] })
  t.notOk('jwks_uri' in document)
  provider.lie()
  t.match(await (await fetch(provider.discovery)).json(), { issuer: provider.issuer })
})

t.test('authorization responses with a wrong or missing issuer or state, and with hostile errors', async t => {
  const provider = await start(t)
  const honest = await authorizeWithout(provider)
  t.match(Object.fromEntries(honest.searchParams), { state: 's', iss: provider.issuer, code: /.+/ })
  provider.lie({ callback: { kind: 'wrong_issuer' } })
  t.equal((await authorizeWithout(provider)).searchParams.get('iss'), 'https://issuer.evil.example')
  provider.lie({ callback: { kind: 'no_issuer' } })
  t.notOk((await authorizeWithout(provider)).searchParams.has('iss'))
  provider.lie({ callback: { kind: 'wrong_state' } })
  t.equal((await authorizeWithout(provider)).searchParams.get('state'), 'another-state')
  provider.lie({ callback: { kind: 'no_state' } })
  t.notOk((await authorizeWithout(provider)).searchParams.has('state'))
  for (const description of ['<script>alert(1)</script>', 'a\r\nSet-Cookie: a=b', 'x'.repeat(100_000)]) {
    provider.lie({ callback: { kind: 'error', error: 'access_denied', description } })
    const page = await new Browser().navigate(`${provider.issuer}/authorize?${new URLSearchParams({ redirect_uri: CALLBACK, state: 's' })}`, { follow: false }).catch((error: Error) => error)
    if (page instanceof Error) t.ok(description.length > 16_000, 'Node reads no header that long')
    else t.match(Object.fromEntries(page.location?.searchParams ?? []), { error: 'access_denied', error_description: description, state: 's' })
    if (!(page instanceof Error)) t.notOk(page.location?.searchParams.has('code'))
  }
})

t.test('a code serves once, for its redirect URI and its verifier; refresh tokens rotate and reuse is counted', async t => {
  const provider = await start(t)
  const configuration = await discover(provider.issuer, provider.clientId, provider.clientSecret)
  const request = await authorizationRequest(configuration)
  const callback = (await new Browser().navigate(request.url, { follow: false })).location ?? new URL(CALLBACK)
  const code = callback.searchParams.get('code') ?? ''
  const grant = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK }
  t.equal((await post(provider, '/token', { ...grant, code_verifier: 'guessed' })).status, 400)
  t.equal((await post(provider, '/token', { ...grant, redirect_uri: 'http://127.0.0.1:9/other', code_verifier: request.verifier })).status, 400)
  t.equal((await post(provider, '/token', { ...grant, client_secret: 'guessed' })).status, 401)
  const tokens = await exchange(configuration, callback, request)
  t.equal((await post(provider, '/token', { ...grant, code_verifier: request.verifier })).status, 400)
  t.equal(provider.reused.code, 1)

  const renewal = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' }
  const answers = await Promise.all([post(provider, '/token', renewal), post(provider, '/token', renewal)])
  t.same(answers.map(({ status }) => status).sort(), [200, 400])
  t.equal(provider.reused.refreshToken, 1)
  t.equal(provider.count('refresh'), 2)
  t.equal(provider.count('token'), 5)
})

t.test('a refresh may speak of somebody else, or keep its token', async t => {
  const provider = await start(t)
  const renew = async (token: unknown): Promise<Tokens> => await (await post(provider, '/token', { grant_type: 'refresh_token', refresh_token: String(token) })).json() as Tokens
  const first = await tokensOf(provider)
  provider.lie({ refresh: 'without_rotation' })
  const second = await renew(first.refresh_token)
  t.equal(second.refresh_token, first.refresh_token)
  t.equal(decodeJwt(String(second.id_token)).sub, 'alice')
  provider.lie({ refresh: 'wrong_subject' })
  t.equal(decodeJwt(String((await renew(first.refresh_token)).id_token)).sub, 'mallory')
})

t.test('each endpoint can hang, stall, drop the connection, fail, or answer 10 MB or a page', async t => {
  const provider = await start(t)
  const ask: Record<'discovery' | 'jwks' | 'token' | 'refresh' | 'userinfo' | 'revocation', (init?: RequestInit) => Promise<Response>> = {
    discovery: async init => await fetch(provider.discovery, init),
    jwks: async init => await fetch(`${provider.issuer}/jwks`, init),
    userinfo: async init => await fetch(`${provider.issuer}/userinfo`, init),
    revocation: async init => await fetch(`${provider.issuer}/revocation`, { method: 'POST', body: new URLSearchParams(credentials(provider)), ...init }),
    token: async init => await fetch(`${provider.issuer}/token`, { method: 'POST', body: new URLSearchParams({ ...credentials(provider), grant_type: 'authorization_code' }), ...init }),
    refresh: async init => await fetch(`${provider.issuer}/token`, { method: 'POST', body: new URLSearchParams({ ...credentials(provider), grant_type: 'refresh_token' }), ...init })
  }
  const endpoints = Object.keys(ask) as Array<keyof typeof ask>
  for (const endpoint of endpoints) {
    provider.lie({ failures: { [endpoint]: 'server_error' } })
    t.equal((await ask[endpoint]()).status, 500, `${endpoint} fails`)
    provider.lie({ failures: { [endpoint]: 'invalid_grant' } })
    t.match(await (await ask[endpoint]()).json(), { error: 'invalid_grant' }, `${endpoint} refuses`)
    provider.lie({ failures: { [endpoint]: 'not_json' } })
    await t.rejects((await ask[endpoint]()).json(), { name: 'SyntaxError' }, `${endpoint} answers a page`)
    provider.lie({ failures: { [endpoint]: 'reset' } })
    await t.rejects(ask[endpoint](), { message: 'fetch failed' }, `${endpoint} drops the connection`)
    provider.lie({ failures: { [endpoint]: 'huge' } })
    t.ok((await (await ask[endpoint]()).text()).length > 10_000_000, `${endpoint} answers 10 MB`)
    provider.lie({ failures: { [endpoint]: 'stall' } })
    const aborted = new AbortController()
    const stalled = await ask[endpoint]({ signal: aborted.signal })
    const reader = stalled.body?.getReader()
    t.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), '{"half":', `${endpoint} stalls`)
    aborted.abort()
    provider.lie({ failures: { [endpoint]: 'hang' } })
    const before = provider.count(endpoint)
    await t.rejects(ask[endpoint]({ signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' }, `${endpoint} hangs`)
    t.equal(provider.count(endpoint), before + 1)
  }
})

t.test('a gate holds answers back until it is opened', async t => {
  const provider = await start(t)
  const gate = provider.hold('jwks')
  let answered = false
  const pending = fetch(`${provider.issuer}/jwks`).then(response => { answered = true; return response })
  await gate.reached
  t.equal((await fetch(provider.discovery)).status, 200, 'other endpoints answer')
  t.notOk(answered)
  gate.open()
  t.equal((await pending).status, 200)
  t.equal((await fetch(`${provider.issuer}/jwks`)).status, 200, 'an open gate stays open')
})

t.test('a rotated key replaces the old one', async t => {
  const provider = await start(t)
  const old = await idTokenWith(provider, {})
  await provider.rotateKey()
  await t.rejects(verify(provider, old), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  t.match(await verify(provider, await idTokenWith(provider, {})), { sub: 'alice' })
})
