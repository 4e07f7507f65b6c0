import { retryDelayMs } from './connection-settings.ts'

/** What was known this long ago may be answered with; what is decided elsewhere holds here within a second. */
const FRESH_MS = 900
const BEAT_EVERY_MS = 200
/** Nobody asks: nothing is sent, and the connection for commands may rest. */
const IDLE_MS = 2000
const OPEN_WITHIN_MS = 5000
const BEAT_WITHIN_MS = 2000
const MARK_WITHIN_MS = 1000
/** A mark that nobody is told of, this often in a row, is no accident. */
const MAX_UNHEARD = 3
const REFUSED_RETRY_MS = 60_000

/** Redis answers, and will not tell of changes, or says that it does and does not. */
export class UntrackedError extends Error {}

/** Hears what changes. */
export interface ChangeListener {
  /** These keys have changed, whoever it was. */
  changed (keys: readonly string[]): void
  /** Anything may have changed. */
  lost (): void
}

/** What is told of keys below a prefix. */
export interface KeyTracking {
  /** Whether every change from now on will be told. What is read while this is so, and not told to have changed, is what Redis has. */
  readonly isHeard: boolean
  /** Whether every change was told that is older than a second. For every request: it also says that somebody is interested. */
  isFresh (): boolean
  close (): void
}

/** A connection over which a server tells of changes. */
export interface ChangeConnection {
  /** Resolves when changes below the prefix are told. @throws UntrackedError when they will not be */
  readonly opened: Promise<void>
  /** Answered behind all that was told before. */
  ping (): Promise<unknown>
  close (): void
}

export interface ConnectionEars {
  /** null: all keys there are. */
  changed (keys: readonly string[] | null): void
  ended (): void
}

/** A server that has keys of ours, and takes writes. */
export interface TrackedServer {
  readonly name: string
  listen (ears: ConnectionEars): ChangeConnection
  /** A key below the prefix that nobody else has, and that this server would have. */
  newMark (): Promise<string>
  /** Writes a mark, over the connection that sessions are read over. */
  write (mark: string): Promise<unknown>
  /** Resolves when sessions are still read from it, and it is still the one that takes writes. */
  confirm (): Promise<unknown>
}

export interface KeyTrackingOptions {
  /** All of them, now. Throws when that is not known. */
  servers (): readonly TrackedServer[]
  readonly listener: ChangeListener
  /** It works, or it does not and will be tried again in a minute: for the log. */
  readonly onTold: (refusal: Error | null) => void
  readonly nowMs?: () => number
  /** Runs it later; answers the function that prevents it. */
  readonly schedule?: (work: () => void, delayMs: number) => () => void
}

/** One stretch of listening, from the first connection to the first failure. */
interface Stretch {
  readonly servers: readonly TrackedServer[]
  readonly connections: ChangeConnection[]
  readonly stops: Set<() => void>
  heard: boolean
  resting: boolean
  /** All that was decided before this was told. */
  knownUntilMs: number
}

function scheduleTimer (work: () => void, delayMs: number): () => void {
  const timer = setTimeout(work, delayMs).unref()
  return () => { clearTimeout(timer) }
}

const namesOf = (servers: readonly TrackedServer[]): string => servers.map(({ name }) => name).sort().join(' ')

/**
 * Has Redis tell which keys change. One connection for each server that has keys; as soon as one of them breaks, or others
 * have keys, all begins anew, and everything may have changed. In between each beat asks every server: what it has sent
 * before the answer has arrived, so that silence is never taken for "nothing has changed".
 * @returns the tracking, and what to call when a connection over which sessions are read has broken
 */
export function createKeyTracking ({ servers, listener, onTold, nowMs = () => performance.now(), schedule = scheduleTimer }: KeyTrackingOptions): { readonly tracking: KeyTracking, readonly lose: () => void } {
  let stretch: Stretch | null = null
  let stopRetry: (() => void) | null = null
  let attempts = 0
  let unheard = 0
  let askedMs = -Infinity
  let closed = false

  const isWanted = (): boolean => nowMs() - askedMs <= IDLE_MS

  function end (own: Stretch): void {
    stretch = null
    for (const stop of own.stops) stop()
    for (const connection of own.connections) connection.close()
    listener.lost()
  }

  function retryIn (delayMs: number): void {
    stopRetry = schedule(() => {
      stopRetry = null
      if (isWanted()) begin()
    }, delayMs)
  }

  function fail (own: Stretch, error: unknown): void {
    if (own !== stretch) return
    end(own)
    if (error instanceof UntrackedError) {
      onTold(error)
      return retryIn(REFUSED_RETRY_MS)
    }
    attempts++
    retryIn(retryDelayMs(attempts))
  }

  /** What takes longer has failed. */
  async function within<T> (own: Stretch, work: Promise<T>, limitMs: number): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      const stop = schedule(() => { reject(new Error('Command timed out')) }, limitMs)
      own.stops.add(stop)
      work.then(resolve, reject).finally(() => {
        stop()
        own.stops.delete(stop)
      })
    })
  }

  async function awaitMark (own: Stretch, seen: Promise<void>): Promise<void> {
    try {
      await within(own, seen, MARK_WITHIN_MS)
      unheard = 0
    } catch (err) {
      if (own === stretch && ++unheard >= MAX_UNHEARD) throw new UntrackedError('it does not tell of what it says it will', { cause: err })
      throw err
    }
  }

  /** Answers from when on this server tells everything. */
  async function listenTo (own: Stretch, server: TrackedServer): Promise<number> {
    const mark = await server.newMark()
    if (own !== stretch) throw new Error('given up')
    let tellSeen = (): void => {}
    const seen = new Promise<void>(resolve => { tellSeen = resolve })
    const connection = server.listen({
      changed: keys => {
        if (own !== stretch) return
        if (keys === null) return listener.lost()
        if (keys.includes(mark)) tellSeen()
        listener.changed(keys)
      },
      ended: () => { fail(own, null) }
    })
    own.connections.push(connection)
    await connection.opened
    const sentMs = nowMs()
    await server.write(mark)
    await awaitMark(own, seen)
    await server.confirm()
    return sentMs
  }

  async function open (own: Stretch): Promise<void> {
    const since = await within(own, Promise.all(own.servers.map(server => listenTo(own, server))), OPEN_WITHIN_MS)
    if (own !== stretch) return
    own.knownUntilMs = Math.min(...since)
    own.heard = true
    attempts = 0
    onTold(null)
    beatLater(own)
  }

  function begin (): void {
    let all: readonly TrackedServer[]
    try {
      all = servers()
    } catch (err) {
      if (err instanceof UntrackedError) onTold(err)
      return retryIn(err instanceof UntrackedError ? REFUSED_RETRY_MS : retryDelayMs(++attempts))
    }
    const own: Stretch = { servers: all, connections: [], stops: new Set(), heard: false, resting: false, knownUntilMs: -Infinity }
    stretch = own
    open(own).catch(err => { fail(own, err) })
  }

  async function ask (own: Stretch): Promise<void> {
    const sentMs = nowMs()
    await Promise.all([...own.connections.map(connection => connection.ping()), ...own.servers.map(server => server.confirm())])
    // A server tells of changes at the end of its turn: behind the answer that it gave within that turn, before the next one.
    await Promise.all(own.connections.map(connection => connection.ping()))
    if (namesOf(servers()) !== namesOf(own.servers)) throw new Error('other servers have the keys')
    own.knownUntilMs = sentMs
  }

  function beat (own: Stretch): void {
    within(own, ask(own), BEAT_WITHIN_MS).then(() => { if (own === stretch) beatLater(own) }, err => { fail(own, err) })
  }

  function beatLater (own: Stretch): void {
    own.resting = !isWanted()
    if (own.resting) return
    const stop = schedule(() => {
      own.stops.delete(stop)
      beat(own)
    }, BEAT_EVERY_MS)
    own.stops.add(stop)
  }

  const tracking: KeyTracking = {
    get isHeard () { return stretch?.heard === true },
    isFresh () {
      const now = nowMs()
      askedMs = now
      if (stretch === null) {
        if (stopRetry === null && !closed) begin()
        return false
      }
      if (!stretch.heard) return false
      if (stretch.resting) {
        stretch.resting = false
        beat(stretch)
      }
      return now - stretch.knownUntilMs <= FRESH_MS
    },
    close () {
      closed = true
      stopRetry?.()
      if (stretch !== null) end(stretch)
    }
  }
  return { tracking, lose: () => { if (stretch !== null) fail(stretch, null) } }
}
