import { userInfo } from 'node:os'
import pino, { type Logger } from 'pino'
import type { RevokeTarget } from 'fastify-oidc'
import type { SessionHome } from '../server/session-homes.ts'
import type { SessionRequest } from './session-arguments.ts'
import { printable } from './session-listing.ts'
import { createProgress, describeHome, findTargets, type SessionWork } from './session-work.ts'
import type { Terminal } from './terminal.ts'

const AT_ONCE = 32

/** Who runs this, for the record. A user id without a name is one too. */
function operator (): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${String(process.getuid?.() ?? 'unknown')}`
  }
}

interface Revocation {
  readonly target: RevokeTarget | 'all'
  /** null: cannot be counted. */
  readonly count: number | null
}

/** The line that stays: JSON on standard error. */
function createAudit ({ terminal, home }: SessionWork): (revocation: Revocation, failure: unknown) => void {
  const log: Logger = pino({}, { write: line => { terminal.err(printable(line.trimEnd())) } })
  return ({ target, count }, failure) => {
    const facts = { by: operator(), target, count, client_id: home.clientId, routes: home.routes }
    if (failure === null) log.info({ oidc: 'revocation', ...facts }, 'sessions revoked')
    else log.error({ oidc: 'revocation.failed', ...facts, err: failure }, 'sessions were not all revoked')
  }
}

function reportRevoked ({ terminal, home, request }: SessionWork, revocations: readonly Revocation[]): void {
  const isUncounted = revocations.some(({ count }) => count === null)
  const count = revocations.reduce((sum, revocation) => sum + (revocation.count ?? 0), 0)
  if (request.format === 'json') {
    terminal.out(JSON.stringify({ routes: home.routes, client_id: home.clientId, revoked: isUncounted ? null : count }))
    return
  }
  const outcome = isUncounted
    ? 'ended, in whichever browsers they are; these cannot be counted'
    : count === 0 ? 'none was found; there is none now' : `${count} ended`
  terminal.out(`${describeHome(home)}: ${outcome}`)
}

/** Every session that is there, each by its id: sessions of other clients under the same subjects go on. */
async function revokeEach ({ open, terminal }: SessionWork, onRevoked: (count: number) => void): Promise<void> {
  const progress = createProgress(terminal, count => `${count} sessions revoked`)
  const under = new Set<Promise<void>>()
  const failures: unknown[] = []
  for await (const { id } of open.inspect('all')) {
    const one = open.revoke({ id }).then(count => {
      onRevoked(count ?? 0)
      progress.step()
    }, (error: unknown) => { failures.push(error) }).finally(() => { under.delete(one) })
    under.add(one)
    if (under.size >= AT_ONCE) await Promise.race(under)
    if (failures.length > 0) break
  }
  await Promise.all(under)
  progress.end()
  if (failures.length > 0) throw failures[0]
}

async function revokeAll (work: SessionWork): Promise<boolean> {
  const audit = createAudit(work)
  let count = 0
  try {
    await revokeEach(work, ended => { count += ended })
  } catch (error) {
    audit({ target: 'all', count }, error)
    throw error
  }
  audit({ target: 'all', count }, null)
  reportRevoked(work, [{ target: 'all', count }])
  return true
}

async function revokeTargets (work: SessionWork): Promise<boolean> {
  const targets = await findTargets(work)
  if (targets.length === 0) {
    work.terminal.err(`${describeHome(work.home)}: ${work.home.reach === 'stored' ? 'none was found, and ' : ''}the provider cannot be asked who it is, so a login under way was not ended: name it with --issuer`)
    return false
  }
  const audit = createAudit(work)
  const revocations: Revocation[] = []
  for (const target of targets) {
    try {
      const count = await work.open.revoke(target)
      revocations.push({ target, count })
      audit({ target, count }, null)
    } catch (error) {
      audit({ target, count: 0 }, error)
      throw error
    }
  }
  reportRevoked(work, revocations)
  return true
}

/** Why sessions of a home cannot be revoked; null: they can. */
export function revocationObstacle ({ reach }: SessionHome, { query }: SessionRequest): string | null {
  if (reach === 'alone') return 'they live in browsers, and no other process can be told that one is over: set session.coordination: redis, or session.storage: redis'
  if (reach === 'announced' && query.kind === 'all') return 'they live in browsers and nobody knows them one by one: revoke by --sub, --sid or --id; another session.secret ends all'
  return null
}

/** Whether it is meant. Answers an exit code where it is not. */
export async function confirmAll (homes: readonly SessionHome[], { query, confirmed }: SessionRequest, terminal: Terminal): Promise<number | null> {
  if (query.kind !== 'all' || confirmed) return null
  const answer = await terminal.ask(`End all ${homes.map(describeHome).join(', and all ')}? Type yes: `)
  if (answer === null) {
    terminal.err('revoke --all needs --yes where nobody can be asked')
    return 2
  }
  if (answer.trim().toLowerCase() === 'yes') return null
  terminal.err('Nothing was revoked.')
  return 1
}

export async function revokeSessions (work: SessionWork): Promise<boolean> {
  return work.request.query.kind === 'all' ? await revokeAll(work) : await revokeTargets(work)
}
