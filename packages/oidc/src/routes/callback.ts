import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock, StoredSession, SessionStore } from 'fastify-oidc-session-store'
import type { CookieJar } from '../cookie/jar.ts'
import type { LostAttempt, Transaction, Transactions } from '../cookie/transaction.ts'
import { CallbackInvalidError, LoginExpiredError } from '../errors.ts'
import { renderPage, sendPage } from '../http/page.ts'
import type { ReturnTargets } from '../http/return-to.ts'
import type { LoginFinish } from '../login/finish.ts'
import { decideRestart } from '../login/restart.ts'
import { endsSession } from '../login/silent.ts'

export interface CallbackRoom {
  readonly jar: CookieJar
  readonly transactions: Transactions
  readonly finish: LoginFinish
  readonly store: SessionStore
  readonly clock: Clock
  /** Where a browser goes that has nowhere to go back to. */
  readonly home: string
  readonly targets: ReturnTargets
  /** Where the session's cookie is Strict: a redirect still counts as the provider's site, and would carry no cookie. */
  readonly goesOnByPage: boolean
  /** The status of a redirect that follows a login. */
  seeOther (): 302 | 303
  originOf (request: FastifyRequest): string
  redirectUriOf (request: FastifyRequest): string
  peek (request: FastifyRequest): Promise<StoredSession | null>
  /** Ends the session that a silent login was to confirm. */
  endSession (request: FastifyRequest, stored: StoredSession, cause: unknown): Promise<void>
  /** A silent login failed, and says nothing about the session. */
  keepSession (stored: StoredSession, cause: unknown): Promise<void>
  restart (request: FastifyRequest, reply: FastifyReply, attempt: number): Promise<FastifyReply>
  refuse (request: FastifyRequest, reply: FastifyReply, error: unknown, event: string, details: { readonly elsewhere: string }): FastifyReply
  /** For the log: why nobody waits for an answer. */
  explainLost (request: FastifyRequest, lost: LostAttempt): string
  /** The answer has its cookies, and goes where it is to go next. */
  onCarried (request: FastifyRequest, reply: FastifyReply): void
  onFinished (request: FastifyRequest, stored: StoredSession): void
  onFailed (error: unknown): void
}

/** A session that a new login replaces serves the requests under way, and no longer. */
const REPLACED_LIFE = 60
const MAX_QUERY = 16_384

/** Of the query, as far as it is looked at. */
export function parametersOf (request: FastifyRequest): URLSearchParams {
  const at = request.originalUrl.indexOf('?')
  return new URLSearchParams(at < 0 ? '' : request.originalUrl.slice(at + 1, at + 1 + MAX_QUERY))
}

/** Is this an answer of the provider? After a logout a browser comes back with a state alone. */
export function isProviderAnswer (request: FastifyRequest): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  const parameters = parametersOf(request)
  return parameters.has('state') && (parameters.has('code') || parameters.has('error'))
}

/** Where the provider's answer arrives. */
export function createCallback (room: CallbackRoom): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  async function replaceSession (request: FastifyRequest, stored: StoredSession): Promise<void> {
    for (const handle of room.jar.read(request)) {
      const old = handle === stored.handle ? null : await room.store.get(handle)
      if (old !== null && old.expiresAt > room.clock() + REPLACED_LIFE) await room.store.touch(old, room.clock() + REPLACED_LIFE)
    }
  }

  /** A session that no cookie can carry must not live on unseen. */
  async function carry (request: FastifyRequest, reply: FastifyReply, stored: StoredSession): Promise<number> {
    try {
      return room.jar.write(request, reply, stored, room.clock())
    } catch (error) {
      await room.store.destroy(stored)
      throw error
    }
  }

  function goOn (reply: FastifyReply, path: string): FastifyReply {
    if (!room.goesOnByPage) return reply.redirect(path, room.seeOther())
    return sendPage(reply, renderPage({ title: 'Signed in', message: 'You are signed in.', reference: null, action: { label: 'Continue', href: path, method: 'refresh' } }))
  }

  function whereTo (request: FastifyRequest, { returnTo }: Transaction): string {
    return room.targets.targetOf(returnTo, room.originOf(request)) ?? room.home
  }

  async function finish (request: FastifyRequest, reply: FastifyReply, state: string, transaction: Transaction): Promise<FastifyReply> {
    // Where the answer arrives is what it was asked for under: the provider sends browsers nowhere else.
    const redirectUri = room.redirectUriOf(request)
    const { kind, stored } = await room.finish.finish({ redirectUri, seed: transaction.seed, state, parameters: parametersOf(request), demand: transaction.demand })
    const bytes = await carry(request, reply, stored)
    room.transactions.end(request, reply, state)
    room.transactions.trim(request, reply, bytes)
    room.onCarried(request, reply)
    await replaceSession(request, stored)
    if (kind === 'new') room.onFinished(request, stored)
    return goOn(reply, whereTo(request, transaction))
  }

  /** Nobody is to see a failure of what nobody asked for: back to the page, with the session or without. */
  async function finishSilently (request: FastifyRequest, reply: FastifyReply, state: string, transaction: Transaction): Promise<FastifyReply> {
    try {
      return await finish(request, reply, state, transaction)
    } catch (error) {
      room.onFailed(error)
      const stored = await room.peek(request)
      // A login that came after this attempt began knows better.
      if (stored !== null && stored.session.authenticatedAt < transaction.startedAt) {
        if (endsSession(error, parametersOf(request))) {
          await room.endSession(request, stored, error)
          room.jar.clear(request, reply)
        } else await room.keepSession(stored, error)
      }
      room.transactions.end(request, reply, state)
      return goOn(reply, whereTo(request, transaction))
    }
  }

  /** The page that was asked for, where its attempt is known; the answer itself would fail again. */
  function pageToTryAgain (request: FastifyRequest): string {
    const found = room.transactions.find(request, parametersOf(request).get('state') ?? '')
    return found.kind === 'lost' ? room.home : room.targets.targetOf(found.transaction.returnTo, 'http://localhost') ?? room.home
  }

  /** An attempt that failed for good is forgotten; one that met an outage can be tried again. */
  function forgetUnlessOutage (request: FastifyRequest, reply: FastifyReply, error: unknown): void {
    const state = parametersOf(request).get('state')
    if (state !== null && (error as { statusCode?: unknown }).statusCode !== 503) room.transactions.end(request, reply, state)
  }

  async function recover (request: FastifyRequest, reply: FastifyReply, state: string, lost: LostAttempt): Promise<FastifyReply> {
    const decision = decideRestart(state, await room.peek(request) !== null)
    if (decision.kind === 'home') return reply.redirect(room.home, 302)
    const reason = room.explainLost(request, lost)
    if (decision.kind === 'give up') throw Object.assign(new LoginExpiredError(), { cause: new Error(reason) })
    request.log.info({ oidc: 'login.restarted', attempt: decision.attempt }, `the login begins again: ${reason}`)
    return await room.restart(request, reply, decision.attempt)
  }

  async function answer (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const parameters = parametersOf(request)
    const state = parameters.get('state')
    if (state === null || !isProviderAnswer(request)) {
      if (parameters.has('code') || parameters.has('error')) throw Object.assign(new CallbackInvalidError(), { cause: new Error('the answer has no state') })
      return reply.redirect(room.home, 302)
    }
    const found = room.transactions.find(request, state)
    if (found.kind === 'lost') return await recover(request, reply, state, found.lost)
    const { transaction } = found
    return transaction.isSilent ? await finishSilently(request, reply, state, transaction) : await finish(request, reply, state, transaction)
  }

  return async (request, reply) => {
    reply.header('cache-control', 'no-store')
    try {
      return await answer(request, reply)
    } catch (error) {
      room.onFailed(error)
      forgetUnlessOutage(request, reply, error)
      return room.refuse(request, reply, error, 'login.failed', { elsewhere: pageToTryAgain(request) })
    }
  }
}
