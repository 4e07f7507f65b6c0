import { createHmac, hkdfSync } from 'node:crypto'

// 128 bits: as hard to hit by chance as a key of AES-128, and half as long.
const NAME_BYTES = 16

/** Names that tell nothing to who has not the secret, and that he cannot make. */
export interface SecretNames {
  /** Under the secret that is in use. */
  own (text: string): string
  /** Under every secret, the one in use first. */
  all (text: string): readonly string[]
}

export interface SecretNamesOptions {
  readonly secret: string
  readonly fallbacks?: readonly string[]
  /** What is named: a name of one purpose is none of another. */
  readonly purpose: string
}

/** HMACs under a key of each secret: what an index of subjects and provider sessions is to be named by. */
export function createSecretNames ({ secret, fallbacks = [], purpose }: SecretNamesOptions): SecretNames {
  const keys = [...new Set([secret, ...fallbacks])].map(each => Buffer.from(hkdfSync('sha256', each, 'fastify-oidc', `${purpose}/names/v1`, 32)))
  const nameBy = (key: Buffer, text: string): string => createHmac('sha256', key).update(text).digest().subarray(0, NAME_BYTES).toString('base64url')
  const [own = Buffer.alloc(0)] = keys
  return {
    own: text => nameBy(own, text),
    all: text => keys.map(key => nameBy(key, text))
  }
}
