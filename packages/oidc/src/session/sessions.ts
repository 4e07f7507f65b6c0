import type { Clock, SessionStore, StoredSession } from 'fastify-oidc-session-store'
import { expiryOf, isOver, isTouchDue, tokenState, type Lifetimes } from './lifetime.ts'
import { isLocal, type LocalUsersPlace } from './local-users.ts'
import type { SessionRenewal } from './renewal.ts'
import type { SessionEnds } from './session-ends.ts'

export type Resumed =
  | { readonly kind: 'live', readonly stored: StoredSession, readonly changed: boolean }
  /** It opened, and is over: the cookie goes. */
  | { readonly kind: 'over', readonly cause: Error | null }
  /** Unknown, forged, another's: the cookie is left alone. */
  | { readonly kind: 'none' }

/** Whether the answer to this request can carry a cookie; a WebSocket's cannot, and none once its headers are sent. */
export type Carrier = 'reply' | 'upgrade'

export interface Sessions {
  /** @throws FST_OIDC_STORE_UNAVAILABLE, FST_OIDC_PROVIDER_UNAVAILABLE */
  resume (handle: string, carrier: Carrier): Promise<Resumed>
  /**
   * The same for a session that was resumed before, whose access token may have died since.
   * @throws FST_OIDC_STORE_UNAVAILABLE, FST_OIDC_PROVIDER_UNAVAILABLE
   */
  refresh (stored: StoredSession, carrier: Carrier): Promise<Resumed>
  /**
   * The session as it is, neither renewed nor touched; null where there is none of this client.
   * @throws FST_OIDC_STORE_UNAVAILABLE
   */
  peek (handle: string): Promise<StoredSession | null>
}

export interface SessionsRoom {
  readonly store: SessionStore
  readonly renewal: SessionRenewal
  readonly ends: SessionEnds
  readonly localUsers: LocalUsersPlace<never>
  readonly lifetimes: Lifetimes
  readonly clock: Clock
  /** Seconds. */
  readonly leeway: number
  readonly renews: boolean
  /** A session of another client is worthless here. */
  readonly client: { readonly discovery: string, readonly clientId: string }
}

const NONE: Resumed = { kind: 'none' }

export function createSessions (room: SessionsRoom): Sessions {
  const { store, renewal, ends, lifetimes, clock, client } = room

  async function touch (stored: StoredSession): Promise<Resumed> {
    const touched = await store.touch(stored, expiryOf(stored.session, lifetimes, clock()))
    if (touched === null) return { kind: 'over', cause: null }
    ends.extend(touched)
    return { kind: 'live', stored: touched, changed: true }
  }

  function touchIfDue (stored: StoredSession, carrier: Carrier): Resumed | Promise<Resumed> {
    return carrier === 'upgrade' || !isTouchDue(stored, lifetimes, clock()) ? { kind: 'live', stored, changed: false } : touch(stored)
  }

  async function renew (stored: StoredSession, state: 'due' | 'dead', carrier: Carrier): Promise<Resumed> {
    if (stored.session.cold.refreshToken === null) return state === 'dead' ? { kind: 'over', cause: null } : await touchIfDue(stored, carrier)
    if (carrier === 'upgrade') return await resumeUpgrade(stored, state)
    const outcome = await renewal.renew(stored)
    if (outcome.kind === 'over') return outcome
    if (outcome.kind === 'kept') return { kind: 'live', stored: outcome.stored, changed: false }
    ends.extend(outcome.stored)
    return { kind: 'live', stored: outcome.stored, changed: outcome.stored.handle !== stored.handle || outcome.stored.expiresAt !== stored.expiresAt }
  }

  /** For every request: nothing is awaited where nothing is due. */
  function renewIfDue (stored: StoredSession, carrier: Carrier): Resumed | Promise<Resumed> {
    const state = tokenState(stored.session, room.leeway, clock())
    return state === 'alive' || !room.renews ? touchIfDue(stored, carrier) : renew(stored, state, carrier)
  }

  /** A new handle could not be given to the browser: use what lives, and leave the renewal to a request. */
  async function resumeUpgrade (stored: StoredSession, state: 'due' | 'dead'): Promise<Resumed> {
    if (state === 'due') return { kind: 'live', stored, changed: false }
    const newer = await renewal.successor(stored)
    return newer !== null && tokenState(newer.session, room.leeway, clock()) !== 'dead' ? { kind: 'live', stored: newer, changed: false } : NONE
  }

  /** Somebody whom nobody vouches for any more. */
  function isForsaken ({ session }: StoredSession): boolean {
    return isLocal(session) && room.localUsers.users?.isCurrent(session.subject, session.providerSessionId ?? '') !== true
  }

  function isOurs ({ session }: StoredSession): boolean {
    return session.clientId === client.clientId && session.discovery === client.discovery
  }

  return {
    async peek (handle) {
      const stored = await store.get(handle)
      return stored !== null && isOurs(stored) ? stored : null
    },
    async refresh (stored, carrier) {
      return await ends.hasEnded(stored) ? { kind: 'over', cause: null } : await renewIfDue(stored, carrier)
    },
    async resume (handle, carrier) {
      const stored = await store.get(handle)
      if (stored === null || !isOurs(stored)) return NONE
      if (isOver(stored, lifetimes, clock()) || isForsaken(stored)) return { kind: 'over', cause: null }
      if (stored.session.renewedFrom !== null) renewal.acknowledge(stored)
      return renewIfDue(stored, carrier)
    }
  }
}
