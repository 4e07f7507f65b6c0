import type { Clock, EpochSeconds, RevocationTarget, SessionIdentity } from './session.ts'

const SWEEP_INTERVAL_MS = 60_000

/** One end, as instances tell it each other. */
export interface EndMark {
  readonly target: RevocationTarget
  readonly before: EpochSeconds
  readonly until: EpochSeconds
}

interface Mark { readonly before: EpochSeconds, readonly until: EpochSeconds }

/** By issuer, then by subject or provider session: two lookups need no joined key, which each request would have to build. */
type MarksByIssuer = Map<string, Map<string, Mark>>

/** What has been ended, remembered for as long as a session that it ended could still turn up. */
export interface EndMarks {
  /** 0: nothing is marked. */
  readonly size: number
  /** Answers whether that was news: false where what was known says as much. */
  add (target: RevocationTarget, before: EpochSeconds, until: EpochSeconds): boolean
  covers (session: SessionIdentity): boolean
  /** Every mark that still counts, for who joins later. */
  list (): EndMark[]
  clear (): void
}

/** Of two marks for one target the wider counts: ending too much costs a login, ending too little a break-in. */
function widen (known: Mark | undefined, mark: Mark): Mark {
  if (known === undefined) return mark
  return { before: Math.max(known.before, mark.before), until: Math.max(known.until, mark.until) }
}

function addMark (marks: MarksByIssuer, issuer: string, name: string, mark: Mark): boolean {
  let ofIssuer = marks.get(issuer)
  if (ofIssuer === undefined) marks.set(issuer, ofIssuer = new Map())
  const known = ofIssuer.get(name)
  const wider = widen(known, mark)
  ofIssuer.set(name, wider)
  return known?.before !== wider.before || known.until !== wider.until
}

function addId (ids: Map<string, EpochSeconds>, id: string, until: EpochSeconds): boolean {
  if ((ids.get(id) ?? 0) >= until) return false
  ids.set(id, until)
  return true
}

function sweepMarks (marks: MarksByIssuer, now: EpochSeconds): void {
  for (const [issuer, ofIssuer] of marks) {
    for (const [name, mark] of ofIssuer) if (mark.until <= now) ofIssuer.delete(name)
    if (ofIssuer.size === 0) marks.delete(issuer)
  }
}

function listMarks (marks: MarksByIssuer, toTarget: (issuer: string, name: string) => RevocationTarget): EndMark[] {
  return [...marks].flatMap(([issuer, ofIssuer]) => [...ofIssuer].map(([name, { before, until }]) => ({ target: toTarget(issuer, name), before, until })))
}

/** End marks in memory. There is no bound: a mark that is dropped early would bring a session back. */
export function createEndMarks (clock: Clock): EndMarks {
  const ids = new Map<string, EpochSeconds>()
  const subjects: MarksByIssuer = new Map()
  const providerSessions: MarksByIssuer = new Map()
  let sweeper: NodeJS.Timeout | null = null

  const isEmpty = (): boolean => ids.size === 0 && subjects.size === 0 && providerSessions.size === 0

  function holds (mark: Mark | undefined, session: SessionIdentity): boolean {
    return mark !== undefined && session.issuedAt <= mark.before && mark.until > clock()
  }

  function sweep (): void {
    const now = clock()
    for (const [id, until] of ids) if (until <= now) ids.delete(id)
    sweepMarks(subjects, now)
    sweepMarks(providerSessions, now)
    sweeper = null
    if (!isEmpty()) startSweeper()
  }

  function startSweeper (): void {
    sweeper ??= setTimeout(sweep, SWEEP_INTERVAL_MS).unref()
  }

  return {
    get size () {
      let size = ids.size
      for (const marks of [subjects, providerSessions]) for (const ofIssuer of marks.values()) size += ofIssuer.size
      return size
    },
    add (target, before, until) {
      startSweeper()
      if ('id' in target) return addId(ids, target.id, until)
      return 'subject' in target
        ? addMark(subjects, target.issuer, target.subject, { before, until })
        : addMark(providerSessions, target.issuer, target.providerSessionId, { before, until })
    },
    covers (session) {
      if (isEmpty()) return false
      const until = ids.get(session.id)
      if (until !== undefined && until > clock()) return true
      if (holds(subjects.get(session.issuer)?.get(session.subject), session)) return true
      return session.providerSessionId !== null && holds(providerSessions.get(session.issuer)?.get(session.providerSessionId), session)
    },
    list () {
      const now = clock()
      return [
        ...[...ids].map(([id, until]) => ({ target: { id }, before: 0, until })),
        ...listMarks(subjects, (issuer, subject) => ({ issuer, subject })),
        ...listMarks(providerSessions, (issuer, providerSessionId) => ({ issuer, providerSessionId }))
      ].filter(({ until }) => until > now)
    },
    clear () {
      ids.clear()
      subjects.clear()
      providerSessions.clear()
      if (sweeper !== null) clearTimeout(sweeper)
      sweeper = null
    }
  }
}
