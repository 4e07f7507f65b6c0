import type { Cluster, Redis } from 'ioredis'
import { REPLACING } from './client.ts'
import { explain, storeUnavailable } from './failure.ts'
import type { LinkLog } from './link-log.ts'

/** Above this many callers that wait for a connection, the next one is turned away at once. */
const MAX_WAITING = 5000

interface Opening {
  readonly kind: 'opening'
  readonly opened: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'resting', readonly over: Promise<void> }
  | Opening
  | { readonly kind: 'up' }
  | { readonly kind: 'down', readonly cause: unknown }
  | { readonly kind: 'closed' }

export interface Availability {
  /** Whether commands can be sent without waiting. */
  readonly isUp: boolean
  /**
   * Resolves when commands can be sent: opens a connection that is not there.
   * @throws FST_OIDC_STORE_UNAVAILABLE at once while Redis is known not to answer
   */
  enter (): Promise<void>
  onReconnected (listener: () => void): () => void
  /** Closes a connection that nobody uses; the next caller opens it again. */
  rest (): void
  close (): void
}

export interface AvailabilityOptions {
  readonly client: Redis | Cluster
  readonly log: LinkLog
  /** The longest that opening a connection may take. */
  readonly openTimeoutMs: number
}

function firstState (client: Redis | Cluster, opening: () => State): State {
  switch (client.status) {
    case 'ready': return { kind: 'up' }
    case 'wait': return { kind: 'idle' }
    case 'connecting':
    case 'connect': return opening()
    default: return { kind: 'down', cause: new Error('Connection is closed.') }
  }
}

/** Knows at every moment whether Redis can be asked, so that nobody waits for a Redis that is known not to answer. */
export function watchAvailability ({ client, log, openTimeoutMs }: AvailabilityOptions): Availability {
  const listeners = new Set<() => void>()
  let lastError: unknown = null
  let everUp = false
  let replacing = false
  let nodeLost = false
  let waiting = 0
  let timer: NodeJS.Timeout | null = null

  const tellReconnected = (): void => { for (const listener of [...listeners]) listener() }
  const fail = (cause: unknown): void => {
    if (state.kind === 'closed') return
    if (timer !== null) clearTimeout(timer)
    const before = state
    state = { kind: 'down', cause }
    log.down(explain(cause))
    if (before.kind === 'opening') before.reject(storeUnavailable(cause))
  }
  const opening = (): Opening => {
    timer = setTimeout(() => fail(lastError ?? Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' })), openTimeoutMs)
    let settle = { resolve: (): void => {}, reject: (_: Error): void => {} }
    const opened = new Promise<void>((resolve, reject) => { settle = { resolve, reject } })
    opened.catch(() => {})
    return { kind: 'opening', opened, ...settle }
  }
  const succeed = (): void => {
    if (state.kind === 'closed') return
    if (timer !== null) clearTimeout(timer)
    const before = state
    state = { kind: 'up' }
    lastError = null
    log.up()
    if (before.kind === 'opening') before.resolve()
    nodeLost = false
    if (everUp) tellReconnected()
    everUp = true
  }
  const onRefresh = (): void => {
    if (!nodeLost || state.kind !== 'up') return
    nodeLost = false
    tellReconnected()
  }
  const onError = (error: unknown): void => {
    lastError = error
    if (state.kind === 'opening' || state.kind === 'down') fail(error)
  }
  const onReplacing = (): void => {
    if (state.kind !== 'up' && state.kind !== 'opening') return
    replacing = true
    if (state.kind === 'up') state = opening()
  }
  const onClose = (): void => {
    if (replacing) replacing = false
    else if (state.kind !== 'idle' && state.kind !== 'resting') fail(lastError ?? new Error('Connection is closed.'))
  }

  let state: State = { kind: 'closed' }
  state = firstState(client, opening)
  everUp = state.kind === 'up'
  const events: ReadonlyArray<readonly [string, (...args: unknown[]) => void]> = [
    ['ready', succeed],
    ['error', onError],
    ['node error', error => { lastError = error }],
    // One node of a cluster: its slots are with another master once it is known again who has which.
    ['-node', () => { nodeLost = true }],
    ['refresh', onRefresh],
    [REPLACING, onReplacing],
    ['close', onClose]
  ]
  for (const [event, listener] of events) client.on(event, listener)

  const enter = async (): Promise<void> => {
    switch (state.kind) {
      case 'up': return
      case 'closed': throw storeUnavailable(new Error('Connection is closed.'))
      case 'down': throw storeUnavailable(state.cause)
      case 'resting':
        await state.over
        return await enter()
      case 'idle': {
        const { opened } = state = opening()
        client.connect().catch(() => {})
        return await wait(opened)
      }
      case 'opening': return await wait(state.opened)
    }
  }
  const wait = async (opened: Promise<void>): Promise<void> => {
    if (waiting >= MAX_WAITING) throw storeUnavailable(new Error('Command timed out'))
    waiting++
    try {
      await opened
    } finally {
      waiting--
    }
  }

  return {
    get isUp () { return state.kind === 'up' },
    enter,
    onReconnected: listener => {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    },
    rest: () => {
      if (state.kind !== 'up') return
      const over = new Promise<void>(resolve => {
        client.once('end', () => {
          if (state.kind === 'resting') state = { kind: 'idle' }
          // Who uses the client without us gets a connection again too.
          if (client.status === 'end') client.status = 'wait'
          resolve()
        })
      })
      state = { kind: 'resting', over }
      client.disconnect()
    },
    close: () => {
      if (timer !== null) clearTimeout(timer)
      if (state.kind === 'opening') state.reject(storeUnavailable(new Error('Connection is closed.')))
      state = { kind: 'closed' }
      for (const [event, listener] of events) client.off(event, listener)
      // An error event that nobody hears would end the process.
      client.on('error', () => {})
    }
  }
}
