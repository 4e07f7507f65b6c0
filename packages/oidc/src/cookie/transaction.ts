import type { FastifyReply, FastifyRequest } from 'fastify'
import { createSealer, type Clock, type EpochSeconds } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import { findCookies } from './cookie-header.ts'
import { clientKey, type CookieNames } from './cookie-names.ts'
import { cookieAttributes, isSecure, setCookie } from './set-cookie.ts'

/** A login that is under way in one tab. */
export interface Transaction {
  /** What the attempt proves itself by is derived from it. */
  readonly seed: string
  /** Path and query that were asked for. */
  readonly returnTo: string
  readonly startedAt: EpochSeconds
  /** A login that nobody sees, beside a session that lives. */
  readonly isSilent: boolean
}

/** Keeps each attempt in a sealed cookie of its own, so that tabs do not overwrite each other. */
export interface Transactions {
  /** Takes the oldest attempts away where there would be too many. */
  begin (request: FastifyRequest, reply: FastifyReply, state: string, transaction: Transaction, sessionBytes: number): void
  /** null: unknown, too old, or not ours. */
  find (request: FastifyRequest, state: string): Transaction | null
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

interface Pending { readonly name: string, readonly bytes: number, readonly startedAt: number }

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

  return {
    begin (request, reply, state, transaction, sessionBytes) {
      const name = names.transaction(isSecure(request), state)
      const sealed = sealer.seal(Buffer.from(JSON.stringify([transaction.seed, transaction.returnTo, transaction.startedAt, ...(transaction.isSilent ? [1] : [])])), state)
      const value = `${transaction.startedAt.toString(36)}.${sealed.toString('base64url')}`
      const room = Math.min(MAX_BYTES, Math.max(0, budget - sessionBytes)) - name.length - value.length - 3
      drop(request, reply, { count: MAX_COUNT - 1, bytes: room })
      setCookie(request, reply, name, value, attributes, LIFE)
    },
    find (request, state) {
      const header = request.headers.cookie
      if (header === undefined || state.length > MAX_STATE_LENGTH) return null
      const name = names.transaction(isSecure(request), state)
      for (const cookie of findCookies(header, name).slice(0, 4)) {
        if (cookie.name !== name || cookie.value.length > MAX_COOKIE_LENGTH) continue
        const opened = sealer.open(Buffer.from(cookie.value.slice(cookie.value.indexOf('.') + 1), 'base64url'), state)
        if (opened === null) continue
        const [seed, returnTo, started, silent] = JSON.parse(opened.toString()) as [string, string, number, 1?]
        if (clock() - started <= LIFE) return { seed, returnTo, startedAt: started, isSilent: silent === 1 }
      }
      return null
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
