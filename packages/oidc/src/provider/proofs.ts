import { importPKCS8, importSPKI } from 'jose'
import { createPublicKey } from 'node:crypto'
import { getDPoPHandle, type Configuration, type CryptoKeyPair, type DPoPOptions } from 'openid-client'
import { readPrivateKey } from '../options/private-key.ts'
import type { ResolvedOptions } from '../options/schema.ts'

/** The key that proofs of possession are signed with (RFC 9449); null: none are made. */
export async function readProofKeys (dpop: ResolvedOptions['dpop']): Promise<CryptoKeyPair | null> {
  if (dpop?.enabled !== true) return null
  const read = readPrivateKey(dpop.private_key ?? '')
  if (read.kind === 'problem') throw new TypeError(`dpop.private_key ${read.message}`)
  const [privateKey, publicKey] = await Promise.all([
    importPKCS8(read.key.export({ type: 'pkcs8', format: 'pem' }).toString(), dpop.signing_alg),
    importSPKI(createPublicKey(read.key).export({ type: 'spki', format: 'pem' }).toString(), dpop.signing_alg, { extractable: true })
  ])
  return { privateKey, publicKey }
}

/** For openid-client's calls. One handle for all of them: it keeps the provider's newest nonce. */
export function createProofs (configuration: Configuration, keys: CryptoKeyPair | null): DPoPOptions {
  return keys === null ? {} : { DPoP: getDPoPHandle(configuration, keys) }
}
