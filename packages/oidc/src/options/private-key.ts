import { createPrivateKey, type KeyObject } from 'node:crypto'
import { algorithmsFor, unfoldPem, type ReadKey } from './signing-key.ts'

function parse (pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem)
  } catch {
    return null
  }
}

/** Reads a private key in PEM: PKCS#8, PKCS#1 or SEC1, without a passphrase. */
export function readPrivateKey (written: string): ReadKey {
  const pem = unfoldPem(written)
  if (/-----BEGIN (?:RSA )?PUBLIC KEY-----|-----BEGIN CERTIFICATE-----/.test(pem) && !pem.includes('PRIVATE KEY-----')) return { kind: 'problem', message: 'is a public key or certificate: the private key signs' }
  const key = parse(pem)
  if (key === null) return { kind: 'problem', message: 'is not a private key in PEM without a passphrase' }
  const algorithms = algorithmsFor(key)
  return algorithms.length > 0 ? { kind: 'key', key, algorithms } : { kind: 'problem', message: 'is a key that cannot be used: RSA of 2048 bits or more, EC on P-256, P-384 or P-521, or Ed25519' }
}
