import { nearestName } from 'fastify-oidc-session-store'
import { findSessionHomes, type SessionHome } from '../server/session-homes.ts'
import type { ConfigurationSource } from './arguments.ts'
import { loadForCommand } from './load.ts'
import type { SessionRequest } from './session-arguments.ts'
import { createListing } from './session-listing.ts'
import { confirmAll, revocationObstacle, revokeSessions } from './session-revocation.ts'
import { atHome, describeHome, findSessions } from './session-work.ts'
import type { Terminal } from './terminal.ts'

function complain (terminal: Terminal, message: string): void {
  terminal.err(`${terminal.style('err', 'red', 'oidc-gateway:')} ${message}`)
}

function chooseHomes (homes: readonly SessionHome[], { core }: SessionRequest): readonly SessionHome[] | null {
  if (core === null) return homes
  const chosen = homes.filter(({ routes }) => routes.includes(core))
  return chosen.length === 0 ? null : chosen
}

function explainUnknownCore (homes: readonly SessionHome[], core: string): string {
  const places = homes.flatMap(({ routes }) => routes)
  const nearest = nearestName(core, places)
  return `--core ${core} has no sessions${nearest === null ? '' : `; did you mean ${nearest}?`}${places.length === 0 ? '' : `; known: ${places.join(', ')}`}`
}

/** Whether every home could be asked, and how many sessions were shown. */
async function showSessions (homes: readonly SessionHome[], request: SessionRequest, terminal: Terminal): Promise<number> {
  const listing = createListing(request, terminal)
  let shown = 0
  let isComplete = true
  let hasMore = false
  for (const home of homes) {
    if (hasMore) break
    if (home.reach !== 'stored') {
      complain(terminal, `${describeHome(home)} live in browsers and cannot be listed: session.storage: redis keeps them where they can be`)
      isComplete = false
      continue
    }
    const isDone = await atHome(home, request, terminal, async work => {
      for await (const session of findSessions(work)) {
        hasMore = shown === request.limit
        if (hasMore) break
        shown++
        await listing.add(home, session)
      }
      return true
    })
    isComplete &&= isDone
  }
  await listing.end()
  if (hasMore) terminal.err(`There are more: --limit ${request.limit} was reached; --limit 0 shows all.`)
  if (shown === 0 && isComplete) terminal.err('No session was found.')
  return isComplete && (shown > 0 || request.action === 'list') ? 0 : 1
}

async function endSessions (homes: readonly SessionHome[], request: SessionRequest, terminal: Terminal): Promise<number> {
  const reachable = homes.filter(home => {
    const obstacle = revocationObstacle(home, request)
    if (obstacle !== null) complain(terminal, `${describeHome(home)} cannot be revoked: ${obstacle}`)
    return obstacle === null
  })
  if (reachable.length === 0) return 1
  const refusal = await confirmAll(reachable, request, terminal)
  if (refusal !== null) return refusal
  let isComplete = reachable.length === homes.length
  for (const home of reachable) {
    const isDone = await atHome(home, request, terminal, revokeSessions)
    isComplete &&= isDone
  }
  return isComplete ? 0 : 1
}

/** `oidc-gateway sessions`. Answers the exit code. */
export async function runSessions (source: ConfigurationSource, request: SessionRequest, terminal: Terminal): Promise<number> {
  const configuration = await loadForCommand(source, terminal)
  if (configuration === null) return 2
  const all = findSessionHomes(configuration.cores).map(home => ({ ...home, clientId: configuration.conceal(home.clientId) }))
  const homes = chooseHomes(all, request)
  if (homes === null) {
    complain(terminal, explainUnknownCore(all, request.core ?? ''))
    return 2
  }
  if (homes.length === 0) {
    terminal.err('No route of the file has sessions.')
    return request.action === 'list' ? 0 : 1
  }
  return request.action === 'revoke' ? await endSessions(homes, request, terminal) : await showSessions(homes, request, terminal)
}
