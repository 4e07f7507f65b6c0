import { createEndMarks, type EndMark } from '../end-marks.ts'
import { createEndedListeners } from '../ended-listeners.ts'
import { NotCoordinatedError, StoreUnavailableError } from '../errors.ts'
import { systemClock, type Clock } from '../session.ts'
import type { SessionCoordinator } from '../session-coordinator.ts'
import { channelToPrimary, type WorkerChannel } from './channel.ts'
import { unwrap, wrap, type Call, type FromPrimary } from './messages.ts'

const SHARED = Symbol.for('fastify-oidc-session-store/worker-coordinator/1')
const PATIENCE_MS = 5000

export interface JoinOptions {
  readonly clock?: Clock
  /** For how long the primary may be silent. Default: 5 seconds. */
  readonly patienceMs?: number
}

type Ask = (call: Call) => Promise<unknown>

interface Conversation {
  readonly ask: Ask
  readonly isOpen: boolean
  close (): void
}

/** Calls over a channel, and their answers; what the primary says unasked goes to `onEnded`. */
function converse (channel: WorkerChannel, onEnded: (mark: EndMark) => void): Conversation {
  const calls = new Map<number, { answer (value: unknown): void, fail (): void }>()
  let [serial, isOpen] = [0, true]

  function close (): void {
    isOpen = false
    for (const { fail } of calls.values()) fail()
    calls.clear()
  }

  channel.onMessage(received => {
    const message = unwrap<FromPrimary>(received)
    if (message === null || !isOpen) return
    if (message.kind === 'ended') {
      onEnded(message.mark)
      channel.send(wrap({ kind: 'heard', end: message.end }))
      return
    }
    calls.get(message.id)?.answer(message.answer)
    calls.delete(message.id)
  })
  channel.onClosed(close)

  return {
    get isOpen () { return isOpen },
    close,
    async ask (call) {
      if (!isOpen) throw new StoreUnavailableError()
      const id = serial++
      return await new Promise((resolve, reject) => {
        calls.set(id, { answer: resolve, fail: () => { reject(new StoreUnavailableError()) } })
        channel.send(wrap({ kind: 'call', id, call }))
      })
    }
  }
}

async function within (patienceMs: number, joined: Promise<unknown>): Promise<EndMark[]> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(new NotCoordinatedError()) }, patienceMs) })
  try {
    return await Promise.race([joined, silence]) as EndMark[]
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Agreement between the workers of one primary that called `coordinateWorkers`.
 * @throws FST_OIDC_NOT_COORDINATED when nobody answers there
 */
export async function joinWorkers (channel: WorkerChannel, { clock = systemClock, patienceMs = PATIENCE_MS }: JoinOptions = {}): Promise<SessionCoordinator> {
  const marks = createEndMarks(clock)
  const listeners = createEndedListeners()
  const conversation = converse(channel, ({ target, before, until }) => {
    marks.add(target, before, until)
    try {
      listeners.tell(target, before)
    } catch {
      // A listener must not throw; one that does keeps neither the others nor the primary from going on.
    }
  })
  const { ask } = conversation
  for (const { target, before, until } of await within(patienceMs, ask({ kind: 'join' }))) marks.add(target, before, until)

  return {
    async lock (key, ttlMs) {
      const lock = await ask({ kind: 'lock', key, ttlMs }) as number | null
      return lock === null ? null : { release: async () => { await ask({ kind: 'release', lock }) } }
    },
    async waitForRelease (key, maxMs) { await ask({ kind: 'wait', key, maxMs }).catch(() => {}) },
    async publishResult (key, sealed, ttlMs) { await ask({ kind: 'publish', key, sealed, ttlMs }) },
    async takeResult (key) { return await ask({ kind: 'take', key }) as string | null },
    async end (target, before, until) { await ask({ kind: 'end', mark: { target, before, until } }) },
    hasEnded (session) {
      // Cut off from the others, nobody here knows: never "it lives".
      if (!conversation.isOpen) return Promise.reject(new StoreUnavailableError())
      return marks.covers(session)
    },
    onEnded: listeners.add,
    async ready () { if (!conversation.isOpen) throw new StoreUnavailableError() },
    async close () {
      conversation.close()
      listeners.clear()
      marks.clear()
    }
  }
}

/**
 * The one coordinator of this worker, so that two cores of one client agree. Closing it does nothing: others may
 * still use it.
 * @throws FST_OIDC_NOT_COORDINATED where this process is no worker, or its primary did not call `coordinateWorkers`
 */
export async function sharedWorkerCoordinator (): Promise<SessionCoordinator> {
  const registry = globalThis as { [SHARED]?: Promise<SessionCoordinator> }
  const channel = channelToPrimary()
  if (channel === null) throw new NotCoordinatedError()
  registry[SHARED] ??= joinWorkers(channel).then(coordinator => ({ ...coordinator, close: async () => {} }))
  try {
    return await registry[SHARED]
  } catch (error) {
    delete registry[SHARED]
    throw error
  }
}
