import t from 'tap'
import { checkOidcOptions } from 'fastify-oidc'
import { login } from 'fastify-oidc-testing'
import { bearerApp, claimsFor, createAuthority, createSigner, get, reasons, type Claims } from './bearer-parts.ts'
import { optionsFor, protectedApp, SECRET, testProvider } from './support.ts'

const signer = await createSigner()
const API = 'https://api.example/v1'

interface Case {
  readonly name: string
  readonly options: { readonly audience?: string | readonly string[], readonly rule?: object }
  readonly claims: Claims
  readonly error: 'mismatched audience' | 'required audience claim not present' | null
}

const CASES: readonly Case[] = [
  { name: 'the one', options: { audience: API }, claims: { aud: API }, error: null },
  { name: 'one of several', options: { audience: ['other', API] }, claims: { aud: [API, 'x'] }, error: null },
  { name: 'another', options: { audience: API }, claims: { aud: 'https://api.example/v2' }, error: 'mismatched audience' },
  { name: 'the beginning of it', options: { audience: API }, claims: { aud: 'https://api.example' }, error: 'mismatched audience' },
  { name: 'more than it', options: { audience: API }, claims: { aud: `${API}/` }, error: 'mismatched audience' },
  { name: 'none of several', options: { audience: ['a', 'b'] }, claims: { aud: ['c', 'a b'] }, error: 'mismatched audience' },
  { name: 'the client, which is not asked for', options: { audience: API }, claims: { aud: 'api' }, error: 'mismatched audience' },
  { name: 'nobody', options: { audience: API }, claims: { aud: undefined }, error: 'required audience claim not present' },
  { name: 'an empty list', options: { audience: API }, claims: { aud: [] }, error: 'mismatched audience' },
  { name: 'an object', options: { audience: API }, claims: { aud: { [API]: API } }, error: 'mismatched audience' },
  { name: 'in another claim', options: { audience: API, rule: { claim: 'resource' } }, claims: { aud: 'x', resource: API }, error: null },
  { name: 'not in that claim', options: { audience: API, rule: { claim: 'resource' } }, claims: { aud: API }, error: 'required audience claim not present' },
  { name: 'client and audience', options: { audience: API, rule: { match_with_client_id: true } }, claims: { aud: ['api', API] }, error: null },
  { name: 'the audience without the client', options: { audience: API, rule: { match_with_client_id: true } }, claims: { aud: API }, error: 'mismatched audience' },
  { name: 'the client without the audience', options: { audience: API, rule: { match_with_client_id: true } }, claims: { aud: 'api' }, error: 'mismatched audience' }
]

t.test('a token for none of the audiences is 403, whether it is verified or introspected', async t => {
  const authority = await createAuthority(t)
  authority.keys = [signer.jwk]
  for (const { name, options: { audience, rule }, claims, error } of CASES) {
    const options = { use_jwks: true, introspection_endpoint: `${authority.issuer}/introspect`, ...audience === undefined ? {} : { audience }, ...rule === undefined ? {} : { claim_validator: { audience: rule } } }
    authority.knows = () => ({ active: true, ...claimsFor(authority, claims) })
    const { app } = await bearerApp(t, authority, options as object)
    for (const token of [await signer.sign(claimsFor(authority, claims)), `opaque ${name}`.replaceAll(/[ ,]/g, '-')]) {
      const response = await get(app, token)
      t.equal(response.statusCode, error === null ? 200 : 403, `${name}, ${token.slice(0, 6)}`)
      if (error !== null) t.match(response.json(), { error, code: error === 'mismatched audience' ? 'FST_OIDC_AUDIENCE_MISMATCH' : 'FST_OIDC_AUDIENCE_MISSING' })
    }
  }
})

t.test('registrations that differ in audience alone do not share what they know of a token', async t => {
  const authority = await createAuthority(t)
  authority.keys = [signer.jwk]
  const token = await signer.sign(claimsFor(authority, { aud: API }))
  t.equal((await get((await bearerApp(t, authority, { use_jwks: true, audience: API } as object)).app, token)).statusCode, 200)
  t.equal((await get((await bearerApp(t, authority, { use_jwks: true, audience: 'https://other.example' } as object)).app, token)).statusCode, 403)
  t.equal((await get((await bearerApp(t, authority, { use_jwks: true } as object)).app, token)).statusCode, 200)
})

t.test('oauth2.1 wants to know whom bearer tokens are for, by either option, and options without effect stop the boot', async t => {
  const base = { client_id: 'api', discovery: 'https://op.example/.well-known/openid-configuration', security_profile: 'oauth2.1' }
  const only = { ...base, bearer_only: true, use_jwks: true }
  const problems = (options: object): string[] => checkOidcOptions(options).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
  t.strictSame(problems({ ...only, audience: API }), [])
  t.strictSame(problems({ ...only, audience: [API, 'b'] }), [])
  t.strictSame(problems({ ...only, claim_validator: { audience: { match_with_client_id: true } } }), [])
  t.match(problems(only), [/^audience or claim_validator\.audience\.match_with_client_id: true is required under security_profile oauth2\.1 where bearer tokens are accepted/])
  for (const audience of ['', [], [''], 7, {}, [[]]]) t.match(problems({ ...only, audience }), [/^audience/], JSON.stringify(audience))
  const site = { ...base, session: { secret: SECRET } }
  t.match(problems({ ...site, audience: API }), [/^audience has no effect where no bearer tokens are accepted: set use_jwks, public_key or introspection_endpoint$/])
  t.match(problems({ ...site, accept_id_token_as_bearer: true }), [/^accept_id_token_as_bearer has no effect where no tokens are verified by their signature: set use_jwks or public_key$/])
  t.strictSame(problems({ ...only, audience: API, accept_id_token_as_bearer: true }), [])
})

interface IdTokenCase { readonly name: string, readonly claims: Claims, readonly typ?: string, readonly accepted: boolean }

const BARE = { scope: undefined, client_id: undefined }
const ID_TOKENS: readonly IdTokenCase[] = [
  { name: 'with a nonce', claims: { ...BARE, aud: 'api', nonce: 'n', at_hash: 'h' }, accepted: true },
  { name: 'with nothing but what it must have', claims: { ...BARE, aud: ['api', 'x'], azp: 'x' }, accepted: true },
  { name: 'that another client was given, which lists this one', claims: { ...BARE, aud: ['api', 'x'], azp: 'x', nonce: 'n' }, accepted: false },
  { name: 'for several, that this client was given', claims: { ...BARE, aud: ['api', 'x'], azp: 'api', nonce: 'n' }, accepted: true },
  { name: 'of Keycloak and of Cognito', claims: { ...BARE, aud: 'api', typ: 'ID', token_use: 'id' }, accepted: true },
  { name: 'for another client', claims: { ...BARE, aud: 'other', nonce: 'n' }, accepted: false },
  { name: 'for nobody', claims: { ...BARE, aud: undefined, nonce: 'n' }, accepted: false },
  { name: 'of another issuer', claims: { ...BARE, iss: 'https://other.example', aud: 'api', nonce: 'n' }, accepted: false },
  { name: 'that has expired', claims: { ...BARE, aud: 'api', nonce: 'n', exp: 1_700_000_000 }, accepted: false },
  { name: 'that does not expire', claims: { ...BARE, aud: 'api', nonce: 'n', exp: undefined }, accepted: false },
  { name: 'of nobody', claims: { ...BARE, aud: 'api', nonce: 'n', sub: undefined }, accepted: false },
  { name: 'from no time', claims: { ...BARE, aud: 'api', nonce: 'n', iat: undefined }, accepted: false },
  { name: 'a refresh token', claims: { ...BARE, aud: 'api', typ: 'Refresh' }, accepted: false },
  { name: 'a logout token by its claim', claims: { ...BARE, aud: 'api', events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, accepted: false },
  { name: 'a logout token by its header', claims: { ...BARE, aud: 'api' }, typ: 'logout+jwt', accepted: false },
  { name: 'a token bound to a key', claims: { ...BARE, aud: 'api', nonce: 'n', cnf: { jkt: 'x' } }, accepted: false },
  { name: 'an access token of another API', claims: { aud: 'other' }, accepted: true }
]

t.test('an ID token of the client is a bearer token where the option says so, and nothing else is', async t => {
  const authority = await createAuthority(t)
  authority.keys = [signer.jwk]
  const open = await bearerApp(t, authority, { use_jwks: true, accept_id_token_as_bearer: true } as object)
  const closed = await bearerApp(t, authority, { use_jwks: true } as object)
  for (const { name, claims, typ = 'JWT', accepted } of ID_TOKENS) {
    const token = await signer.sign(claimsFor(authority, claims), { typ })
    t.equal((await get(open.app, token)).statusCode, accepted ? 200 : 401, name)
    if (claims.scope === undefined && 'scope' in claims && claims.azp === undefined) t.equal((await get(closed.app, token)).statusCode, 401, `${name}, without the option`)
  }
  const stranger = await createSigner('RS256', signer.kid)
  t.equal((await get(open.app, await stranger.sign(claimsFor(authority, { ...BARE, aud: 'api', nonce: 'n' }), { typ: 'JWT' }))).statusCode, 401, 'signed by another')
  const weak = await bearerApp(t, authority, { use_jwks: true, accept_id_token_as_bearer: true, audience: API } as object)
  t.equal((await get(weak.app, await signer.sign(claimsFor(authority, { ...BARE, aud: 'api', nonce: 'n' }), { typ: 'JWT' }))).statusCode, 403, 'audience holds for it too')
  t.strictSame(weak.log.find(line => line.oidc === 'profile')?.weak, ['accept_id_token_as_bearer'])
  t.notOk(reasons(open).some(reason => reason.includes('"nonce"')))
})

t.test('with the real provider: its ID token is let in, and its refresh token is not', async t => {
  const provider = await testProvider(t)
  const site = await protectedApp(t, optionsFor(provider, { scope: 'openid offline_access', set_refresh_token_header: true, set_raw_id_token_header: true }))
  const { cookie } = await login(site.app)
  const identity = (await site.app.inject({ url: '/echo/x', headers: { cookie } })).json().identity as Record<string, string>
  const { app } = await bearerApp(t, provider, { client_id: provider.clientId, use_jwks: true, accept_id_token_as_bearer: true, security_profile: 'oauth2.1', audience: provider.clientId } as object)
  const response = await get(app, identity['x-raw-id-token'] ?? '')
  t.equal(response.statusCode, 200)
  t.equal(response.json().sub, 'alice')
  t.equal((await get(app, identity['x-refresh-token'] ?? '')).statusCode, 401)
})
