import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock, EpochSeconds, RevocationTarget, SessionCoordinator } from 'fastify-oidc-session-store'
import { LogoutTokenInvalidError } from '../errors.ts'
import type { LogoutToken } from '../provider/logout-token.ts'

/** Longer than any token is good for: nobody keeps us remembering. */
const MAX_MEMORY_SECONDS = 86400

export interface BackchannelLogoutRoom {
  readonly coordinator: SessionCoordinator
  readonly clock: Clock
  /** Whose tokens these are: a `jti` is the provider's own, and another's may be the same (RFC 7519, section 4.1.7). */
  readonly owner: string
  /** Seconds by which a token is taken after its end. */
  readonly slack: number
  verify (token: string): Promise<LogoutToken>
  /** Ends the sessions; answers how many, null where that cannot be known. */
  revoke (target: RevocationTarget, before: EpochSeconds): Promise<number | null>
  refuse (request: FastifyRequest, reply: FastifyReply, error: unknown, event: string): FastifyReply
}

function readToken (body: unknown): string {
  const [token, ...others] = new URLSearchParams(typeof body === 'string' ? body : '').getAll('logout_token')
  if (token === undefined || others.length > 0) throw Object.assign(new LogoutTokenInvalidError(), { cause: new Error('the body has to be a form with one logout_token') })
  return token
}

function sendInvalid (request: FastifyRequest, reply: FastifyReply, error: Error): FastifyReply {
  const { message = '' } = (error.cause ?? {}) as { message?: string }
  request.log.warn({ oidc: 'logout.backchannel', code: 'FST_OIDC_LOGOUT_TOKEN_INVALID', err: error.cause }, `${error.message}: ${message}`)
  return reply.code(400).send({ error: 'invalid_request', error_description: error.message })
}

/**
 * The route at `backchannel_logout_path` (OpenID Connect Back-Channel Logout 1.0, sections 2.5 to 2.8). Ends what was
 * issued at or before the token, so that one that arrives late cannot end a later login.
 */
export function createBackchannelLogout (room: BackchannelLogoutRoom): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  /** The lock is kept: a second use of the same token finds it held. It is given back where the logout failed, so that the provider may try again. */
  async function endOnce ({ id, target, issuedAt, expiresAt }: LogoutToken): Promise<number | null> {
    const seconds = Math.min(MAX_MEMORY_SECONDS, Math.max(1, expiresAt - room.clock() + room.slack + 1))
    const lock = await room.coordinator.lock(JSON.stringify(['logout-token', room.owner, id]), seconds * 1000)
    if (lock === null) throw Object.assign(new LogoutTokenInvalidError(), { cause: new Error('it was used before (jti)') })
    try {
      return await room.revoke(target, issuedAt)
    } catch (error) {
      await lock.release().catch(() => {})
      throw error
    }
  }

  return async (request, reply) => {
    reply.header('cache-control', 'no-store')
    try {
      const count = await endOnce(await room.verify(readToken(request.body)))
      request.log.info({ oidc: 'logout.backchannel', count }, 'the provider ended sessions')
      return reply.code(200).send()
    } catch (error) {
      return error instanceof LogoutTokenInvalidError ? sendInvalid(request, reply, error) : room.refuse(request, reply, error, 'logout.backchannel')
    }
  }
}
