import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock, EpochSeconds, RevocationTarget } from 'fastify-oidc-session-store'
import { LogoutRequestInvalidError } from '../errors.ts'

const MAX_NAME_LENGTH = 255

export interface FrontchannelLogoutRoom {
  readonly clock: Clock
  /** The provider's. @throws FST_OIDC_PROVIDER_UNAVAILABLE */
  issuer (): Promise<string>
  revoke (target: RevocationTarget, before: EpochSeconds): Promise<number | null>
  refuse (request: FastifyRequest, reply: FastifyReply, error: unknown, event: string): FastifyReply
}

function readTarget (request: FastifyRequest, issuer: string): RevocationTarget {
  const { iss, sid } = request.query as Record<string, unknown>
  if (iss !== issuer || typeof sid !== 'string' || sid === '' || sid.length > MAX_NAME_LENGTH) throw new LogoutRequestInvalidError()
  return { issuer, providerSessionId: sid }
}

/**
 * The route at `frontchannel_logout_path` (OpenID Connect Front-Channel Logout 1.0, section 3). No cookie reaches a frame
 * of another site, so `iss` and `sid` say which session it is.
 */
export function createFrontchannelLogout (room: FrontchannelLogoutRoom): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  return async (request, reply) => {
    try {
      const issuer = await room.issuer()
      const count = await room.revoke(readTarget(request, issuer), room.clock())
      request.log.info({ oidc: 'logout.frontchannel', count }, 'the provider ended a session')
      return reply.headers({
        'cache-control': 'no-store',
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': `default-src 'none'; frame-ancestors ${new URL(issuer).origin}; base-uri 'none'`,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer'
      }).send('<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Signed out</title></head><body></body></html>\n')
    } catch (error) {
      return room.refuse(request, reply, error, 'logout.frontchannel')
    }
  }
}
