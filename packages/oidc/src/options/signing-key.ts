import { createPublicKey, type KeyObject } from 'node:crypto'

/** What tokens of others may be signed with: who can verify such a signature cannot make one. */
export const ASYMMETRIC_ALGORITHMS: readonly string[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/** FAPI 2.0 Security Profile, section 5.4.1. */
export const FAPI2_ALGORITHMS: readonly string[] = ['PS256', 'ES256', 'EdDSA', 'Ed25519']

const MIN_RSA_BITS = 2048
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

/** Algorithms that are written one after another, with blanks between them. */
export function splitAlgorithms (text: string): string[] {
  return text.split(/\s+/).filter(name => name !== '')
}

export type ReadKey =
  | { readonly kind: 'key', readonly key: KeyObject, readonly algorithms: readonly string[] }
  | { readonly kind: 'problem', readonly message: string }

/** Algorithms that a key is good for; none: it is too weak, or of a kind that nothing here uses. The first is the default. */
export function algorithmsFor ({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly string[] {
  if (type === 'rsa') return (details?.modulusLength ?? 0) < MIN_RSA_BITS ? [] : ASYMMETRIC_ALGORITHMS.filter(name => /^[RP]S/.test(name))
  if (type === 'ed25519') return ['EdDSA', 'Ed25519']
  const curve = CURVES[details?.namedCurve ?? '']
  return type === 'ec' && curve !== undefined ? [curve] : []
}

function parse (pem: string): KeyObject | null {
  try {
    return createPublicKey(pem)
  } catch {
    return null
  }
}

/** Line ends may be written as `\n`, as environment variables have them. */
export function unfoldPem (written: string): string {
  return written.replaceAll('\\r', '').replaceAll('\\n', '\n').trim()
}

/** Reads a public key or a certificate. Line ends may be written as `\n`, as environment variables have them. */
export function readPublicKey (written: string): ReadKey {
  const pem = unfoldPem(written)
  if (pem.includes('PRIVATE KEY-----')) return { kind: 'problem', message: 'is a private key: the public one is enough, and the private one belongs to the provider alone' }
  const key = parse(pem)
  if (key === null) return { kind: 'problem', message: 'is not a public key or certificate in PEM' }
  const algorithms = algorithmsFor(key)
  return algorithms.length > 0 ? { kind: 'key', key, algorithms } : { kind: 'problem', message: `is a key that no token can be verified with: RSA of ${MIN_RSA_BITS} bits or more, EC on P-256, P-384 or P-521, or Ed25519` }
}
