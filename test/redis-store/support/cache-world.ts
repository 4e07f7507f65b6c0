import { createHandle, createOpenedSessions, nameOfHandle, type Session } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import { createClientMemory, type ClientMemory } from '../../../packages/redis-store/src/client-memory.ts'
import { createKeyTracking, type ChangeConnection, type ConnectionEars, type TrackedServer } from '../../../packages/redis-store/src/key-tracking.ts'
import type { RedisOpened } from '../../../packages/redis-store/src/session-codec.ts'
import { createSessionReads, type SessionReads } from '../../../packages/redis-store/src/session-reads.ts'
import type { SessionTable } from '../../../packages/redis-store/src/session-table.ts'

const PREFIX = 'sessions:'

/** All promises that can settle now have settled. */
const settle = async (): Promise<void> => { await new Promise<void>(resolve => { setImmediate(resolve) }) }

/** Time that passes when it is told to. */
class FakeTime {
  nowMs = 0
  #order = 0
  readonly #due = new Map<number, { readonly atMs: number, readonly work: () => void }>()

  readonly schedule = (work: () => void, delayMs: number): (() => void) => {
    const id = this.#order++
    this.#due.set(id, { atMs: this.nowMs + delayMs, work })
    return () => { this.#due.delete(id) }
  }

  async pass (ms: number): Promise<void> {
    const untilMs = this.nowMs + ms
    for (;;) {
      await settle()
      const [next] = [...this.#due].filter(([, { atMs }]) => atMs <= untilMs).sort(([a, one], [b, other]) => one.atMs - other.atMs || a - b)
      if (next === undefined) break
      this.#due.delete(next[0])
      this.nowMs = Math.max(this.nowMs, next[1].atMs)
      next[1].work()
    }
    this.nowMs = untilMs
  }
}

/** One way of a connection: in order, as late as it is told, and not at all once it is stalled. */
class Line {
  delayMs = 1
  stalled = false
  broken = false
  #lastMs = 0
  readonly #time: FakeTime

  constructor (time: FakeTime) { this.#time = time }

  send (arrive: () => void): void {
    if (this.stalled) return
    this.#lastMs = Math.max(this.#lastMs, this.#time.nowMs + this.delayMs)
    this.#time.schedule(() => { if (!this.broken) arrive() }, this.#lastMs - this.#time.nowMs)
  }
}

/** Of one session, what Redis has: 0 is nothing. */
interface Kept { readonly revision: number }

/** A Redis that tells of changes at the end of each turn, behind what it has answered in that turn. */
class FakeServer {
  readonly kept: Map<string, Kept>
  readonly ears = new Set<(keys: readonly string[] | null) => void>()
  isMaster = true
  #turn: string[] | null = null
  readonly #time: FakeTime

  constructor (time: FakeTime, kept: ReadonlyMap<string, Kept> = new Map()) {
    this.#time = time
    this.kept = new Map(kept)
  }

  write (name: string, kept: Kept | null): void {
    if (kept === null) this.kept.delete(name)
    else this.kept.set(name, kept)
    if (this.#turn === null) {
      this.#turn = []
      this.#time.schedule(() => {
        const keys = this.#turn ?? []
        this.#turn = null
        for (const tell of this.ears) tell(keys)
      }, 0)
    }
    this.#turn.push(`${PREFIX}${name}`)
  }

  flush (): void {
    this.kept.clear()
    for (const tell of this.ears) tell(null)
  }
}

interface Tracker { readonly line: Line, readonly ears: ConnectionEars, readonly detach: () => void }

/** What is known of a session, to judge answers by. */
interface Record { readonly handle: string, readonly name: string, revision: number, readonly acks: Array<{ readonly revision: number | null, readonly atMs: number, readonly own: boolean }> }

const markOf = (name: string, revision: number): Buffer => Buffer.from(`${name} ${revision}`)

/** One instance with a cache, a Redis, and others that write to it; all that can go wrong in between goes wrong when it is told to. */
export class CacheWorld {
  readonly time = new FakeTime()
  readonly #records: Record[] = []
  readonly faults: string[] = []
  answered = 0
  fromMemory = 0
  readonly #servers: FakeServer[]
  readonly #trackers = new Set<Tracker>()
  #data = { out: new Line(this.time), back: new Line(this.time), up: true }
  #trackerDelayMs = 1
  /** Which server a new connection for changes reaches: an old master may still take it. */
  #trackerGoesBack = false
  readonly #pending = new Set<(error: Error) => void>()
  readonly #reads: SessionReads
  readonly #memory: ClientMemory<RedisOpened>
  readonly #table: SessionTable
  readonly #lose: () => void
  readonly #session: Session = sampleSession()

  constructor (maxOpened: number) {
    this.#servers = [new FakeServer(this.time)]
    let lose = (): void => {}
    this.#memory = createClientMemory<RedisOpened>({
      prefix: PREFIX,
      track: (_prefix, listener) => {
        const made = createKeyTracking({ servers: () => this.#tracked(), listener, onTold: () => {}, nowMs: () => this.time.nowMs, schedule: this.time.schedule })
        lose = made.lose
        return made.tracking
      }
    })
    this.#lose = () => { lose() }
    const opened = createOpenedSessions<RedisOpened>({ maxCount: maxOpened, maxBytes: 1e9, onLeft: this.#memory.leave })
    this.#reads = createSessionReads({
      opened,
      memory: this.#memory,
      load: async (handle, name) => await this.#ask(server => this.#open(handle, name, server.kept.get(name))),
      loadMark: async name => await this.#ask(server => {
        const kept = server.kept.get(name)
        return kept === undefined ? null : markOf(name, kept.revision)
      })
    })
    const write = async (name: string, kept: Kept | null): Promise<boolean> => await this.#ask(server => {
      server.write(name, kept)
      return true
    })
    const never = (): never => { throw new TypeError('not part of this') }
    this.#table = this.#memory.behind({
      keyOf: name => `${PREFIX}${name}`,
      read: never,
      readMark: never,
      touch: never,
      removeRevision: never,
      write: never,
      replace: async (name, revision) => await this.#ask(server => {
        const kept = server.kept.get(name)
        if (kept === undefined || kept.revision >= revision) return false
        server.write(name, { revision })
        return true
      }),
      remove: async name => await write(name, null)
    })
  }

  get #server (): FakeServer {
    const server = this.#servers.at(-1)
    if (server === undefined) throw new TypeError('no server')
    return server
  }

  #open (handle: string, name: string, kept: Kept | undefined): RedisOpened | null {
    if (kept === undefined) return null
    return { stored: { handle, revision: kept.revision, expiresAt: 1e9, session: this.#session }, name, mark: markOf(name, kept.revision), bytes: 1 }
  }

  /** A command over the connection for commands. */
  async #ask<Answer> (command: (server: FakeServer) => Answer): Promise<Answer> {
    const { out, back, up } = this.#data
    if (!up) throw new Error('down')
    return await new Promise<Answer>((resolve, reject) => {
      this.#pending.add(reject)
      out.send(() => {
        const answer = command(this.#server)
        back.send(() => {
          this.#pending.delete(reject)
          resolve(answer)
        })
      })
    })
  }

  #tracked (): readonly TrackedServer[] {
    if (!this.#data.up) throw new Error('down')
    let marks = 0
    return [{
      name: 'the one',
      listen: ears => this.#listen(ears),
      newMark: async () => `${PREFIX}mark ${this.time.nowMs} ${marks++}`,
      write: async mark => await this.#ask(server => { server.write(mark.slice(PREFIX.length), { revision: 1 }) }),
      confirm: async () => { if (!await this.#ask(server => server.isMaster)) throw new Error('not the master') }
    }]
  }

  #listen (ears: ConnectionEars): ChangeConnection {
    const server = this.#trackerGoesBack ? this.#servers.at(-2) ?? this.#server : this.#server
    const [out, line] = [new Line(this.time), new Line(this.time)]
    line.delayMs = this.#trackerDelayMs
    const tell = (keys: readonly string[] | null): void => { line.send(() => { ears.changed(keys) }) }
    const detach = (): void => {
      line.broken = true
      server.ears.delete(tell)
      this.#trackers.delete(tracker)
    }
    const tracker: Tracker = { line, ears, detach }
    this.#trackers.add(tracker)
    const roundTrip = async (command: () => void): Promise<void> => {
      await new Promise<void>(resolve => {
        out.send(() => {
          command()
          line.send(resolve)
        })
      })
    }
    return { opened: roundTrip(() => { server.ears.add(tell) }), ping: () => roundTrip(() => {}), close: detach }
  }

  /** The invariants, of an answer to a request that came in at `askedMs`. */
  #judge (record: Record, revision: number | null, askedMs: number): void {
    const before = (slackMs: number, own: boolean): number => record.acks.filter(ack => ack.atMs <= askedMs - slackMs && (!own || ack.own)).reduce((newest, ack) => Math.max(newest, ack.revision ?? 0), 0)
    const over = record.acks.find(ack => ack.revision === null)
    const at = `at ${askedMs} ms`
    if (revision === null) {
      if (over === undefined && record.revision > 0 && before(0, false) > 0) this.faults.push(`a live session is lost ${at}`)
      return
    }
    if (revision > record.revision) this.faults.push(`revision ${revision} was never written ${at}`)
    if (over !== undefined && (over.atMs < askedMs - 1000 || (over.own && over.atMs < askedMs))) this.faults.push(`a session whose end was answered at ${over.atMs} ms is served ${at}`)
    if (revision < before(1001, false)) this.faults.push(`revision ${revision} is served ${at}, and ${before(1001, false)} was answered a second before`)
    if (revision < before(1, true)) this.faults.push(`this instance wrote ${before(1, true)}, and ${revision} is served ${at}`)
  }

  /** A new session in this place, made elsewhere; whoever was there is left to himself. */
  login (place: number): void {
    const handle = createHandle()
    this.#records[place] = { handle, name: nameOfHandle(handle), revision: 0, acks: [] }
    this.write(place, 0, 'next')
  }

  /** A request. Nobody waits for it. */
  ask (place: number): void {
    const record = this.#recordAt(place)
    const askedMs = this.time.nowMs
    const found = this.#reads.read(record.handle)
    if (!(found instanceof Promise)) this.fromMemory++
    Promise.resolve(found).then(answer => {
      this.answered++
      this.#judge(record, answer?.stored.revision ?? null, askedMs)
    }, () => {})
  }

  /** Another instance writes; it is answered after that long. */
  write (place: number, answerMs: number, revision: 'next' | 'over'): void {
    const record = this.#recordAt(place)
    if (record.acks.some(ack => ack.revision === null) || (revision === 'over' && record.revision === 0)) return
    const next = revision === 'next' ? ++record.revision : null
    this.#server.write(record.name, next === null ? null : { revision: next })
    if (next === null) record.acks.push({ revision: null, atMs: this.time.nowMs + answerMs, own: false })
    else record.acks.push({ revision: next, atMs: this.time.nowMs + answerMs, own: false })
  }

  /** This instance writes. */
  writeHere (place: number, revision: 'next' | 'over'): void {
    const record = this.#recordAt(place)
    if (record.acks.some(ack => ack.revision === null) || !this.#data.up || (revision === 'over' && record.revision === 0)) return
    const next = revision === 'next' ? ++record.revision : null
    // Until it is answered either may be served; what is never answered is as good as both.
    if (next === null) {
      record.acks.push({ revision: null, atMs: Infinity, own: true })
      this.#table.remove(record.name).then(() => { record.acks.push({ revision: null, atMs: this.time.nowMs, own: true }); record.acks.sort((one, other) => one.atMs - other.atMs) }, () => {})
    } else {
      this.#table.replace(record.name, next, Buffer.alloc(0), 0).then(done => { if (done) record.acks.push({ revision: next, atMs: this.time.nowMs, own: true }) }, () => {})
    }
  }

  /** Everything is gone; whoever did it knows at once. */
  flush (): void {
    this.#server.flush()
    for (const record of this.#records) record.acks.push({ revision: null, atMs: this.time.nowMs, own: false })
  }

  /** From here on what is told comes so late. */
  delayTelling (ms: number): void {
    this.#trackerDelayMs = ms
    for (const { line } of this.#trackers) line.delayMs = ms
  }

  delayCommands (ms: number): void {
    this.#data.out.delayMs = ms / 2
    this.#data.back.delayMs = ms / 2
  }

  /** Nothing comes any more over the connections that tell of changes, and nobody says so. */
  stallTelling (): void { for (const { line } of this.#trackers) line.stalled = true }

  breakTelling (): void {
    for (const { detach, ears } of [...this.#trackers]) {
      detach()
      ears.ended()
    }
  }

  breakCommands (): void {
    const { out, back } = this.#data
    out.broken = back.broken = true
    this.#data = { out: new Line(this.time), back: new Line(this.time), up: false }
    for (const reject of this.#pending) reject(new Error('Connection is closed.'))
    this.#pending.clear()
    this.#lose()
  }

  connectCommands (): void { this.#data.up = true }

  /** Another server has all that was written; the former one stands and knows of nothing. */
  failOver (former: 'takes connections' | 'is gone'): void {
    const before = this.#server
    this.breakCommands()
    this.#servers.push(new FakeServer(this.time, before.kept))
    this.#trackerGoesBack = former === 'takes connections'
    if (former === 'is gone') this.breakTelling()
    this.connectCommands()
  }

  settleFailover (): void { this.#trackerGoesBack = false }

  /** This process does nothing for so long: requests are first when it is back. */
  async freeze (ms: number): Promise<void> {
    await settle()
    this.time.nowMs += ms
  }

  close (): void { this.#memory.close() }

  #recordAt (place: number): Record {
    const record = this.#records[place]
    if (record === undefined) throw new TypeError('no such session')
    return record
  }
}
