import type { SessionStore, StoredSession } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import { endSessionUrl } from '../provider/end-session.ts'
import type { Provider } from '../provider/provider.ts'
import { revokeTokens } from '../provider/revocation.ts'
import { isLocal } from '../session/local-users.ts'

export interface LogoutRoom {
  readonly provider: Provider
  readonly settings: OidcSettings
  readonly store: SessionStore
  /** The session is over here, whatever the provider does. */
  onProviderFailed (error: Error): void
}

async function revokeIfAsked ({ provider, settings, onProviderFailed }: LogoutRoom, { session }: StoredSession): Promise<void> {
  if (!settings.revoke_tokens_on_logout || isLocal(session)) return
  await revokeTokens(provider, { refreshToken: session.cold.refreshToken, accessToken: session.accessToken }).catch(onProviderFailed)
}

/**
 * Ends a session here.
 * @throws FST_OIDC_STORE_UNAVAILABLE: then the session still lives
 */
export async function endHere (room: LogoutRoom, stored: StoredSession | null): Promise<void> {
  if (stored === null) return
  await room.store.destroy(stored)
  await revokeIfAsked(room, stored)
}

/** Where the browser ends a session at the provider (OpenID Connect RP-Initiated Logout 1.0); null: nowhere. */
export async function leaveUrl (room: LogoutRoom, stored: StoredSession | null, returnTo: string | null): Promise<string | null> {
  if (stored !== null && isLocal(stored.session)) return null
  try {
    return await endSessionUrl(room.provider, { idToken: stored?.session.cold.idToken ?? null, returnTo, state: null })
  } catch (error) {
    room.onProviderFailed(error as Error)
    return null
  }
}
