import type { EpochSeconds, SessionSummary } from 'fastify-oidc-session-store'
import type { SessionHome } from '../server/session-homes.ts'
import type { SessionRequest } from './session-arguments.ts'
import type { Terminal } from './terminal.ts'

/** Takes sessions one by one and writes them as they come. */
export interface SessionListing {
  add (home: SessionHome, session: SessionSummary): Promise<void>
  /** Writes what is still held back. */
  end (): Promise<void>
}

const PAGE = 100
const LONGEST_TIME = 8.64e12
const LONGEST_CELL = 64
// What a terminal would obey, and what would turn the line around.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu

/** For people, ISO 8601 in UTC. */
export function formatTime (time: EpochSeconds): string {
  return time > LONGEST_TIME ? 'never' : new Date(time * 1000).toISOString().replace('.000Z', 'Z')
}

const escapeUnits = (text: string): string => Array.from({ length: text.length }, (_, place) => `\\u${text.charCodeAt(place).toString(16).padStart(4, '0')}`).join('')

/** Text of somebody else's, harmless on a terminal and in JSON. */
export function printable (text: string): string {
  return text.replace(UNPRINTABLE, escapeUnits)
}

function cellOf (text: string): string {
  const safe = printable(text)
  return safe.length > LONGEST_CELL ? `${safe.slice(0, LONGEST_CELL - 1)}…` : safe
}

function toJson ({ routes, clientId }: SessionHome, { id, subject, issuer, providerSessionId, createdAt, issuedAt, expiresAt }: SessionSummary): string {
  return printable(JSON.stringify({
    id,
    sub: subject,
    issuer,
    sid: providerSessionId,
    client_id: clientId,
    created_at: formatTime(createdAt),
    issued_at: formatTime(issuedAt),
    expires_at: formatTime(expiresAt),
    routes
  }))
}

function listJson (terminal: Terminal): SessionListing {
  return {
    async add (home, session) {
      terminal.out(toJson(home, session))
      await terminal.flushed()
    },
    async end () {}
  }
}

/** Columns grow with what comes, page by page: a listing need not be known before its first line. */
function listTable (terminal: Terminal): SessionListing {
  const headings = ['SUBJECT', 'SINCE', 'UNTIL', 'CLIENT', 'ROUTES', 'ID']
  const widths = headings.map(({ length }) => length)
  let page: string[][] = []
  let isFirst = true
  const line = (cells: readonly string[]): string => cells.map((cell, column) => column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)).join('  ')

  async function writePage (): Promise<void> {
    if (page.length === 0) return
    for (const cells of page) cells.forEach((cell, column) => { widths[column] = Math.max(widths[column] ?? 0, cell.length) })
    if (isFirst) terminal.out(terminal.style('out', 'bold', line(headings)))
    isFirst = false
    for (const cells of page) terminal.out(line(cells))
    page = []
    await terminal.flushed()
  }
  return {
    async add ({ routes, clientId }, { id, subject, createdAt, expiresAt }) {
      page.push([cellOf(subject), formatTime(createdAt), formatTime(expiresAt), cellOf(clientId), cellOf(routes.join(',')), printable(id)])
      if (page.length >= PAGE) await writePage()
    },
    end: writePage
  }
}

function showBlocks (terminal: Terminal): SessionListing {
  let isFirst = true
  return {
    async add ({ routes, clientId }, { id, subject, issuer, providerSessionId, createdAt, issuedAt, expiresAt }) {
      if (!isFirst) terminal.out('')
      isFirst = false
      const facts = { id, subject, issuer, 'provider session': providerSessionId ?? 'none', client: clientId, since: formatTime(createdAt), 'ID token issued': formatTime(issuedAt), until: formatTime(expiresAt), routes: routes.join(', ') }
      for (const [name, value] of Object.entries(facts)) terminal.out(`${terminal.style('out', 'bold', name.padEnd(18))}${printable(value)}`)
      await terminal.flushed()
    },
    async end () {}
  }
}

export function createListing ({ action, format }: SessionRequest, terminal: Terminal): SessionListing {
  if (format === 'json') return listJson(terminal)
  return action === 'show' ? showBlocks(terminal) : listTable(terminal)
}
