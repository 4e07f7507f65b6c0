import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import t from 'tap'
import { exportJWK, importPKCS8, SignJWT, type JWK } from 'jose'
import { bearerApp, claimsFor, createAuthority, createSigner, get, reasons, type Claims } from './bearer-parts.ts'
import { rsa4096 } from './rsa-4096.ts'

const signer = await createSigner('RS256', 'abcd')
const other = await createSigner('RS256', 'other')
const large = createPrivateKey(rsa4096.key)
const largeJwk: JWK = { ...await exportJWK(createPublicKey(large)), kid: 'abcd', alg: 'RS256', use: 'sig' }
const x5c = [new X509Certificate(rsa4096.certificate).raw.toString('base64')]
const signLarge = async (claims: Claims): Promise<string> => await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'abcd', typ: 'at+jwt' }).sign(large)

interface Keys { readonly name: string, readonly options: object, readonly published: readonly JWK[], sign (claims: Claims): Promise<string> }

const small = (name: string, published: readonly JWK[]): Keys => ({ name, options: { use_jwks: true }, published, sign: signer.sign })
const big = (name: string, options: object, published: readonly JWK[]): Keys => ({ name, options, published, sign: signLarge })

const KEYS: readonly Keys[] = [
  { name: 'S294: public_key', options: { public_key: signer.pem }, published: [], sign: signer.sign },
  small('S298: a key of n and e alone', [{ kty: 'RSA', kid: 'abcd', n: signer.jwk.n ?? '', e: signer.jwk.e ?? '' }]),
  small('S299: a key with an empty x5c', [{ ...signer.jwk, x5c: [] }]),
  small('S300: two keys, told apart by kid', [other.jwk, signer.jwk]),
  big('S324: public_key of 4096 bits', { public_key: createPublicKey(large).export({ type: 'spki', format: 'pem' }) }, []),
  big('S324: public_key as a certificate', { public_key: rsa4096.certificate }, []),
  big('S297, S325: a key of 4096 bits with its certificate', { use_jwks: true }, [{ ...largeJwk, x5c }]),
  big('S326: a key of 4096 bits', { use_jwks: true }, [largeJwk])
]

for (const { name, options, published, sign } of KEYS) {
  t.test(`with ${name}: no token, a good one, another scheme, nonsense, a changed signature`, async t => {
    const authority = await createAuthority(t)
    authority.keys = [...published]
    const application = await bearerApp(t, authority, options)
    const token = await sign(claimsFor(authority))
    const [head, body, signature = ''] = token.split('.')
    t.equal((await get(application.app, null)).statusCode, 401)
    t.equal((await get(application.app, token)).json().sub, 'alice')
    t.equal((await get(application.app, null, { authorization: `Foo ${token}` })).statusCode, 401)
    t.equal((await get(application.app, 'hello world')).statusCode, 401)
    t.equal((await get(application.app, `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`)).statusCode, 401)
    t.match(reasons(application).at(-1), /signature verification failed/)
  })
}

t.test('S417, S418: with use_jwks a key verifies what its kind and alg allow', async t => {
  const authority = await createAuthority(t)
  const signers = await Promise.all(['ES256', 'EdDSA'].map(async alg => await createSigner(alg, alg)))
  const { alg: _, ...anyAlg } = signer.jwk
  authority.keys = [anyAlg, { ...other.jwk, alg: 'PS256' }, ...signers.map(({ jwk }) => jwk)]
  const { app } = await bearerApp(t, authority, { use_jwks: true })
  for (const { sign, alg } of signers) t.equal((await get(app, await sign(claimsFor(authority)))).statusCode, 200, alg)
  t.equal((await get(app, await signer.sign(claimsFor(authority)))).statusCode, 200, 'RS256')
  const as = async ({ privateKey, kid }: typeof signer, name: string): Promise<string> => {
    const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', privateKey)).toString('base64')
    return await new SignJWT(claimsFor(authority)).setProtectedHeader({ alg: name, kid, typ: 'at+jwt' }).sign(await importPKCS8(`-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----`, name))
  }
  for (const name of ['RS384', 'RS512', 'PS256']) t.equal((await get(app, await as(signer, name))).statusCode, 200, `${name}, by a key without alg`)
  t.equal((await get(app, await as(other, 'PS256'))).statusCode, 200)
  for (const name of ['RS256', 'PS384']) t.equal((await get(app, await as(other, name))).statusCode, 401, `${name}, by a key for PS256`)
})

t.test('S302: a key that nothing can be verified with lets nobody in', async t => {
  const rsa = { kty: 'RSA', kid: 'abcd' }
  const cases: ReadonlyArray<readonly [published: object, status: number, says: RegExp]> = [
    [{ ...rsa, x5c: x5c[0] }, 502, /Invalid (?:JWK|keyData)/],
    [{ ...rsa, x5c }, 502, /Invalid (?:JWK|keyData)/],
    [{ ...rsa, n: 'AQAB', e: 'AQAB' }, 401, /2048 bits/]
  ]
  for (const [published, status, says] of cases) {
    const authority = await createAuthority(t)
    authority.keys = [published as unknown as JWK, other.jwk]
    const application = await bearerApp(t, authority, { use_jwks: true })
    const answer = await get(application.app, await signLarge(claimsFor(authority)))
    t.equal(answer.statusCode, status, 'the fault of the provider, or of who signs with such a key')
    t.match(reasons(application).at(-1), says)
    t.equal((await get(application.app, await other.sign(claimsFor(authority)))).statusCode, 200, 'the other key serves')
  }
})
