import { Client, errors, type Dispatcher } from 'undici'

interface Lane {
  readonly client: Client
  state: 'busy' | 'free' | 'gone'
  isConnected: boolean
}

/** Who is told of a request, and knows when there is no more to be told. */
export interface Traveller extends Dispatcher.DispatchHandler {
  readonly isOver: boolean
  onError (error: Error): void
}

interface Departure {
  readonly request: Dispatcher.DispatchOptions
  readonly traveller: Traveller
}

/**
 * Connections to one origin, each with one request at a time; the one that was used last is used next. undici's own pool
 * looks at each of them for every request, and tells of every answer at three levels: 4 % of what a request costs.
 */
export class Lanes {
  readonly #origin: string
  readonly #options: Client.Options
  readonly #most: number
  readonly #all = new Set<Lane>()
  readonly #free: Lane[] = []
  readonly #waiting: Departure[] = []
  #isOver = false

  /** @param most connections at the same time */
  constructor (origin: string, options: Client.Options, most: number) {
    this.#origin = origin
    this.#options = options
    this.#most = most
  }

  /** Begins now, or when a connection is free. */
  dispatch (request: Dispatcher.DispatchOptions, traveller: Traveller): void {
    if (this.#isOver) return traveller.onError(new errors.ClientDestroyedError())
    const lane = this.#free.pop() ?? this.#open()
    if (lane === null) this.#waiting.push({ request, traveller })
    else this.#go(lane, { request, traveller })
  }

  async destroy (): Promise<void> {
    this.#isOver = true
    for (const { traveller } of this.#waiting.splice(0)) traveller.onError(new errors.ClientDestroyedError())
    await Promise.all([...this.#all].map(async ({ client }) => { await client.destroy() }))
  }

  #go (lane: Lane, { request, traveller }: Departure): void {
    lane.state = 'busy'
    const isBusy = !lane.client.dispatch(request, traveller)
    // It also says so of a request that cannot be sent, which it did not take.
    if (!isBusy || (traveller.isOver && lane.client.stats.size === 0)) this.#release(lane)
  }

  /** When undici says so: a turn later than the answer's end, when it knows whether the upstream closed the connection behind it. */
  #release (lane: Lane): void {
    if (lane.state !== 'busy') return
    const next = this.#waiting.shift()
    if (next !== undefined) return this.#go(lane, next)
    if (!lane.isConnected) return this.#drop(lane)
    lane.state = 'free'
    this.#free.push(lane)
  }

  #open (): Lane | null {
    if (this.#all.size >= this.#most) return null
    const lane: Lane = { client: new Client(this.#origin, this.#options), state: 'busy', isConnected: false }
    this.#all.add(lane)
    lane.client
      .on('connect', () => { lane.isConnected = true })
      .on('disconnect', () => { this.#lose(lane) })
      .on('drain', () => { this.#release(lane) })
    return lane
  }

  #lose (lane: Lane): void {
    lane.isConnected = false
    if (lane.state !== 'free') return
    this.#free.splice(this.#free.indexOf(lane), 1)
    this.#drop(lane)
  }

  /** Without a connection it is worth nothing. */
  #drop (lane: Lane): void {
    lane.state = 'gone'
    this.#all.delete(lane)
    if (!lane.client.destroyed) void lane.client.close()
  }
}
