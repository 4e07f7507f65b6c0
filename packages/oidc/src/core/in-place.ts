import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import type { CookieJar } from '../cookie/jar.ts'
import type { Transactions } from '../cookie/transaction.ts'
import { PathTakenError } from '../errors.ts'
import { pathOf } from '../http/return-to.ts'
import type { ScopePaths } from '../http/scope-paths.ts'
import type { OidcSettings } from '../options/settings.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import { isProviderAnswer, parametersOf } from '../routes/callback.ts'

/** What tells an answer of the provider from a page of the application. */
export interface AttemptRooms {
  readonly jar: CookieJar
  readonly transactions: Transactions
}

/** Answers of the provider that come to a path which cannot be, or is not only, a route of ours. */
export interface InPlace {
  /** A route of the application has the path of the callback. */
  readonly stands: boolean
  /** The guard of a route that has this policy takes the request for an answer. */
  recognizes (request: FastifyRequest, policy: CompiledPolicy, rooms: AttemptRooms): boolean
  /**
   * A route that is declared at the path of the callback goes before ours, and takes the answers in its place.
   * @throws FST_OIDC_PATH_TAKEN where nobody would look at them
   */
  stand (fastify: FastifyInstance, route: RouteOptions): void
}

/** As logins of ours write it: anybody can. */
const OWN_STATE = /^[\w-]{43}\.\d$/
/** Goes before a route without one at the same path. */
const ANY_HOST = /^/

/** A code does not belong into a log, whoever it is for. */
const describeRequest = (request: FastifyRequest) => ({ method: request.method, url: isProviderAnswer(request) ? pathOf(request) : request.url, host: request.host, remoteAddress: request.ip })

/** An attempt that is lost is begun anew by the callback, a few times in a row: the guard would send a browser without cookies round for ever. */
function isLost (request: FastifyRequest, state: string, { jar }: AttemptRooms): boolean {
  return OWN_STATE.test(state) && jar.read(request).length === 0
}

/** Reads from a server whether routes stand already where answers come to. */
export function createInPlace (fastify: FastifyInstance, { callback, suffix }: ScopePaths, { bearer_only: bearerOnly }: OidcSettings): InPlace {
  let stands = !bearerOnly && callback !== null && fastify.hasRoute({ method: 'GET', url: callback })

  function isAnswer (request: FastifyRequest, { unauthAction }: CompiledPolicy, rooms: AttemptRooms): boolean {
    if (!stands || pathOf(request) !== callback || !isProviderAnswer(request)) return false
    const state = parametersOf(request).get('state') ?? ''
    return rooms.transactions.find(request, state).kind === 'found' || (unauthAction === 'auth' && isLost(request, state, rooms))
  }

  return {
    get stands () { return stands },
    recognizes (request, policy, rooms) {
      if (bearerOnly) return false
      return callback === null ? request.originalUrl.includes(`${suffix}?`) && pathOf(request).endsWith(suffix) && isProviderAnswer(request) : isAnswer(request, policy, rooms)
    },
    stand (scope, route) {
      if (route.config?.oidc === false) throw new PathTakenError('redirect_uri', route.url)
      if (route.constraints?.host === undefined) {
        if (scope.hasConstraintStrategy('host')) throw new PathTakenError('redirect_uri', route.url)
        route.constraints = { ...route.constraints, host: ANY_HOST }
      }
      route.logSerializers = Object.assign(Object.create(route.logSerializers ?? null) as object, { req: route.logSerializers?.req ?? describeRequest })
      stands = true
    }
  }
}
