import type { FastifyReply, FastifyRequest } from 'fastify'
import type { StoredSession } from 'fastify-oidc-session-store'
import type { CookieJar } from '../cookie/jar.ts'
import { isCrossSite } from '../http/navigation.ts'
import { renderPage, sendPage } from '../http/page.ts'

export interface LogoutRouteRoom {
  readonly jar: CookieJar
  readonly path: string
  /** Where the signed-out page leads. */
  readonly home: string
  /** As configured: an absolute URL, a path, or nothing. */
  readonly postLogoutRedirectUri: string | null
  /** Ask before another site's link ends a session. */
  readonly confirmsForeign: boolean
  originOf (request: FastifyRequest): string
  peek (request: FastifyRequest): Promise<StoredSession | null>
  endHere (stored: StoredSession | null): Promise<void>
  leaveUrl (stored: StoredSession | null, returnTo: string | null): Promise<string | null>
  refuse (request: FastifyRequest, reply: FastifyReply, error: unknown, event: string): FastifyReply
  onEnded (request: FastifyRequest, stored: StoredSession | null): Promise<void>
}

/** A session that is over here. */
export interface EndedSession {
  /** null: nobody was logged in. */
  readonly sessionId: string | null
  /** The ID token as it was received. */
  readonly idToken: string | null
  /** Where the browser ends its session at the provider and comes back to this absolute address from; null: the provider has no such page, or cannot be asked. */
  providerUrl (returnTo: string | null): Promise<string | null>
}

/** Ends sessions. */
export interface LogoutRoute {
  /** The route at `logout_path`. */
  handle (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
  /** The same without asking, for `fastify.oidc.logout`. */
  logout (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
  /** The same here alone, and without an answer. @throws FST_OIDC_STORE_UNAVAILABLE */
  endSession (request: FastifyRequest, reply: FastifyReply): Promise<EndedSession>
}

export function createLogoutRoute (room: LogoutRouteRoom): LogoutRoute {
  function returnTo (request: FastifyRequest): string | null {
    const { postLogoutRedirectUri } = room
    return postLogoutRedirectUri === null ? null : new URL(postLogoutRedirectUri, room.originOf(request)).href
  }

  async function endSession (request: FastifyRequest, reply: FastifyReply): Promise<EndedSession> {
    const stored = await room.peek(request)
    await room.endHere(stored)
    room.jar.clear(request, reply)
    await room.onEnded(request, stored)
    return {
      sessionId: stored?.session.id ?? null,
      idToken: stored?.session.cold.idToken ?? null,
      providerUrl: async returnTo => await room.leaveUrl(stored, returnTo)
    }
  }

  async function logout (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    try {
      reply.header('cache-control', 'no-store')
      const { providerUrl } = await endSession(request, reply)
      const home = returnTo(request)
      const location = await providerUrl(home) ?? home
      if (location !== null) return reply.redirect(location, request.method === 'POST' ? 303 : 302)
      return sendPage(reply, renderPage({ title: 'Signed out', message: 'You are signed out here.', reference: null, action: { label: 'Sign in again', href: room.home, method: 'get' } }))
    } catch (error) {
      return room.refuse(request, reply, error, 'logout.failed')
    }
  }

  return {
    logout,
    endSession,
    async handle (request, reply) {
      const isForeign = isCrossSite(request, () => room.originOf(request))
      if (!room.confirmsForeign || !isForeign) return await logout(request, reply)
      return sendPage(reply, renderPage({ title: 'Sign out?', message: 'A link on another site asks to sign you out here.', reference: null, action: { label: 'Sign out', href: room.path, method: 'post' } }))
    }
  }
}
