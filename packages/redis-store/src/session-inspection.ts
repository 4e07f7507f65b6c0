import { isEndedBy, type Clock, type RevocationTarget, type SessionSummary } from 'fastify-oidc-session-store'
import type { RedisIndex } from './redis-index.ts'
import type { RedisLink } from './redis-link.ts'
import type { SessionCodec } from './session-codec.ts'
import { scanSessions } from './session-scan.ts'
import type { SessionTable } from './session-table.ts'

export interface InspectionRoom {
  readonly link: RedisLink
  readonly prefix: string
  readonly clock: Clock
  readonly codec: SessionCodec
  readonly table: SessionTable
  readonly index: RedisIndex
}

async function summarize ({ codec, table, clock }: InspectionRoom, name: string): Promise<SessionSummary | null> {
  const kept = await table.read(name)
  const { expiresAt, meta } = kept === null ? { expiresAt: null, meta: null } : codec.openMeta(name, kept)
  return meta === null || expiresAt === null || expiresAt <= clock() ? null : { ...meta, expiresAt }
}

/** Live sessions of a target or of all, each once, a batch at a time. Those of another binding do not open and are left out. */
export async function * inspectSessions (room: InspectionRoom, target: RevocationTarget | 'all'): AsyncIterable<SessionSummary> {
  const seen = new Set<string>()
  const batches = target === 'all' ? scanSessions(room.link, room.prefix) : room.index.walk(target)
  for await (const batch of batches) {
    const names = batch.filter(name => !seen.has(name))
    for (const name of names) seen.add(name)
    for (const summary of await Promise.all(names.map(name => summarize(room, name)))) {
      if (summary !== null && (target === 'all' || isEndedBy(target, Infinity, summary))) yield summary
    }
  }
}
