import type { Clock, SessionCoordinator, StoredSession } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import { isLocal } from './local-users.ts'

/** What a visit with a session needs first; `silent`: a login that nobody sees, and without which the session goes on. */
export type Demand = 'nothing' | 'login' | 'silent'

/** Says when a session alone does not do for a visit: `force_reauthorize` and `refresh_session_interval`. */
export interface Reauthentication {
  demand (stored: StoredSession): Promise<Demand>
  /** A silent login came to nothing that counts: the session is left alone for a while. */
  pause (stored: StoredSession): Promise<void>
}

export interface ReauthenticationRoom {
  readonly coordinator: SessionCoordinator
  readonly clock: Clock
}

/** Seconds after a login in which the page that it leads to may be asked for; long enough for clocks that differ. */
const FRESH = 120
/** Other tabs are served meanwhile, so that they do not all go to the provider. */
const ATTEMPT_MS = 30_000
const PAUSE_MS = 60_000

/** null: a session is enough, always. */
export function createReauthentication ({ force_reauthorize: isForced, refresh_session_interval: interval }: Pick<OidcSettings, 'force_reauthorize' | 'refresh_session_interval'>, { coordinator, clock }: ReauthenticationRoom): Reauthentication | null {
  if (!isForced && interval === undefined) return null

  /** A login is good for one visit: who takes the lock first has it, and nobody gives it back. */
  async function isFirstVisit ({ session }: StoredSession): Promise<boolean> {
    if (clock() - session.authenticatedAt > FRESH) return false
    return await coordinator.lock(`visit ${session.id}`, (FRESH * 2) * 1000) !== null
  }

  async function isSilentLoginDue ({ session }: StoredSession): Promise<boolean> {
    // The provider could only say that it does not know somebody whom it never knew.
    if (interval === undefined || isLocal(session) || clock() - session.authenticatedAt < interval) return false
    if (await coordinator.takeResult(`pause ${session.id}`) !== null) return false
    return await coordinator.lock(`silent ${session.id}`, ATTEMPT_MS) !== null
  }

  return {
    async demand (stored) {
      if (isForced) return await isFirstVisit(stored) ? 'nothing' : 'login'
      return await isSilentLoginDue(stored) ? 'silent' : 'nothing'
    },
    async pause ({ session }) {
      await coordinator.publishResult(`pause ${session.id}`, '', PAUSE_MS)
    }
  }
}
