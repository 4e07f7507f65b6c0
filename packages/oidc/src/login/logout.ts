import type { SessionStore, StoredSession } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import { endSessionUrl } from '../provider/end-session.ts'
import type { Provider } from '../provider/provider.ts'
import { revokeTokens } from '../provider/revocation.ts'

export interface LogoutRoom {
  readonly provider: Provider
  readonly settings: OidcSettings
  readonly store: SessionStore
  /** The session is over here, whatever the provider does. */
  onProviderFailed (error: Error): void
}

async function revokeIfAsked ({ provider, settings, onProviderFailed }: LogoutRoom, { session }: StoredSession): Promise<void> {
  if (!settings.revoke_tokens_on_logout) return
  await revokeTokens(provider, { refreshToken: session.cold.refreshToken, accessToken: session.accessToken }).catch(onProviderFailed)
}

/**
 * Ends a session here, then says where the browser ends it at the provider (OpenID Connect RP-Initiated Logout
 * 1.0); null: there is nowhere to go.
 * @throws FST_OIDC_STORE_UNAVAILABLE: then the session still lives
 */
export async function endLogin (room: LogoutRoom, stored: StoredSession | null, returnTo: string | null): Promise<string | null> {
  if (stored !== null) {
    await room.store.destroy(stored)
    await revokeIfAsked(room, stored)
  }
  try {
    return await endSessionUrl(room.provider, { idToken: stored?.session.cold.idToken ?? null, returnTo, state: null }) ?? returnTo
  } catch (error) {
    room.onProviderFailed(error as Error)
    return returnTo
  }
}
