import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { algorithmsFor } from '../options/signing-key.ts'
import { failed, type Attempt } from './attempt.ts'
import type { ProviderHttp } from './http.ts'

/** What the provider signs with (RFC 7517). */
export interface ProviderKeys {
  readonly count: number
  /** Algorithms that one of the keys verifies, without repetition. */
  readonly algorithms: readonly string[]
  /** Keys with which nothing can be verified here: of an unknown kind, too short, or for encryption. */
  readonly useless: number
}

function read (jwk: unknown): KeyObject | null {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  } catch {
    return null
  }
}

function algorithmsOf (jwk: unknown): readonly string[] {
  const { use, alg } = jwk as { readonly use?: unknown, readonly alg?: unknown }
  const key = use === 'enc' ? null : read(jwk)
  const all = key === null ? [] : algorithmsFor(key)
  return typeof alg === 'string' ? all.filter(name => name === alg) : all
}

const WHERE = 'check jwks_uri, or discovery'

/** Asks for the provider's keys. */
export async function readProviderKeys (http: ProviderHttp, url: string): Promise<Attempt<ProviderKeys>> {
  const answer = await http.fetch(url, { headers: { accept: 'application/json' } })
  if (answer.status !== 200) return failed(`jwks_uri answers with status ${answer.status}`, WHERE)
  const body = await answer.json().catch(() => null) as { readonly keys?: unknown } | null
  if (!Array.isArray(body?.keys)) return failed('jwks_uri does not answer with a set of keys', WHERE)
  const each = body.keys.map((jwk: unknown) => jwk !== null && typeof jwk === 'object' ? algorithmsOf(jwk) : [])
  return { kind: 'done', value: { count: each.length, algorithms: [...new Set(each.flat())], useless: each.filter(({ length }) => length === 0).length } }
}
