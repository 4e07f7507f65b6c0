import type { Redis } from 'ioredis'
import { createSealer, createSecretNames, createSessionPacker, nameOfHandle, sealJson, targetNames, type Session } from 'fastify-oidc-session-store'
import type { FormerRecord } from '../../../packages/redis-store/src/former-record.ts'

interface Sealing { readonly secret: string, readonly fallbacks: readonly string[], readonly binding: string }

/** The fields of a session as releases wrote them that kept it as a hash. */
export function sealFormer (options: Sealing, handle: string, session: Session, revision: number, expiresAt: number): FormerRecord {
  const keyed = createSealer({ ...options, purpose: 'redis-session' }).keyedWith(handle)
  const { hot, cold } = createSessionPacker(options.binding).pack(session)
  const { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt } = session
  return {
    rev: Buffer.from(`${revision}`),
    exp: Buffer.concat([Buffer.from(`${expiresAt}`), keyed.seal(Buffer.alloc(0), `end ${revision} ${expiresAt}`)]),
    hot: keyed.seal(Buffer.concat([Buffer.of(3), hot]), `hot ${revision}`),
    cold: keyed.seal(cold, `cold ${revision}`),
    meta: sealJson(createSealer({ ...options, purpose: 'redis-meta' }), { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt }, nameOfHandle(handle))
  }
}

/** A login as those releases left it in Redis. */
export async function writeFormer (client: Redis, options: Sealing, handle: string, session: Session, revision: number, expiresAt: number): Promise<void> {
  const name = nameOfHandle(handle)
  await client.hset(`sessions:${name}`, { ...sealFormer(options, handle, session, revision, expiresAt) })
  const names = createSecretNames({ ...options, purpose: 'redis-index' })
  for (const target of targetNames(session)) await client.zadd(`sessions:index:${names.own(JSON.stringify([options.binding, target]))}`, expiresAt, name)
}
