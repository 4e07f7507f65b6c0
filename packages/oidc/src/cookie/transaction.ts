import type { FastifyReply, FastifyRequest } from 'fastify'
import { createSealer, type Clock, type EpochSeconds } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import { createDemand, type Demand } from '../policy/step-up.ts'
import { findCookies } from './cookie-header.ts'
import { clientKey, type CookieNames } from './cookie-names.ts'
import { cookieAttributes, isSecure, setCookie } from './set-cookie.ts'

/** A login that is under way in one tab. */
export interface Transaction {
  /** What the attempt proves itself by is derived from it. */
  readonly seed: string
  /** What was asked for: path and query, or the whole address where it is on another host. */
  readonly returnTo: string
  readonly startedAt: EpochSeconds
  /** A login that nobody sees, beside a session that lives. */
  readonly isSilent: boolean
  /** What the login is to be like; null: any will do. */
  readonly demand: Demand | null
}

/** Why an attempt is not found. `other scheme`: its cookie has the name that it has on https, and the request is not, or the reverse. */
export type LostAttempt = 'none came' | 'others came' | 'other scheme' | 'sealed elsewhere' | 'too old'

export type FoundAttempt = { readonly kind: 'found', readonly transaction: Transaction } | { readonly kind: 'lost', readonly lost: LostAttempt }

/** Keeps each attempt in a sealed cookie of its own, so that tabs do not overwrite each other. */
export interface Transactions {
  /** Takes the oldest attempts away where there would be too many. */
  begin (request: FastifyRequest, reply: FastifyReply, state: string, transaction: Transaction, sessionBytes: number): void
  find (request: FastifyRequest, state: string): FoundAttempt
  end (request: FastifyRequest, reply: FastifyReply, state: string): void
  /** Drops the oldest attempts until the rest fit beside a session of this size. */
  trim (request: FastifyRequest, reply: FastifyReply, sessionBytes: number): void
}

const LIFE = 600
const MAX_COUNT = 24
const MAX_BYTES = 8192
/** In one answer; what a stranger planted beyond that goes with the next. */
const MAX_DROPS = 32
/** A state is 43 characters, a full stop and a digit; what is longer is not ours and costs no work. */
const MAX_STATE_LENGTH = 64
const MAX_COOKIE_LENGTH = 4096
/** Cookies of one name, which sibling domains can plant. */
const MAX_TRIES = 4
const NOTHING_CAME: FoundAttempt = { kind: 'lost', lost: 'none came' }

interface Pending { readonly name: string, readonly bytes: number, readonly startedAt: number }

/** As short as it can be: a browser may have dozens of them. */
type Sealed = readonly [seed: string, returnTo: string, startedAt: EpochSeconds, silent?: 0 | 1, acrValues?: readonly string[], maxAge?: number | null]

function write ({ seed, returnTo, startedAt, isSilent, demand }: Transaction): Sealed {
  if (demand !== null) return [seed, returnTo, startedAt, isSilent ? 1 : 0, demand.acrValues, demand.maxAge]
  return isSilent ? [seed, returnTo, startedAt, 1] : [seed, returnTo, startedAt]
}

function read ([seed, returnTo, startedAt, silent, acrValues, maxAge]: Sealed): Transaction {
  return { seed, returnTo, startedAt, isSilent: silent === 1, demand: acrValues === undefined ? null : createDemand(acrValues, maxAge ?? null) }
}

/** When an attempt began stands in clear before its seal, so that the oldest is known without opening any. */
function startedAt (value: string): number {
  const end = value.indexOf('.')
  const parsed = Number.parseInt(value.slice(0, Math.max(0, end)), 36)
  return Number.isSafeInteger(parsed) ? parsed : 0
}

export function createTransactions (settings: OidcSettings, names: CookieNames, budget: number, clock: Clock): Transactions {
  const { session } = settings
  const sealer = createSealer({ secret: session.secret, fallbacks: session.secret_fallbacks, purpose: 'transaction', binding: clientKey(settings) })
  // Lax whatever the session has: the provider's answer is a navigation from another site.
  const attributes = { ...cookieAttributes(settings), sameSite: 'Lax' as const, httpOnly: true }

  function pending (request: FastifyRequest): Pending[] {
    const header = request.headers.cookie
    if (header === undefined) return []
    // Within a second the order of the header decides: browsers send the oldest first (RFC 6265, section 5.4).
    return findCookies(header, names.transactionPrefix(isSecure(request)))
      .map(({ name, value }) => ({ name, bytes: name.length + value.length + 3, startedAt: startedAt(value) }))
      .reverse()
      .sort((a, b) => b.startedAt - a.startedAt)
  }

  function drop (request: FastifyRequest, reply: FastifyReply, kept: { readonly count: number, readonly bytes: number }): void {
    let count = 0
    let bytes = 0
    let drops = 0
    for (const attempt of pending(request)) {
      count += 1
      bytes += attempt.bytes
      if (count <= kept.count && bytes <= kept.bytes) continue
      if (++drops > MAX_DROPS) return
      setCookie(request, reply, attempt.name, '', attributes, 0)
    }
  }

  function open (value: string, state: string): Transaction | null {
    const opened = value.length > MAX_COOKIE_LENGTH ? null : sealer.open(Buffer.from(value.slice(value.indexOf('.') + 1), 'base64url'), state)
    if (opened === null) return null
    return read(JSON.parse(opened.toString()) as Sealed)
  }

  /** What else came of ours, where the attempt's own cookie did not. */
  function traceOf (header: string, secure: boolean, state: string): LostAttempt {
    const elsewhere = names.transaction(!secure, state)
    if (findCookies(header, elsewhere).some(({ name }) => name === elsewhere)) return 'other scheme'
    return findCookies(header, names.transactionPrefix(secure)).length > 0 ? 'others came' : 'none came'
  }

  return {
    begin (request, reply, state, transaction, sessionBytes) {
      const name = names.transaction(isSecure(request), state)
      const sealed = sealer.seal(Buffer.from(JSON.stringify(write(transaction))), state)
      const value = `${transaction.startedAt.toString(36)}.${sealed.toString('base64url')}`
      const room = Math.min(MAX_BYTES, Math.max(0, budget - sessionBytes)) - name.length - value.length - 3
      drop(request, reply, { count: MAX_COUNT - 1, bytes: room })
      setCookie(request, reply, name, value, attributes, LIFE)
    },
    find (request, state) {
      const header = request.headers.cookie
      if (header === undefined || state.length > MAX_STATE_LENGTH) return NOTHING_CAME
      const secure = isSecure(request)
      const name = names.transaction(secure, state)
      const cookies = findCookies(header, name).filter(cookie => cookie.name === name).slice(0, MAX_TRIES)
      let lost: LostAttempt = 'sealed elsewhere'
      for (const { value } of cookies) {
        const transaction = open(value, state)
        if (transaction === null) continue
        if (clock() - transaction.startedAt <= LIFE) return { kind: 'found', transaction }
        lost = 'too old'
      }
      return { kind: 'lost', lost: cookies.length > 0 ? lost : traceOf(header, secure, state) }
    },
    end (request, reply, state) {
      const name = names.transaction(isSecure(request), state)
      if (request.headers.cookie?.includes(`${name}=`) === true) setCookie(request, reply, name, '', attributes, 0)
    },
    trim (request, reply, sessionBytes) {
      drop(request, reply, { count: MAX_COUNT, bytes: Math.max(0, budget - sessionBytes) })
    }
  }
}
