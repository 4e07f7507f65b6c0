import { createHash, createHmac, createPublicKey, randomUUID } from 'node:crypto'
import { exportJWK, exportSPKI, generateKeyPair, importPKCS8, importSPKI, SignJWT, type CryptoKey, type JWK } from 'jose'
import { overlay, type IdTokenLie, type Lies, type Overlay } from './lies.ts'
import { rsa2048 } from './rsa-2048.ts'

interface SigningKey {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

/** What one ID token is about. */
export interface IdTokenOrder {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly subject: string
  readonly nonce: string | null
  readonly accessToken: string
}

/** Signs the tokens of one provider. */
export interface Mint {
  /** The public keys that are published. */
  jwks (): Promise<{ readonly keys: readonly JWK[] }>
  /** A new key signs, and only it is published. */
  rotate (): Promise<void>
  /** null: no ID token at all. */
  idToken (order: IdTokenOrder, lies: Lies): Promise<string | null>
}

async function createKey (): Promise<SigningKey> {
  return { kid: randomUUID(), ...await generateKeyPair('RS256', { extractable: true }) }
}

/** The same pair for every provider, under a name of its own. */
async function knownKey (pem: string): Promise<SigningKey> {
  const publicPem = createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString()
  return { kid: randomUUID(), privateKey: await importPKCS8(pem, 'RS256', { extractable: true }), publicKey: await importSPKI(publicPem, 'RS256', { extractable: true }) }
}

function encode (part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function atHash (accessToken: string): string {
  return createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
}

function honestClaims ({ issuer, clientId, subject, nonce, accessToken }: IdTokenOrder): Overlay {
  const now = Math.floor(Date.now() / 1000)
  return { iss: issuer, aud: clientId, azp: clientId, sub: subject, sid: `sid-${subject}`, iat: now, auth_time: now, exp: now + 300, at_hash: atHash(accessToken), name: 'Alice', ...(nonce === null ? {} : { nonce }) }
}

/** For the lies that lie in a claim; the others leave the claims right. */
function lyingClaims (lie: IdTokenLie | undefined, order: IdTokenOrder): Overlay {
  const now = Math.floor(Date.now() / 1000)
  switch (lie) {
    case 'wrong_issuer': return { iss: 'https://issuer.evil.example' }
    case 'wrong_audience': return { aud: 'another-client', azp: undefined }
    case 'wrong_azp': return { aud: [order.clientId, 'another-client'], azp: 'another-client' }
    case 'wrong_nonce': return { nonce: 'another-nonce' }
    case 'no_nonce': return { nonce: undefined }
    case 'wrong_at_hash': return { at_hash: atHash('another-token') }
    case 'expired': return { iat: now - 7200, exp: now - 3600 }
    case 'issued_in_the_future': return { iat: now + 3600, exp: now + 7200 }
    case 'no_subject': return { sub: undefined }
    case 'no_expiry': return { exp: undefined }
    default: return {}
  }
}

async function sign (claims: Overlay, { kid, privateKey }: SigningKey): Promise<string> {
  return await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' }).sign(privateKey)
}

function signHs256 (claims: Overlay, kid: string, secret: string): string {
  const input = `${encode({ alg: 'HS256', kid, typ: 'JWT' })}.${encode(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

export async function createMint (): Promise<Mint> {
  let key = await knownKey(rsa2048.provider)
  let stranger: Promise<SigningKey> | null = null
  return {
    jwks: async () => ({ keys: [{ ...await exportJWK(key.publicKey), kid: key.kid, alg: 'RS256', use: 'sig' }] }),
    rotate: async () => { key = await createKey() },
    idToken: async (order, { idToken: lie, idTokenClaims }) => {
      const claims = overlay(overlay(honestClaims(order), lyingClaims(lie, order)), idTokenClaims)
      switch (lie) {
        case 'missing': return null
        case 'not_a_jwt': return 'this is not a token'
        case 'bad_signature': return await sign(claims, { ...await (stranger ??= knownKey(rsa2048.stranger)), kid: key.kid })
        case 'unknown_kid': return await sign(claims, await (stranger ??= knownKey(rsa2048.stranger)))
        case 'alg_none': return `${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims)}.`
        case 'unsupported_alg': return `${encode({ alg: 'ES256K', kid: key.kid, typ: 'JWT' })}.${encode(claims)}.${Buffer.alloc(64, 1).toString('base64url')}`
        case 'hs256_public_key': return signHs256(claims, key.kid, await exportSPKI(key.publicKey))
        case 'hs256_client_secret': return signHs256(claims, key.kid, order.clientSecret)
        default: return await sign(claims, key)
      }
    }
  }
}
