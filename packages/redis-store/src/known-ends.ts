import { createEndedListeners, createEndMarks, type Clock, type EndedListener, type SessionIdentity } from 'fastify-oidc-session-store'
import type { EndMark, EndMarkTable } from './end-mark-table.ts'

/** For so long without push the local copy still counts as fresh. A loss is told within 0.8 s: together it is a second. */
const GRACE_MS = 200
const RETRY_MS = 1000

/** What has been ended, as far as this instance knows, and whether that is all. */
export interface KnownEnds {
  /** Answers at once while what is said is heard; else Redis is asked, and who cannot be asked has not said no. */
  hasEnded (session: SessionIdentity): boolean | Promise<boolean>
  /** Listeners hear of it where it is news. @throws AggregateError of what they throw */
  tell (mark: EndMark): void
  /** The same for what another instance said: what a listener throws, nobody is there to hear. */
  learn (mark: EndMark): void
  onEnded (listener: EndedListener): () => void
  /** What is said is heard from now on: what was said before is read. */
  heard (): void
  lost (): void
  close (): void
}

export interface KnownEndsOptions {
  readonly table: EndMarkTable
  readonly clock: Clock
  /** Something was learned that was not known. */
  onNews (mark: EndMark): void
}

export function createKnownEnds ({ table, clock, onNews }: KnownEndsOptions): KnownEnds {
  const marks = createEndMarks(clock)
  const listeners = createEndedListeners()
  // null: nothing was missed. At first everything was.
  let missedSinceMs: number | null = -Infinity
  let hearing = 0
  let retry: NodeJS.Timeout | null = null

  function tell (mark: EndMark): void {
    if (mark.until <= clock() || !marks.add(mark.target, mark.before, mark.until)) return
    onNews(mark)
    listeners.tell(mark.target, mark.before)
  }

  function learn (mark: EndMark): void {
    try {
      tell(mark)
    } catch (err) {
      // The mark is set, and the other listeners have heard.
      if (!(err instanceof AggregateError)) throw err
    }
  }

  async function loadAll (own: number): Promise<void> {
    for await (const batch of table.load()) for (const mark of batch) learn(mark)
    if (own === hearing) missedSinceMs = null
  }

  function load (own: number): void {
    loadAll(own).catch(() => {
      // Until then each question goes to Redis, and fails where it does not answer.
      if (own === hearing) retry = setTimeout(load, RETRY_MS, own).unref()
    })
  }

  function stopRetry (): void {
    hearing++
    if (retry !== null) clearTimeout(retry)
    retry = null
  }

  async function ask (session: SessionIdentity): Promise<boolean> {
    for (const mark of await table.find(session)) learn(mark)
    return marks.covers(session)
  }

  return {
    tell,
    learn,
    hasEnded (session) {
      if (marks.covers(session)) return true
      return missedSinceMs !== null && performance.now() - missedSinceMs > GRACE_MS ? ask(session) : false
    },
    onEnded: listeners.add,
    heard () {
      stopRetry()
      load(hearing)
    },
    lost () {
      stopRetry()
      missedSinceMs ??= performance.now()
    },
    close () {
      stopRetry()
      missedSinceMs = -Infinity
      listeners.clear()
      marks.clear()
    }
  }
}
