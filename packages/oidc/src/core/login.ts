import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CookieJar } from '../cookie/jar.ts'
import type { Transactions } from '../cookie/transaction.ts'
import type { LoginAdvice } from '../http/login-advice.ts'
import { originOf, returnToOf, type ReturnTargets } from '../http/return-to.ts'
import { startLogin } from '../login/start.ts'
import type { AskedParameters } from '../provider/authorization.ts'
import type { CoreGround } from './core.ts'
import type { LoginOffer } from './fastify-oidc.ts'

export interface CookieRooms {
  readonly jar: CookieJar
  readonly transactions: Transactions
  readonly advice: LoginAdvice
  readonly targets: ReturnTargets
}

interface LoginAttempt {
  readonly returnTo: string
  /** How many attempts in a row went before. */
  readonly restarts: number
  /** `none`: nobody is to see anything of it. */
  readonly prompt: 'none' | null
  readonly asked?: AskedParameters
}

/** Sends a browser to the provider. @throws FST_OIDC_PROVIDER_UNAVAILABLE */
export type Login = (request: FastifyRequest, reply: FastifyReply, attempt: LoginAttempt) => Promise<FastifyReply>

/** A login that comes back to another host goes on to this one by a whole address, where the host is a known one. */
function wholeTarget (targets: ReturnTargets, path: string, origin: string, redirectUri: string): string {
  const arrival = new URL(redirectUri).origin
  return arrival === origin || !path.startsWith('/') ? path : targets.targetOf(origin + path, arrival) ?? path
}

export function createLogin ({ settings, provider, paths, clock }: CoreGround, { jar, transactions, advice, targets }: CookieRooms): Login {
  return async (request, reply, { returnTo, restarts, prompt, asked = {} }) => {
    const redirectUri = paths.redirectUriOf(request)
    const started = await startLogin(provider, settings, { returnTo: wholeTarget(targets, returnTo, originOf(request), redirectUri), redirectUri, attempt: restarts, prompt, asked })
    transactions.begin(request, reply, started.state, { ...started, startedAt: clock(), isSilent: prompt !== null }, jar.size(request))
    advice.begins(request, redirectUri)
    advice.setsCookies(request, reply, started.location)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    return reply.header('cache-control', 'no-store').redirect(started.location, isRead ? 302 : 303)
  }
}

/** What a visit without a session is answered. */
export interface VisitAnswer {
  readonly answer: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>
  offer (offer: LoginOffer): void
}

/** The way to the provider, unless somebody offers a page. */
export function createVisitAnswer (login: Login): VisitAnswer {
  let offered: LoginOffer = async (request, reply, returnTo) => await login(request, reply, { returnTo, restarts: 0, prompt: null })
  return {
    answer: async (request, reply) => await offered(request, reply, returnToOf(request, originOf(request))),
    offer (offer) { offered = offer }
  }
}
