import { STATUS_CODES } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { publish } from '../events.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import { explainRefusal } from '../policy/refusal.ts'
import { demandParameters } from '../policy/step-up.ts'
import { explain, rootCause } from '../provider/fault.ts'
import type { ErrorFacts, ErrorPages } from './error-page.ts'
import { sendPage } from './page.ts'
import { quote } from './quoted-string.ts'
import { refusalIn } from './refusal-error.ts'
import { describeError, repeatable, shownId, wantsPage } from './shown-error.ts'
import { demandIn } from './step-up.ts'

/** 401s that say in the challenge what is wrong, by a text that is always the same. */
const CHALLENGED = new Set(['FST_OIDC_BEARER_INVALID', 'FST_OIDC_CLAIMS_INVALID'])
/** Of callers, and not of ours: a line each, without a fault in it. */
const OF_CALLERS = new Set([...CHALLENGED, 'FST_OIDC_CREDENTIALS_INVALID'])
/** Seconds after which an outage is worth another try. */
const RETRY_AFTER = 5

interface KnownError extends Error {
  readonly code: string
  readonly statusCode: number
  /** Seconds. */
  readonly retryAfter?: number
}

/** Is this an error of this package family, which has a code, a status and a message that anybody may read? */
export function isKnown (error: unknown): error is KnownError {
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('FST_OIDC_') && typeof (error as { statusCode?: unknown }).statusCode === 'number'
}

export interface RefusalRoom {
  readonly clientId: string
  readonly realm: string
  readonly pages: ErrorPages
  /** No person looks at the answer, whatever the request says. Default: what the request says. */
  isForProgram? (request: FastifyRequest): boolean
  issuer (): string | null
  /** What each challenge says beside what is wrong; `enforced`: the policy of a guard; null: none was. */
  challengeMore (request: FastifyRequest, enforced: CompiledPolicy | null): string
  /** A challenge of its own for whoever may bring a name and a password; null: nobody may. */
  challengeBasic (request: FastifyRequest, enforced: CompiledPolicy | null, code: string): string | null
}

export interface RefusalDetails {
  /** Where a person may try again when the same request would be in vain. */
  readonly elsewhere?: string
  /** What was enforced. Default: what the route requires. */
  readonly policy?: CompiledPolicy
}

/** What a policy found goes with it: names of groups and an e-mail address, never a token. */
function logDebug (request: FastifyRequest, error: KnownError, line: object, text: string): void {
  const refusal = refusalIn(error)
  if (refusal === null) request.log.debug(line, text)
  else request.log.debug({ ...line, option: refusal.option, unmet: refusal.unmet, names: refusal.names, found: refusal.found }, `${text}: ${explainRefusal(refusal)}`)
}

function logRefusal (request: FastifyRequest, error: KnownError, event: string): void {
  const cause = error.cause === undefined ? undefined : rootCause(error)
  const line = { oidc: event, code: error.code, cause: cause?.code ?? undefined, err: error.cause ?? undefined }
  const text = cause === undefined ? error.message : explain(error.message, error)
  if (error.statusCode === 503 || error.statusCode === 500) request.log.error(line, text)
  else if (OF_CALLERS.has(error.code)) request.log.info({ oidc: event, code: error.code }, text)
  else if (error.statusCode === 502 || error.cause !== undefined) request.log.warn(line, text)
  else logDebug(request, error, line, text)
}

/** Texts that the documents of the attribute table promise, as they are. */
const PROMISED = new Set(['FST_OIDC_INSUFFICIENT_SCOPE', 'FST_OIDC_AUDIENCE_MISSING', 'FST_OIDC_AUDIENCE_MISMATCH'])
/** The token does not reach that far (RFC 6750, section 3.1). */
const INSUFFICIENT = new Set([...PROMISED, 'FST_OIDC_SCOPE_EXCLUDED', 'FST_OIDC_GROUPS_REFUSED'])

/** RFC 9470, section 3. */
function stepUpChallenge (error: KnownError, realm: string): string {
  const wanted = Object.entries(demandParameters(demandIn(error))).map(([name, values]) => `, ${name}=${quote(values.join(' '))}`)
  return `Bearer realm=${quote(realm)}, error="insufficient_user_authentication", error_description=${quote(error.message)}${wanted.join('')}`
}

function challenge (error: KnownError, realm: string): string | null {
  if (CHALLENGED.has(error.code)) return `Bearer realm=${quote(realm)}, error="invalid_token", error_description=${quote(error.message)}`
  if (error.code === 'FST_OIDC_STEP_UP_REQUIRED') return stepUpChallenge(error, realm)
  if (error.statusCode === 401) return `Bearer realm=${quote(realm)}`
  if (INSUFFICIENT.has(error.code)) return `Bearer realm=${quote(realm)}, error="insufficient_scope"`
  return null
}

function challengesOf (room: RefusalRoom, request: FastifyRequest, error: KnownError, enforced: CompiledPolicy | null): string[] {
  const wanted = challenge(error, room.realm)
  if (wanted === null) return []
  const basic = error.statusCode === 401 ? room.challengeBasic(request, enforced, error.code) : null
  return [wanted + room.challengeMore(request, enforced), ...basic === null ? [] : [basic]]
}

/** `elsewhere`: where a person may go when the same request would be in vain; null: nobody says. */
function describe (request: FastifyRequest, { statusCode: status, message, code }: KnownError, elsewhere: string | null): ErrorFacts {
  const own = repeatable(request)
  const isDenied = status === 401 || status === 403
  return describeError(request, { status, code, message }, {
    tryAgain: isDenied ? null : (status === 503 ? own : null) ?? elsewhere ?? '/',
    returnTo: elsewhere ?? own ?? '/'
  })
}

function sendJson (request: FastifyRequest, reply: FastifyReply, error: KnownError): FastifyReply {
  const text = PROMISED.has(error.code) ? error.message : STATUS_CODES[error.statusCode]
  return reply.send({ statusCode: error.statusCode, code: error.code, error: text, message: error.message, requestId: shownId(request) })
}

/** Answers with an error of ours: one log line with cause and remedy, nothing of either for the caller. */
export function createRefusal (room: RefusalRoom): (request: FastifyRequest, reply: FastifyReply, error: unknown, event: string, details?: RefusalDetails) => FastifyReply {
  return (request, reply, error, event, { elsewhere, policy } = {}) => {
    if (!isKnown(error)) throw error
    logRefusal(request, error, event)
    publish('refused', { clientId: room.clientId, issuer: room.issuer(), sessionId: request.oidc?.sessionId ?? null, code: error.code })
    reply.code(error.statusCode).header('cache-control', 'no-store')
    const challenges = challengesOf(room, request, error, policy ?? null)
    if (challenges.length > 0) reply.header('www-authenticate', challenges.length === 1 ? challenges[0] : challenges)
    const retryAfter = error.retryAfter ?? (error.statusCode === 503 ? RETRY_AFTER : null)
    if (retryAfter !== null) reply.header('retry-after', retryAfter)
    return wantsPage(request) && room.isForProgram?.(request) !== true ? sendPage(reply, room.pages.render(describe(request, error, elsewhere ?? null))) : sendJson(request, reply, error)
  }
}
