import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { ClientAuth } from 'openid-client'
import { readPrivateKey } from '../options/private-key.ts'
import type { ResolvedOptions } from '../options/schema.ts'
import { FAPI2_ALGORITHMS } from '../options/signing-key.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** What assertions are made of. */
export type AssertionSettings = Pick<ResolvedOptions, 'client_id' | 'client_secret' | 'client_rsa_private_key' | 'client_rsa_private_key_id' | 'client_jwt_assertion_alg' | 'client_jwt_assertion_audience' | 'client_jwt_assertion_expires_in' | 'security_profile'>

interface AssertionKey {
  readonly key: Parameters<SignJWT['sign']>[0]
  readonly header: { readonly alg: string, readonly typ: 'JWT', readonly kid?: string }
}

/** openid-client signs with HS256 only, and names its own audience; so both kinds are signed here. */
function asserting (settings: AssertionSettings, recipient: string, { key, header }: AssertionKey): ClientAuth {
  const { client_id: clientId, client_jwt_assertion_audience: audience, client_jwt_assertion_expires_in: life } = settings
  return async (_server, _client, body) => {
    const now = Math.floor(Date.now() / 1000)
    const assertion = await new SignJWT({ iss: clientId, sub: clientId, aud: audience ?? recipient, jti: randomUUID(), iat: now, exp: now + life }).setProtectedHeader(header).sign(key)
    body.set('client_id', clientId)
    body.set('client_assertion_type', ASSERTION_TYPE)
    body.set('client_assertion', assertion)
  }
}

/** The client proves itself with its secret, and does not send it (OpenID Connect Core 1.0, section 9). */
export function clientSecretJwt (settings: AssertionSettings, recipient: string): ClientAuth {
  const wanted = settings.client_jwt_assertion_alg
  const alg = wanted?.startsWith('HS') === true ? wanted : 'HS256'
  return asserting(settings, recipient, { key: new TextEncoder().encode(settings.client_secret), header: { alg, typ: 'JWT' } })
}

/** The client proves itself with its private key (OpenID Connect Core 1.0, section 9; RFC 7523, section 2.2). */
export function privateKeyJwt (settings: AssertionSettings, recipient: string): ClientAuth {
  const read = readPrivateKey(settings.client_rsa_private_key ?? '')
  if (read.kind === 'problem') throw new TypeError(`client_rsa_private_key ${read.message}`)
  const { client_jwt_assertion_alg: wanted, client_rsa_private_key_id: kid, security_profile: profile } = settings
  const usual = profile === 'fapi2' ? read.algorithms.find(name => FAPI2_ALGORITHMS.includes(name)) : read.algorithms[0]
  const alg = read.algorithms.find(name => name === wanted) ?? usual ?? ''
  return asserting(settings, recipient, { key: read.key, header: { alg, typ: 'JWT', ...(kid === undefined ? {} : { kid }) } })
}
