import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CookieJar } from '../cookie/jar.ts'
import type { Transactions } from '../cookie/transaction.ts'
import type { LoginAdvice } from '../http/login-advice.ts'
import { originOf, returnToOf, type ReturnTargets } from '../http/return-to.ts'
import { startLogin } from '../login/start.ts'
import { demandParameters, type Demand } from '../policy/step-up.ts'
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
  /** What the login is to be like. Default: any will do. */
  readonly demand?: Demand | null
}

/** Sends a browser to the provider. @throws FST_OIDC_PROVIDER_UNAVAILABLE */
export type Login = (request: FastifyRequest, reply: FastifyReply, attempt: LoginAttempt) => Promise<FastifyReply>

/** A login that comes back to another host goes on to this one by a whole address, where the host is a known one. */
function wholeTarget (targets: ReturnTargets, path: string, origin: string, redirectUri: string): string {
  const arrival = new URL(redirectUri).origin
  return arrival === origin || !path.startsWith('/') ? path : targets.targetOf(origin + path, arrival) ?? path
}

export function createLogin ({ settings, provider, paths, clock }: CoreGround, { jar, transactions, advice, targets }: CookieRooms): Login {
  return async (request, reply, { returnTo, restarts, prompt, asked = {}, demand = null }) => {
    const redirectUri = paths.redirectUriOf(request)
    const started = await startLogin(provider, settings, { returnTo: wholeTarget(targets, returnTo, originOf(request), redirectUri), redirectUri, attempt: restarts, prompt, asked: { ...demandParameters(demand), ...asked } })
    transactions.begin(request, reply, started.state, { ...started, startedAt: clock(), isSilent: prompt !== null, demand }, jar.size(request))
    advice.begins(request, redirectUri)
    advice.setsCookies(request, reply, started.location)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    return reply.header('cache-control', 'no-store').redirect(started.location, isRead ? 302 : 303)
  }
}

/** What a visit is answered that needs a login. */
export interface VisitAnswer {
  readonly answer: (request: FastifyRequest, reply: FastifyReply, demand: Demand | null) => Promise<FastifyReply>
  /** The same for who has a session that does not do: no page offers this login. */
  readonly stepUp: (request: FastifyRequest, reply: FastifyReply, demand: Demand) => Promise<FastifyReply>
  offer (offer: LoginOffer): void
}

/** The way to the provider, unless somebody offers a page. */
export function createVisitAnswer (login: Login): VisitAnswer {
  let offered: LoginOffer | null = null
  const goToProvider = async (request: FastifyRequest, reply: FastifyReply, demand: Demand | null): Promise<FastifyReply> => await login(request, reply, { returnTo: returnToOf(request, originOf(request)), restarts: 0, prompt: null, demand })
  return {
    answer: async (request, reply, demand) => offered === null ? await goToProvider(request, reply, demand) : await offered(request, reply, returnToOf(request, originOf(request))),
    stepUp: goToProvider,
    offer (offer) { offered = offer }
  }
}
