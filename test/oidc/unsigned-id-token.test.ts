import t from 'tap'
import { Browser, login } from 'fastify-oidc-testing'
import { bearerApp, claimsFor, createAuthority, createSigner, get, part } from './bearer-parts.ts'
import { ORIGIN } from './flow.ts'
import { cookieAfter, lyingProvider, movableClock, storedOf } from './session-parts.ts'
import { optionsFor, protectedApp } from './support.ts'

/** Of the lying provider's access tokens, in seconds. */
const TOKEN_LIFE = 300

// rows: accept_none_alg
t.test('an ID token without a signature is refused unless accept_none_alg is set (S247, S248)', async t => {
  for (const profile of ['apisix', 'oauth2.1'] as const) {
    for (const [accepts, status] of [[undefined, 502], [false, 502], [true, 200]] as const) {
      const provider = await lyingProvider(t)
      provider.lie({ idToken: 'alg_none' })
      const { app, log } = await protectedApp(t, optionsFor(provider, { security_profile: profile, ...(accepts === undefined ? {} : { accept_none_alg: accepts }) }))
      const page = await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/`)
      t.equal(page.status, status, `${profile}, accept_none_alg ${accepts}`)
      if (status === 502) t.match(page.body, 'FST_OIDC_TOKEN_INVALID')
      t.equal(JSON.stringify(log.find(line => line.oidc === 'profile')?.weak ?? []).includes('accept_none_alg'), profile === 'apisix' && accepts === true, 'the boot says so')
    }
  }
})

t.test('with accept_none_alg everything else in the ID token is still checked', async t => {
  const now = Math.floor(Date.now() / 1000)
  const lies = [{ iss: 'https://issuer.evil.example' }, { aud: 'another-client', azp: undefined }, { azp: 'another-client' }, { nonce: 'another-nonce' }, { nonce: undefined }, { exp: now - 3600 }, { exp: undefined }, { iat: now + 3600 }, { sub: undefined }]
  for (const idTokenClaims of lies) {
    const provider = await lyingProvider(t)
    provider.lie({ idToken: 'alg_none', idTokenClaims })
    const { app } = await protectedApp(t, optionsFor(provider, { accept_none_alg: true }))
    t.equal((await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/`)).status, 502, JSON.stringify(idTokenClaims))
  }
})

t.test('with accept_none_alg a signature that is there still has to hold', async t => {
  for (const idToken of ['bad_signature', 'unknown_kid', 'hs256_public_key'] as const) {
    const provider = await lyingProvider(t)
    provider.lie({ idToken })
    const { app } = await protectedApp(t, optionsFor(provider, { accept_none_alg: true }))
    t.equal((await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/`)).status, 502, idToken)
  }
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { accept_none_alg: true }))
  t.equal((await login(app)).response.status, 200, 'one that holds')
})

t.test('an unsigned ID token of a renewal is taken on the same terms', async t => {
  for (const [accepts, status] of [[true, 200], [false, 302]] as const) {
    const provider = await lyingProvider(t)
    const { app } = await protectedApp(t, optionsFor(provider, { accept_none_alg: accepts }))
    const { cookie } = await login(app)
    provider.lie({ idToken: 'alg_none', idTokenClaims: { level: 2 } })
    movableClock(t).advance(TOKEN_LIFE)
    const answer = await app.inject({ url: '/', headers: { cookie } })
    t.equal(answer.statusCode, status)
    if (accepts) t.equal((await storedOf(app, cookieAfter(answer, cookie))).session.idTokenClaims?.level, 2)
  }
})

// rows: accept_none_alg
t.test('a token endpoint that somebody could answer for vouches for nothing: plain http off this machine', async t => {
  const provider = await lyingProvider(t)
  // All of 0.0.0.0/8 is this machine to Linux and not by its name, so that no other one is needed.
  const elsewhere = provider.issuer.replace('127.0.0.1', '0.0.0.0')
  provider.lie({ idToken: 'alg_none' })
  const { app, log } = await protectedApp(t, optionsFor(provider, { accept_none_alg: true, token_endpoint: `${elsewhere}/token` }))
  const page = await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/`)
  t.equal(page.status, 502)
  t.equal(provider.count('token'), 1)
  t.match(JSON.stringify(log), 'the ID token is not signed, and accept_none_alg is for token endpoints over https with ssl_verify, or on this machine')
})

// rows: accept_none_alg
t.test('a bearer token without a signature is never accepted (S307, S419)', async t => {
  const authority = await createAuthority(t)
  const signer = await createSigner()
  authority.keys = [signer.jwk]
  for (const how of [{ public_key: signer.pem }, { use_jwks: true }]) {
    const { app } = await bearerApp(t, authority, { accept_none_alg: true, ...how })
    for (const alg of ['none', 'None', 'NONE']) t.equal((await get(app, `${part({ alg, typ: 'at+jwt' })}.${part(claimsFor(authority))}.`)).statusCode, 401, alg)
    t.equal((await get(app, await signer.sign(claimsFor(authority)))).statusCode, 200)
  }
})
