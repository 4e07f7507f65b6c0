import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LightMyRequestResponse as Response } from 'fastify'
import { handleOf, now, setCookies } from '../../oidc/session-parts.ts'
import type { Application } from '../../oidc/support.ts'
import type { CrowdProvider } from './crowd-provider.ts'
import { sendLogout, signOut, visit } from './instances.ts'

export const LIFETIME = 3600

export type LogoutKind = 'route' | 'revoke' | 'backchannel'
export type WriteKind = 'create' | 'touch' | 'renew'

/** What was written last for somebody, and when. */
export interface Write {
  readonly kind: WriteKind
  readonly startedMs: number
  readonly answeredMs: number
}

/** Somebody with a session. */
export interface Visitor {
  readonly cookie: string
  readonly subject: string
  readonly sid: string
  readonly id: string
  token: string | null
  last: Write
  /** Until when the session was promised to live, where a request has moved that. */
  end: number | null
  /** Asked for; `doneMs`: answered. */
  logout: { readonly kind: LogoutKind, readonly doneMs: number | null } | null
  /** Answered as nobody, which only the loss of something young excuses. */
  goneMs: number | null
}

export interface Outage { firstMs: number, lastMs: number, count: number }

/** A steady crowd at several instances, which notes all that it is told. */
export interface Crowd {
  readonly visitors: readonly Visitor[]
  /** What must never be, in words. */
  readonly faults: string[]
  readonly outage: Outage
  readonly counts: Record<string, number>
  /** People who are there before it starts; a third of them touch their session at their first request. */
  gather (count: number): Promise<void>
  start (): void
  /** Resolves when nobody is under way any more. */
  stop (): Promise<void>
  /** The instant of the failure: what was written up to a second before it must survive. */
  failed (): void
  /** Milliseconds from the failure on. */
  since (ms: number): number
  isYoung (write: Write): boolean
}

export interface CrowdOptions {
  readonly instances: readonly Application[]
  readonly provider: CrowdProvider
  /** Milliseconds between two steps, of one request each. */
  readonly everyMs: number
}

const LOGOUTS: readonly LogoutKind[] = ['route', 'revoke', 'backchannel']
const YOUNG_MS = 1000
const MAX_UNDER_WAY = 400

function pick<T> (from: readonly T[]): T | null {
  return from[Math.floor(Math.random() * from.length)] ?? null
}

/** 503 has to say when to come again, and may take no cookie away. */
function outageFault (answer: Response): string | null {
  if (answer.headers['retry-after'] === undefined) return '503 without Retry-After'
  return setCookies(answer).length > 0 ? `503 with ${setCookies(answer).join()}` : null
}

export function createCrowd ({ instances, provider, everyMs }: CrowdOptions): Crowd {
  const visitors: Visitor[] = []
  const faults: string[] = []
  const counts: Record<string, number> = {}
  const outage: Outage = { firstMs: 0, lastMs: 0, count: 0 }
  const underWay = new Set<Promise<void>>()
  let failedMs = Infinity
  let timer: NodeJS.Timeout | null = null
  let step = 0

  const count = (what: string): void => { counts[what] = (counts[what] ?? 0) + 1 }
  const fault = (text: string): void => { faults.push(`${text}, ${Math.round(performance.now() - failedMs)} ms after the failure`) }
  const isYoung = ({ startedMs, answeredMs }: Write): boolean => startedMs < failedMs && answeredMs > failedMs - YOUNG_MS
  const sawOutage = (): void => {
    const nowMs = performance.now()
    if (outage.count === 0) outage.firstMs = nowMs
    outage.lastMs = nowMs
    outage.count++
  }

  async function arrive (at: Application, touches: boolean): Promise<void> {
    const [subject, sid, id] = [randomUUID(), randomUUID(), randomUUID()]
    const startedMs = performance.now()
    const session = {
      id,
      subject,
      issuer: provider.issuer,
      providerSessionId: sid,
      issuedAt: now() - 1,
      createdAt: now(),
      accessToken: `access-${id}`,
      accessTokenExpiresAt: touches ? null : now() + provider.tokenLife,
      cold: { refreshToken: touches ? null : provider.grant(), idToken: null }
    }
    const cookie = await at.app.oidc.issueCookie(session)
    if (touches) await shorten(at, cookie)
    count('create')
    visitors.push({ cookie, subject, sid, id, token: session.accessToken, last: { kind: 'create', startedMs, answeredMs: performance.now() }, end: null, logout: null, goneMs: null })
  }

  /** As if most of its life had passed, so that the next request moves the end. */
  async function shorten (at: Application, cookie: string): Promise<void> {
    const stored = await at.app.oidcSessionStore.get(handleOf(cookie))
    if (stored === null || await at.app.oidcSessionStore.touch(stored, now() + LIFETIME / 5) === null) throw new Error('a session that was just made is gone')
  }

  function noteWrites (visitor: Visitor, answer: Response, startedMs: number): void {
    const { token } = answer.json<{ token: string }>()
    const wrote = (kind: WriteKind): void => {
      count(kind)
      visitor.last = { kind, startedMs, answeredMs: performance.now() }
    }
    if (token !== visitor.token) wrote('renew')
    else if (setCookies(answer).length > 0) {
      wrote('touch')
      visitor.end = now() + LIFETIME - 2
    }
    visitor.token = token
  }

  function noteAbsence (visitor: Visitor, status: number): void {
    visitor.goneMs ??= performance.now()
    if (visitor.logout !== null) return
    if (performance.now() < failedMs || !isYoung(visitor.last)) fault(`${status} for a session whose last write (${visitor.last.kind}) was ${Math.round(failedMs - visitor.last.answeredMs)} ms before the failure`)
  }

  async function ask (at: Application, visitor: Visitor): Promise<void> {
    const startedMs = performance.now()
    const wasOut = visitor.logout?.doneMs ?? null
    const answer = await visit(at, visitor.cookie)
    count(String(answer.statusCode))
    if (answer.statusCode === 200) {
      if (wasOut !== null) fault(`a session that was ended (${visitor.logout?.kind}) ${Math.round(startedMs - wasOut)} ms ago was served`)
      else noteWrites(visitor, answer, startedMs)
    } else if (answer.statusCode === 503) {
      sawOutage()
      const wrong = outageFault(answer)
      if (wrong !== null) fault(wrong)
    } else noteAbsence(visitor, answer.statusCode)
  }

  async function isAnswered (at: Application, { cookie, subject, sid }: Visitor, kind: LogoutKind): Promise<boolean> {
    switch (kind) {
      case 'revoke': return await at.app.oidc.revoke({ sub: subject }).then(() => true, () => false)
      case 'route': return (await signOut(at, cookie)).statusCode < 400
      case 'backchannel': return (await sendLogout(at, await provider.logoutToken({ sub: subject, sid }))).statusCode === 200
    }
  }

  /** A logout that is refused is asked for again, as a person or a provider would. */
  async function leave (at: Application, visitor: Visitor, kind: LogoutKind): Promise<void> {
    visitor.logout = { kind, doneMs: null }
    for (let attempt = 0; attempt < 60; attempt++) {
      if (await isAnswered(at, visitor, kind)) {
        visitor.logout = { kind, doneMs: performance.now() }
        return count(`logout by ${kind}`)
      }
      count('logout refused')
      await sleep(150)
    }
    fault(`a logout (${kind}) was never answered`)
  }

  async function act (turn: number): Promise<void> {
    const at = pick(instances)
    if (at === null) return
    const here = visitors.filter(({ logout, goneMs }) => logout === null && goneMs === null)
    const visitor = pick(here)
    if (turn % 10 === 0 || visitor === null) await arrive(at, turn % 20 === 0).catch(sawOutage)
    else if (turn % 10 === 5 && here.length > 50) await leave(at, visitor, LOGOUTS[Math.floor(turn / 10) % LOGOUTS.length] ?? 'route')
    else if (turn % 10 === 7) await ask(at, pick(visitors) ?? visitor)
    else await ask(at, visitor)
  }

  function run (work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => { fault(`it threw: ${String(error)}`) }).finally(() => { underWay.delete(tracked) })
    underWay.add(tracked)
  }

  return {
    visitors,
    faults,
    outage,
    counts,
    isYoung,
    since: ms => Math.round(ms - failedMs),
    gather: async people => {
      for (let turn = 0; turn < people; turn++) await arrive(instances[turn % instances.length] as Application, turn % 3 === 0)
    },
    start: () => { timer = setInterval(() => { if (underWay.size < MAX_UNDER_WAY) run(act(step++)) }, everyMs) },
    stop: async () => {
      if (timer !== null) clearInterval(timer)
      while (underWay.size > 0) await Promise.all(underWay)
    },
    failed: () => { failedMs = performance.now() }
  }
}
