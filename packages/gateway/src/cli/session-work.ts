import type { RevokeTarget } from 'fastify-oidc'
import type { SessionSummary } from 'fastify-oidc-session-store'
import { openHome, type OpenHome, type SessionHome } from '../server/session-homes.ts'
import type { SessionRequest } from './session-arguments.ts'
import type { Terminal } from './terminal.ts'

/** One home, opened for one request. */
export interface SessionWork {
  readonly home: SessionHome
  readonly open: OpenHome
  readonly request: SessionRequest
  readonly terminal: Terminal
}

const QUIET_MS = 1000
const STEP_MS = 250

/** Says on a terminal how far it is, from the first second on. */
export function createProgress (terminal: Terminal, describe: (count: number) => string): { step (): void, end (): void } {
  let count = 0
  let next = performance.now() + QUIET_MS
  return {
    step () {
      count++
      const now = performance.now()
      if (now < next) return
      next = now + STEP_MS
      terminal.progress(describe(count))
    },
    end: () => { terminal.progress(null) }
  }
}

const nameOf = ({ routes }: SessionHome): string => routes.join(', ')

/** A home as messages name it. */
export const describeHome = (home: SessionHome): string => `sessions of ${nameOf(home)} (client ${home.clientId})`

async function knownIssuer ({ open, request }: SessionWork): Promise<string | null> {
  return request.issuer ?? await open.issuer()
}

/** Sessions that match whoever's provider they are of, for when nobody can say which is meant. */
async function * lookThrough ({ open, terminal }: SessionWork, matches: (session: SessionSummary) => boolean): AsyncIterable<SessionSummary> {
  const progress = createProgress(terminal, count => `${count} sessions looked through`)
  for await (const session of open.inspect('all')) {
    progress.step()
    if (matches(session)) yield session
  }
  progress.end()
}

/** The sessions that a request means. */
export async function * findSessions (work: SessionWork): AsyncIterable<SessionSummary> {
  const { open, home, request: { query }, terminal } = work
  if (query.kind === 'all') return yield * open.inspect('all')
  if (query.kind === 'id') return yield * open.inspect({ id: query.value })
  const issuer = await knownIssuer(work)
  if (issuer === null) {
    terminal.err(`${describeHome(home)}: the provider cannot be asked who it is; all sessions are looked through, of whatever issuer`)
    return yield * lookThrough(work, session => (query.kind === 'subject' ? session.subject : session.providerSessionId) === query.value)
  }
  yield * open.inspect(query.kind === 'subject' ? { issuer, subject: query.value } : { issuer, providerSessionId: query.value })
}

/**
 * Whom to revoke, where one name stands for the sessions.
 * @returns empty where neither the provider nor the store knows whose name it is
 */
export async function findTargets (work: SessionWork): Promise<RevokeTarget[]> {
  const { home, request: { query } } = work
  if (query.kind === 'all') return []
  if (query.kind === 'id') return [{ id: query.value }]
  const toTarget = (issuer: string): RevokeTarget => query.kind === 'subject' ? { sub: query.value, issuer } : { sid: query.value, issuer }
  const issuer = await knownIssuer(work)
  if (issuer !== null) return [toTarget(issuer)]
  if (home.reach !== 'stored') return []
  const issuers = new Set<string>()
  for await (const session of findSessions(work)) issuers.add(session.issuer)
  return [...issuers].map(toTarget)
}

/** A store that fails, as the operator needs to hear of it. */
function explainFailure (error: unknown, told: string | null): string {
  const { code, message, cause } = error as Error & { readonly code?: unknown }
  if (code !== 'FST_OIDC_STORE_UNAVAILABLE') throw error
  return `${message}${told !== null ? `: ${told}` : cause instanceof Error ? `: ${cause.message}` : ''}`
}

/** Opens a home, does the work and closes it; says so when its store cannot be reached. Answers whether it was done. */
export async function atHome (home: SessionHome, request: SessionRequest, terminal: Terminal, work: (work: SessionWork) => Promise<boolean>): Promise<boolean> {
  let told: string | null = null
  const keep = (line: string): void => {
    const { oidc, msg } = JSON.parse(line) as { oidc?: string, msg?: string }
    if (oidc?.startsWith('redis.') === true) told = msg ?? told
  }
  const open = await openHome(home, { write: keep })
  try {
    return await work({ home, open, request, terminal })
  } catch (error) {
    terminal.err(`${terminal.style('err', 'red', 'oidc-gateway:')} ${describeHome(home)}: ${explainFailure(error, told)}`)
    return false
  } finally {
    terminal.progress(null)
    await open.close()
  }
}
