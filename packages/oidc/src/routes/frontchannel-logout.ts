import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock, EpochSeconds, RevocationTarget } from 'fastify-oidc-session-store'
import { LogoutRequestInvalidError, LogoutsTooManyError } from '../errors.ts'
import type { LogoutBudget } from './logout-budget.ts'

const MAX_NAME_LENGTH = 255

export interface FrontchannelLogoutRoom {
  readonly clock: Clock
  /** The provider's. @throws FST_OIDC_PROVIDER_UNAVAILABLE */
  issuer (): Promise<string>
  /** For the sessions that are not known. */
  readonly budget: LogoutBudget
  /** False also where sessions live in browsers, so that nobody can know. */
  isKnown (target: RevocationTarget): Promise<boolean>
  revoke (target: RevocationTarget, before: EpochSeconds): Promise<number | null>
  refuse (request: FastifyRequest, reply: FastifyReply, error: unknown, event: string): FastifyReply
}

function readTarget (request: FastifyRequest, issuer: string): RevocationTarget {
  const { iss, sid } = request.query as Record<string, unknown>
  if (iss !== issuer || typeof sid !== 'string' || sid === '' || sid.length > MAX_NAME_LENGTH) throw new LogoutRequestInvalidError()
  return { issuer, providerSessionId: sid }
}

/** Nothing vouches for the request: what it makes us remember is bounded, or anybody could fill the memory of all instances. */
async function checkRoom ({ budget, isKnown }: FrontchannelLogoutRoom, request: FastifyRequest, target: RevocationTarget): Promise<void> {
  if (await isKnown(target) || budget.take()) return
  if (budget.isNews()) request.log.warn({ oidc: 'logout.frontchannel' }, 'front-channel logouts of unknown sessions are refused: somebody sends more of them than can be remembered. Use backchannel_logout_path, whose tokens are signed, or limit the rate of frontchannel_logout_path')
  throw new LogoutsTooManyError()
}

/**
 * The route at `frontchannel_logout_path` (OpenID Connect Front-Channel Logout 1.0, section 3). No cookie reaches a frame
 * of another site, so `iss` and `sid` say which session it is.
 */
export function createFrontchannelLogout (room: FrontchannelLogoutRoom): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  return async (request, reply) => {
    try {
      const issuer = await room.issuer()
      const target = readTarget(request, issuer)
      await checkRoom(room, request, target)
      const count = await room.revoke(target, room.clock())
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
