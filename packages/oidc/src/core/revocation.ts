import { endMarkLife, type EpochSeconds, type RevocationTarget, type SessionStore } from 'fastify-oidc-session-store'
import type { CoreGround } from './core.ts'
import type { Observer } from './observer.ts'

/**
 * Ends sessions from outside, in the store and for every instance; answers how many, null where that cannot be known.
 * @throws FST_OIDC_STORE_NOT_REVOCABLE, FST_OIDC_STORE_UNAVAILABLE
 */
export type Revoke = (target: RevocationTarget, before: EpochSeconds) => Promise<number | null>

export function createRevocation ({ store, coordinator, settings, clock }: CoreGround, observer: Observer): Revoke {
  return async (target, before) => {
    const count = await store.revoke(target, before)
    await coordinator.end(target, before, clock() + endMarkLife(settings.session.absolute_timeout))
    observer.tell('revocation', 'id' in target ? target.id : null)
    return count
  }
}

/** Whether the store has a session of this target; false where sessions live in browsers. */
export async function isKnownTo (store: SessionStore, target: RevocationTarget): Promise<boolean> {
  const sessions = store.inspect(target)[Symbol.asyncIterator]()
  try {
    return (await sessions.next()).done !== true
  } catch (error) {
    if ((error as { code?: unknown }).code === 'FST_OIDC_STORE_NOT_INSPECTABLE') return false
    throw error
  } finally {
    await sessions.return?.()
  }
}
