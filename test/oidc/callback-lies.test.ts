import t from 'tap'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { Browser } from 'fastify-oidc-testing'
import type { Lies } from '../support/lies.ts'
import type { LyingProvider } from '../support/lying-provider.ts'
import { createAuthority } from './bearer-parts.ts'
import { answerFor, complaints, lyingProvider, ORIGIN } from './flow.ts'
import { optionsFor, protectedApp, SECRET, testProvider, type Application } from './support.ts'

interface Case {
  readonly name: string
  readonly lies: Lies
  readonly code?: string
  /** Of the log line: the cause, and what to change. */
  readonly says: RegExp
}

const TOKEN = 'FST_OIDC_TOKEN_INVALID'
const claims = (overlay: Record<string, unknown>): Lies => ({ idTokenClaims: overlay })

const CASES: readonly Case[] = [
  { name: 'O072, S246: a bad signature', lies: { idToken: 'bad_signature' }, says: /signature verification failed.*jwks_uri/ },
  { name: 'O072, S241: a key that is not published', lies: { idToken: 'unknown_kid' }, says: /no applicable key.*jwks_uri/ },
  { name: 'O072, S247: no signature', lies: { idToken: 'alg_none' }, says: /alg.*id_token_signing_alg_values_supported/ },
  { name: 'no signature, which the provider lists', lies: { idToken: 'alg_none', discovery: { id_token_signing_alg_values_supported: ['RS256', 'none'] } }, says: /alg.*id_token_signing_alg_values_supported/ },
  { name: 'O072: HS256 with the public key', lies: { idToken: 'hs256_public_key' }, says: /alg.*id_token_signing_alg_values_supported/ },
  { name: 'S240: HS256 with the public key, where HS256 is listed', lies: { idToken: 'hs256_public_key', discovery: { id_token_signing_alg_values_supported: ['RS256', 'HS256'] } }, says: /signature verification failed/ },
  { name: 'HS256 with the client secret, which is not listed', lies: { idToken: 'hs256_client_secret' }, says: /alg.*id_token_signing_alg_values_supported/ },
  { name: 'S249: RS256, where HS256 alone is listed', lies: { discovery: { id_token_signing_alg_values_supported: ['HS256'] } }, says: /alg.*id_token_signing_alg_values_supported/ },
  { name: 'S245: an algorithm that cannot be verified', lies: { idToken: 'unsupported_alg', discovery: { id_token_signing_alg_values_supported: ['RS256', 'ES256K'] } }, says: /"alg".*id_token_signing_alg_values_supported/ },
  { name: 'S227: no issuer', lies: claims({ iss: undefined }), says: /"iss"/ },
  { name: 'O072, S228: another issuer', lies: { idToken: 'wrong_issuer' }, says: /"iss".*discovery/ },
  { name: 'S236: no audience', lies: claims({ aud: undefined, azp: undefined }), says: /"aud"/ },
  { name: 'S238: a list of audiences without us', lies: claims({ aud: ['another-client', 'a-third'], azp: undefined }), says: /"aud".*client_id/ },
  { name: 'O072, S237: another audience', lies: { idToken: 'wrong_audience' }, says: /"aud".*client_id/ },
  { name: 'O074: another authorized party', lies: { idToken: 'wrong_azp' }, says: /azp/ },
  { name: 'another authorized party with one audience', lies: claims({ azp: 'another-client' }), says: /azp/ },
  { name: 'several audiences and no azp', lies: claims({ aud: ['app', 'another-client'], azp: undefined }), says: /audiences.*client_id/ },
  { name: 'O080, S230: another nonce', lies: { idToken: 'wrong_nonce' }, says: /nonce/ },
  { name: 'no nonce', lies: { idToken: 'no_nonce' }, says: /nonce/ },
  { name: 'the hash of another access token', lies: { idToken: 'wrong_at_hash' }, says: /at_hash/ },
  { name: 'a hash that is no text', lies: claims({ at_hash: 7 }), says: /at_hash/ },
  { name: 'S234: an ID token that expired beyond the slack', lies: claims({ exp: Math.floor(Date.now() / 1000) - 300 }), says: /"exp".*iat_slack/ },
  { name: 'O072: an ID token that has expired', lies: { idToken: 'expired' }, says: /"exp".*iat_slack/ },
  { name: 'S232: an ID token from the future', lies: { idToken: 'issued_in_the_future' }, says: /iat.*iat_slack/ },
  { name: 'an ID token that is not valid yet', lies: claims({ nbf: Math.floor(Date.now() / 1000) + 3600 }), says: /"nbf".*iat_slack/ },
  { name: 'S229: no subject', lies: { idToken: 'no_subject' }, says: /"sub"/ },
  { name: 'an empty subject', lies: claims({ sub: '' }), says: /sub/ },
  { name: 'a subject of 10 KB', lies: claims({ sub: 's'.repeat(10_000) }), says: /sub/ },
  { name: 'a subject that is no text', lies: claims({ sub: { $ne: null } }), says: /sub/ },
  { name: 'no expiry', lies: { idToken: 'no_expiry' }, says: /"exp"/ },
  { name: 'an issue time that is no number', lies: claims({ iat: 'yesterday' }), says: /"iat"/ },
  { name: 'S231: no issue time', lies: claims({ iat: undefined }), says: /"iat"/ },
  { name: 'what is not a JWT', lies: { idToken: 'not_a_jwt' }, says: /JWT/ },
  { name: 'O071, S393: no ID token', lies: { idToken: 'missing' }, says: /id_token/ },
  { name: 'S394: no access token', lies: { tokenResponse: { access_token: undefined } }, says: /access_token/ },
  { name: 'an access token with a line break', lies: { tokenResponse: { access_token: 'access-1234\r\nx-admin: true' } }, says: /access token.*RFC 6749/ },
  { name: 'a refresh token with a line break', lies: { tokenResponse: { refresh_token: 'refresh-1234\nx' } }, says: /refresh token.*RFC 6749/ },
  { name: 'a scope with a control character', lies: { tokenResponse: { scope: 'openid\u0000' } }, says: /scope.*RFC 6749/ },
  { name: 'a token type that nobody knows', lies: { tokenResponse: { token_type: 'mac' } }, code: 'FST_OIDC_PROVIDER_INVALID', says: /token_type/ },
  { name: 'a life below nothing', lies: { tokenResponse: { expires_in: -5 } }, says: /expires_in/ },
  { name: 'a life that is no number', lies: { tokenResponse: { expires_in: 'soon' } }, says: /expires_in/ },
  { name: 'S391: an answer for another issuer', lies: { callback: { kind: 'wrong_issuer' } }, says: /"iss".*discovery/ },
  { name: 'S391: an answer without the issuer that was promised', lies: { callback: { kind: 'no_issuer' } }, says: /"iss"/ },
  { name: 'O069: a refused code', lies: { failures: { token: 'invalid_grant' } }, code: 'FST_OIDC_CODE_REFUSED', says: /invalid_grant.*redirect_uri/ }
]

/** Nothing of this may be in a log, and nothing at all of the cause in an answer. */
function secretsOf (provider: LyingProvider, callback: URL, cookies: readonly string[]): string[] {
  const code = callback.searchParams.get('code')
  return [provider.clientSecret, SECRET, 'eyJ', 'access-', 'refresh-', 'x-admin', 'a@example', 'Alice', ...(code === null ? [] : [code]), ...cookies]
}

async function lie (provider: LyingProvider, { app }: Application, lies: Lies): Promise<{ callback: URL, page: Awaited<ReturnType<Browser['navigate']>>, browser: Browser, secrets: string[] }> {
  provider.lie(lies)
  const browser = new Browser().route(ORIGIN, app)
  const callback = await answerFor(browser, `${ORIGIN}/echo/page`)
  const secrets = secretsOf(provider, callback, browser.cookies(ORIGIN).map(({ value }) => value))
  return { callback, secrets, browser, page: await browser.navigate(callback) }
}

// One for all: what it lies about is asked for case by case, and making its keys takes longest.
const provider = await lyingProvider(t)

for (const { name, lies, code = TOKEN, says } of CASES) {
  t.test(`a login with ${name} is refused`, async t => {
    const application = await protectedApp(t, optionsFor(provider))
    const { page, browser, secrets } = await lie(provider, application, lies)
    t.equal(page.status, 502)
    t.equal(page.headers.get('cache-control'), 'no-store')
    t.match(page.body, code)
    t.notMatch(page.body, /signature|nonce|azp|at_hash|"aud"|issuer|\bat \w+ \(|stack|RFC|jwks/i, 'no detail for the caller')
    t.strictSame(browser.cookies(ORIGIN), [], 'no session, and the attempt is forgotten')
    const [line, ...more] = complaints(application.log)
    t.equal(more.length, 0, 'one line')
    t.match(line, { level: 40, oidc: 'login.failed', code, msg: says })
    const text = JSON.stringify(application.log)
    t.strictSame(secrets.filter(secret => text.includes(secret)), [], 'nothing secret in the log')
    t.ok(JSON.stringify(line).length < 6000, 'the line is bounded')
  })
}

t.test('what is unusual and right is accepted', async t => {
  const now = Math.floor(Date.now() / 1000)
  const accepted: ReadonlyArray<readonly [string, Lies]> = [
    ['S242: HS256 with the client secret, which is listed', { idToken: 'hs256_client_secret', discovery: { id_token_signing_alg_values_supported: ['RS256', 'HS256'] } }],
    ['O073, S239: us in a list of audiences', claims({ aud: ['app'] })],
    ['S239: several audiences and us as azp', claims({ aud: ['another-client', 'app'], azp: 'app' })],
    ['no azp and no at_hash', claims({ azp: undefined, at_hash: undefined })],
    ['an ID token that was issued within the slack', claims({ iat: now + 60 })],
    ['an ID token that expired within the slack', claims({ exp: now - 60 })],
    ['S395: a life as text', { tokenResponse: { expires_in: '300' } }],
    ['a life of nothing', { tokenResponse: { expires_in: 0, refresh_token: undefined } }],
    ['a life without end', { tokenResponse: { expires_in: 1e300 } }],
    ['no life', { tokenResponse: { expires_in: undefined } }],
    ['no refresh token and no scope', { tokenResponse: { refresh_token: undefined, scope: undefined } }]
  ]
  for (const [name, lies] of accepted) {
    await t.test(name, async t => {
      const application = await protectedApp(t, optionsFor(provider))
      const { page } = await lie(provider, application, lies)
      t.equal(page.status, 200)
      t.strictSame(complaints(application.log), [])
    })
  }
})

// rows: accept_unsupported_alg
t.test('S421: accept_unsupported_alg takes what cannot be verified, and no more', async t => {
  const listed = { id_token_signing_alg_values_supported: ['RS256', 'ES256K', 'none'] }
  const cases: ReadonlyArray<readonly [name: string, lies: Lies, status: number]> = [
    ['listed', { idToken: 'unsupported_alg', discovery: listed }, 200],
    ['not listed', { idToken: 'unsupported_alg' }, 502],
    ['for another client', { idToken: 'unsupported_alg', discovery: listed, idTokenClaims: { aud: 'another-client', azp: undefined } }, 502],
    ['expired', { idToken: 'unsupported_alg', discovery: listed, idTokenClaims: { exp: 1 } }, 502],
    ['for another login', { idToken: 'unsupported_alg', discovery: listed, idTokenClaims: { nonce: 'another' } }, 502],
    ['for another access token', { idToken: 'unsupported_alg', discovery: listed, idTokenClaims: { at_hash: 'x' } }, 502],
    ['none', { idToken: 'alg_none', discovery: listed }, 502],
    ['RS256 with a bad signature', { idToken: 'bad_signature', discovery: listed }, 502],
    ['RS256 with an unknown key', { idToken: 'unknown_kid', discovery: listed }, 502],
    ['HS256 with the public key', { idToken: 'hs256_public_key', discovery: { id_token_signing_alg_values_supported: ['RS256', 'HS256'] } }, 502]
  ]
  for (const [name, lies, status] of cases) {
    const application = await protectedApp(t, optionsFor(provider, { accept_unsupported_alg: true }))
    t.equal((await lie(provider, application, lies)).page.status, status, name)
    await application.app.close()
  }
})

t.test('S243, S244, S245: under apisix what cannot be verified is taken unless accept_unsupported_alg is off, and the boot warns', async t => {
  for (const [accepts, status] of [[undefined, 200], [true, 200], [false, 502]] as const) {
    const application = await protectedApp(t, optionsFor(provider, { security_profile: 'apisix', ...(accepts === undefined ? {} : { accept_unsupported_alg: accepts }) }))
    const { page } = await lie(provider, application, { idToken: 'unsupported_alg', discovery: { id_token_signing_alg_values_supported: ['RS256', 'ES256K'] } })
    t.equal(page.status, status, String(accepts))
    t.equal(JSON.stringify(application.log.find(line => line.oidc === 'profile')?.weak).includes('accept_unsupported_alg'), status === 200, 'the boot says so')
    if (status === 502) t.match(complaints(application.log).at(-1), { code: TOKEN, msg: /"alg"/ })
  }
})

t.test('S420: an ID token by an elliptic curve is verified, whatever accept_unsupported_alg says', async t => {
  const secret = 'a secret of the client'
  const real = await testProvider(t, { clients: [{ client_id: 'app', client_secret: secret, redirect_uris: [`${ORIGIN}/callback`], response_types: ['code'], grant_types: ['authorization_code'], id_token_signed_response_alg: 'ES256' }] })
  const { keys } = await (await fetch(`${real.issuer}/jwks`)).json() as { keys: JWK[] }
  const stranger = await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey)
  for (const [published, status] of [[keys, 200], [keys.map(key => key.kty === 'EC' ? { ...key, ...stranger } : key), 502]] as const) {
    const authority = await createAuthority(t)
    authority.keys = published
    const { app } = await protectedApp(t, optionsFor({ ...real, clientId: 'app', clientSecret: secret }, { accept_unsupported_alg: true, jwks_uri: `${authority.issuer}/jwks`, session_contents: { id_token: true } }))
    const browser = new Browser().route(ORIGIN, app)
    t.equal((await browser.navigate(await answerFor(browser, `${ORIGIN}/`))).status, status)
  }
})

/** Moves the clock of this process: of the provider, the application and jose alike. */
function later (t: { teardown (run: () => unknown): void }, seconds: number): void {
  const { now } = Date
  Date.now = () => now() + seconds * 1000
  t.teardown(() => { Date.now = now })
}

t.test('S422: an unknown key is looked for once in a while, and a new one is found', async t => {
  const rotating = await lyingProvider(t)
  const application = await protectedApp(t, optionsFor(rotating))
  t.equal((await lie(rotating, application, {})).page.status, 200)
  t.equal(rotating.count('jwks'), 1)
  await rotating.rotateKey()
  for (let login = 0; login < 3; login++) t.equal((await lie(rotating, application, {})).page.status, 502)
  t.equal(rotating.count('jwks'), 1, 'a flood of unknown keys is not passed on')
  later(t, 31)
  t.equal((await lie(rotating, application, {})).page.status, 200)
  t.equal(rotating.count('jwks'), 2)
})

// rows: jwk_expires_in
t.test('a key that is published no more is forgotten after jwk_expires_in', async t => {
  const rotating = await lyingProvider(t)
  const application = await protectedApp(t, optionsFor(rotating, { jwk_expires_in: 120 }))
  t.equal((await lie(rotating, application, {})).page.status, 200)
  await t.test('not before', async t => {
    later(t, 110)
    t.equal((await lie(rotating, application, {})).page.status, 200)
    t.equal(rotating.count('jwks'), 1)
  })
  later(t, 121)
  t.equal((await lie(rotating, application, {})).page.status, 200)
  t.equal(rotating.count('jwks'), 2)
})

t.test('a discovery document that names another issuer starts no login', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ discovery: { issuer: 'https://issuer.evil.example' } })
  const { app, log } = await protectedApp(t, optionsFor(provider))
  for (const url of ['/', '/echo/again']) {
    const response = await app.inject({ url, headers: { accept: 'text/html' } })
    t.equal(response.statusCode, 502)
    t.notMatch(response.body, /evil/)
    t.equal(response.headers['set-cookie'], undefined)
  }
  const lines = complaints(log)
  t.ok(lines.length >= 2)
  for (const { msg } of lines) t.match(msg, /https:\/\/issuer\.evil\.example.*(correct discovery|valid_issuers)/)
})

// rows: claim_validator.issuer.valid_issuers
t.test('another issuer that is listed in valid_issuers is accepted', async t => {
  const provider = await lyingProvider(t)
  const issuer = 'https://issuer.example'
  provider.lie({ discovery: { issuer, authorization_response_iss_parameter_supported: undefined }, idTokenClaims: { iss: issuer }, callback: { kind: 'no_issuer' } })
  const { app } = await protectedApp(t, optionsFor(provider, { claim_validator: { issuer: { valid_issuers: [issuer] } } }))
  const browser = new Browser().route(ORIGIN, app)
  t.equal((await browser.navigate(await answerFor(browser, `${ORIGIN}/`))).status, 200)
  t.equal(app.oidc.issuer, issuer)
})

t.test('a discovery document whose endpoints are no URLs starts no login', async t => {
  for (const discovery of [{ authorization_endpoint: 'not a url' }, { authorization_endpoint: undefined }, { authorization_endpoint: 'javascript:alert(1)' }, { token_endpoint: 'ftp://x/' }, { jwks_uri: 'nowhere' }]) {
    const provider = await lyingProvider(t)
    provider.lie({ discovery })
    const { app, log } = await protectedApp(t, optionsFor(provider))
    const response = await app.inject({ url: '/', headers: { accept: 'text/html' } })
    t.equal(response.statusCode, 502, JSON.stringify(discovery))
    t.equal(response.headers.location, undefined)
    t.match(complaints(log).at(-1), { msg: new RegExp(`${Object.keys(discovery)[0]}.*discovery`) })
    await app.close()
  }
})
