import { createHash } from 'node:crypto'
import type { Clock, Lock, SessionCoordinator, SessionStore, Session, StoredSession } from 'fastify-oidc-session-store'
import { ProviderUnavailableError } from '../errors.ts'
import { createFlights } from '../flights.ts'
import type { TokenRefresh } from '../provider/token-refresh.ts'
import type { Tokens } from '../provider/tokens.ts'
import { expiryOf, tokenState, type Lifetimes } from './lifetime.ts'

export type Renewal =
  /** The handle may be another now. */
  | { readonly kind: 'renewed', readonly stored: StoredSession }
  /** Nothing changed, and the access token still lives. */
  | { readonly kind: 'kept', readonly stored: StoredSession }
  | { readonly kind: 'over', readonly cause: Error | null }

/** Renews access tokens before and when they expire: once, however many ask. */
export interface SessionRenewal {
  /** @throws FST_OIDC_PROVIDER_UNAVAILABLE when the token is dead and no new one can be had, FST_OIDC_STORE_UNAVAILABLE */
  renew (stored: StoredSession): Promise<Renewal>
  /** What another request or node made of this session, without a call to the provider; null: nothing newer is known. */
  successor (stored: StoredSession): Promise<StoredSession | null>
  /** The browser has shown the new handle: the old ones are bridged a little longer only. */
  acknowledge (stored: StoredSession): void
}

export interface RenewalRoom {
  readonly store: SessionStore
  readonly coordinator: SessionCoordinator
  readonly lifetimes: Lifetimes
  readonly clock: Clock
  /** Seconds. */
  readonly leeway: number
  /** Longest time that one call to the provider takes, in seconds. */
  readonly timeout: number
  refresh (refreshToken: string, subject: string): Promise<TokenRefresh>
  onRenewed (session: Session): void
  onFailed (session: Session, error: Error): void
}

/** Metadata, tokens and keys: what one renewal may ask the provider for, one after the other. */
const CALLS = 3
const LOCK_SLACK = 2
/** A late tab with the old handle is answered this long after the new one was seen. */
const BRIDGE_MS = 60_000
const RETRY_AFTER_MS = 5000
/** How often, and for how long, tokens that the store could not take are offered to it again. */
const KEEP_EVERY_MS = 200
const KEEP_FOR_MS = 60_000
const MAX_HOPS = 8
const MAX_REMEMBERED = 10_000

/** The same for all who hold the same refresh token of the same session; tells neither. */
function renewalKey ({ id, cold }: Session): string {
  return createHash('sha256').update(id).update('\0').update(cold.refreshToken ?? '').digest('base64url')
}

function applyTokens (session: Session, tokens: Tokens, key: string): Session {
  return {
    ...session,
    accessToken: tokens.accessToken,
    accessTokenExpiresAt: tokens.accessTokenExpiresAt,
    scope: tokens.scope ?? session.scope,
    idTokenClaims: tokens.idTokenClaims ?? session.idTokenClaims,
    renewedFrom: key,
    cold: { refreshToken: tokens.refreshToken ?? session.cold.refreshToken, idToken: tokens.idToken ?? session.cold.idToken }
  }
}

interface Unkept {
  readonly stored: StoredSession
  readonly tokens: Tokens
}

function remember<V> (known: Map<string, V>, key: string, value: V): void {
  if (known.size >= MAX_REMEMBERED) known.clear()
  known.set(key, value)
}

export function createRenewal (room: RenewalRoom): SessionRenewal {
  const { store, coordinator, clock } = room
  const flights = createFlights<Renewal>()
  const pauses = new Map<string, number>()
  const acknowledged = new Set<string>()
  /** What the provider gave and the store could not keep: the refresh token that it was given for may be spent. */
  const unkept = new Map<string, Unkept>()
  const lockMs = (room.timeout * CALLS + LOCK_SLACK) * 1000
  // One holder may die, which is known when its lock is over; then the next takes its time.
  const patienceMs = lockMs + (room.timeout + LOCK_SLACK) * 1000
  const isAlive = (stored: StoredSession): boolean => tokenState(stored.session, room.leeway, clock()) !== 'dead'

  /** Follows results from handle to handle: a tab may be several renewals behind. */
  async function successor (stored: StoredSession): Promise<StoredSession | null> {
    let newest = stored
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const handle = await coordinator.takeResult(renewalKey(newest.session))
      const next = handle === null ? null : await store.get(handle)
      if (next === null || next.session.id !== stored.session.id || next.revision <= newest.revision) break
      newest = next
    }
    return newest === stored ? null : newest
  }

  /** What is known now that the lock is ours, or its holder is done; null: this is still the newest. */
  async function readAgain (stored: StoredSession): Promise<Renewal | null> {
    const now = await store.get(stored.handle, 'newest')
    if (now === null) return { kind: 'over', cause: null }
    const newest = await successor(now) ?? (now.revision > stored.revision ? now : null)
    if (newest === null) return null
    if (isAlive(newest)) return { kind: 'renewed', stored: newest }
    // Its refresh token is the one to use: ours was spent for it.
    const key = renewalKey(newest.session)
    return key === renewalKey(stored.session) ? await callProvider(newest, key) : await renew(newest)
  }

  async function settleRefused (stored: StoredSession, error: Error): Promise<Renewal> {
    const again = await store.get(stored.handle, 'newest')
    if (again === null) return { kind: 'over', cause: null }
    const newest = await successor(again) ?? (again.revision > stored.revision ? again : null)
    if (newest !== null) return { kind: 'renewed', stored: newest }
    await store.destroyIfUnchanged(stored)
    const left = await store.get(stored.handle, 'newest')
    if (left !== null) return { kind: 'renewed', stored: left }
    await coordinator.end({ id: stored.session.id }, clock(), stored.expiresAt)
    return { kind: 'over', cause: error }
  }

  async function keepTokens (stored: StoredSession, key: string, tokens: Tokens): Promise<Renewal> {
    const session = applyTokens(stored.session, tokens, key)
    remember(unkept, key, { stored, tokens })
    const updated = await store.update(stored, session, expiryOf(session, room.lifetimes, clock()))
    if (updated === null) {
      unkept.delete(key)
      return await readAgain(stored) ?? { kind: 'over', cause: null }
    }
    restIfDue(updated)
    if (updated.handle !== stored.handle) await coordinator.publishResult(key, updated.handle, Math.max(BRIDGE_MS, (updated.expiresAt - clock()) * 1000))
    unkept.delete(key)
    room.onRenewed(updated.session)
    return { kind: 'renewed', stored: updated }
  }

  /** null: nothing could be had, and the access token still lives. */
  async function refreshUnlessAlive (stored: StoredSession, key: string): Promise<TokenRefresh | null> {
    try {
      return await room.refresh(stored.session.cold.refreshToken ?? '', stored.session.subject)
    } catch (error) {
      pause(key, RETRY_AFTER_MS)
      if (!isAlive(stored)) throw error
      room.onFailed(stored.session, error as Error)
      return null
    }
  }

  async function callProvider (stored: StoredSession, key: string): Promise<Renewal> {
    const outcome = await refreshUnlessAlive(stored, key)
    if (outcome === null) return { kind: 'kept', stored }
    return outcome.kind === 'refreshed' ? await keepTokens(stored, key, outcome.tokens) : await settleRefused(stored, outcome.error)
  }

  /** No renewal with this key for so long, while its access token lives. */
  function pause (key: string, ms: number): void {
    remember(pauses, key, performance.now() + ms)
  }

  /** A leeway longer than a token's life would renew it at each request: half its life it is left alone. */
  function restIfDue ({ session }: StoredSession): void {
    const left = (session.accessTokenExpiresAt ?? 0) - clock()
    if (tokenState(session, room.leeway, clock()) === 'due') pause(renewalKey(session), left * 500)
  }

  /** Under the lock, and awaited by nobody: another instance would use the spent refresh token, and the session would end. */
  function keepLater (key: string, lock: Lock): void {
    const endMs = performance.now() + KEEP_FOR_MS
    const keep = async (): Promise<void> => {
      const left = unkept.get(key)
      if (left !== undefined) await keepTokens(left.stored, key, left.tokens).catch(() => {})
      if (unkept.has(key) && performance.now() < endMs) again()
      else await lock.release()
    }
    const again = (): void => { setTimeout(() => { keep().catch(() => {}) }, KEEP_EVERY_MS).unref() }
    again()
  }

  async function underLock (stored: StoredSession, key: string): Promise<Renewal> {
    const deadline = performance.now() + patienceMs
    for (;;) {
      const lock = await coordinator.lock(key, lockMs)
      if (lock !== null) {
        try {
          return await readAgain(stored) ?? await callProvider(stored, key)
        } finally {
          if (unkept.has(key)) keepLater(key, lock)
          else await lock.release()
        }
      }
      if (isAlive(stored)) return { kind: 'kept', stored }
      const left = deadline - performance.now()
      if (left <= 0) throw new ProviderUnavailableError()
      await coordinator.waitForRelease(key, left)
      const again = await readAgain(stored)
      if (again !== null) return again
    }
  }

  async function renew (stored: StoredSession): Promise<Renewal> {
    const key = renewalKey(stored.session)
    const flight = flights.get(key)
    if (flight !== undefined) return isAlive(stored) ? { kind: 'kept', stored } : await flight
    if (isAlive(stored) && (pauses.get(key) ?? 0) > performance.now()) return { kind: 'kept', stored }
    const left = unkept.get(key)
    return await flights.share(key, async () => left === undefined ? await underLock(stored, key) : await keepTokens(left.stored, key, left.tokens))
  }

  return {
    renew,
    successor,
    acknowledge ({ handle, session: { renewedFrom } }) {
      if (renewedFrom === null || acknowledged.has(renewedFrom)) return
      if (acknowledged.size >= MAX_REMEMBERED) acknowledged.clear()
      acknowledged.add(renewedFrom)
      coordinator.takeResult(renewedFrom)
        .then(async result => { if (result !== null) await coordinator.publishResult(renewedFrom, handle, BRIDGE_MS) })
        .catch(() => { acknowledged.delete(renewedFrom) })
    }
  }
}
