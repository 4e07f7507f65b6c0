import type { EpochSeconds, Session, StoredSession } from 'fastify-oidc-session-store'
import { isLocal } from './local-users.ts'

/** How long sessions live, in seconds. 0 or null: no such limit. */
export interface Lifetimes {
  /** Slides with use. */
  readonly lifetime: number
  readonly idling: number | null
  /** Of one handle. */
  readonly rolling: number | null
  readonly absolute: number
}

/** How a session's access token stands. */
export type TokenState = 'alive' | 'due' | 'dead'

const IDLE_TOUCH = 60
/** Of sessions that no provider ever hears of, where `absolute_timeout` sets no end. */
const LOCAL_ABSOLUTE = 86_400

const isSet = (limit: number | null): limit is number => limit !== null && limit > 0

function absoluteOf (session: Session, { absolute }: Lifetimes): number {
  return absolute === 0 && isLocal(session) ? LOCAL_ABSOLUTE : absolute
}

/** How long a handle lives that nobody uses. */
function handleLife ({ lifetime, rolling }: Lifetimes): number {
  return isSet(rolling) ? Math.min(lifetime, rolling) : lifetime
}

function slide (lifetimes: Lifetimes): number {
  const life = handleLife(lifetimes)
  return isSet(lifetimes.idling) ? Math.min(life, lifetimes.idling) : life
}

/** When a session that is used now ends. */
export function expiryOf (session: Session, lifetimes: Lifetimes, now: EpochSeconds): EpochSeconds {
  const sliding = now + slide(lifetimes)
  const absolute = absoluteOf(session, lifetimes)
  return absolute === 0 ? sliding : Math.min(sliding, session.createdAt + absolute)
}

/** Is it over? Whoever gave it its end may have had a longer `absolute_timeout` than there is now, or here. */
export function isOver ({ session, expiresAt }: StoredSession, lifetimes: Lifetimes, now: EpochSeconds): boolean {
  const absolute = absoluteOf(session, lifetimes)
  return expiresAt <= now || (absolute !== 0 && session.createdAt + absolute <= now)
}

/**
 * Is it time to move the end? In the last quarter of the lifetime; with an idle limit at least each minute of
 * use, since that limit counts from the last request.
 */
export function isTouchDue (stored: StoredSession, lifetimes: Lifetimes, now: EpochSeconds): boolean {
  const span = slide(lifetimes)
  const used = span - (stored.expiresAt - now)
  const isIdleBound = isSet(lifetimes.idling) && lifetimes.idling <= handleLife(lifetimes)
  const interval = isIdleBound ? Math.min(IDLE_TOUCH, Math.floor(span / 4)) : Math.floor(span * 3 / 4)
  return used >= interval && expiryOf(stored.session, lifetimes, now) > stored.expiresAt
}

/** A token without an expiry never dies; one that dies within the leeway, at least a second, is due. */
export function tokenState ({ accessTokenExpiresAt }: Session, leeway: number, now: EpochSeconds): TokenState {
  if (accessTokenExpiresAt === null) return 'alive'
  if (now >= accessTokenExpiresAt) return 'dead'
  return now >= accessTokenExpiresAt - Math.max(1, leeway) ? 'due' : 'alive'
}
