import cluster from 'node:cluster'
import { createEndMarks, type EndMark } from '../end-marks.ts'
import { createProcessCoordinator } from '../process-coordinator.ts'
import { systemClock, type Clock } from '../session.ts'
import type { Lock } from '../session-coordinator.ts'
import { channelToWorker, type WorkerChannel } from './channel.ts'
import { unwrap, wrap, type Call, type FromPrimary, type FromWorker } from './messages.ts'

/** A worker that does not say that it heard of an end is not waited for any longer. */
const HEARING_MS = 1000
// Node fires a timer with a longer delay at once.
const LONGEST_DELAY_MS = 2 ** 31 - 1

interface Member {
  readonly channel: WorkerChannel
  readonly locks: Map<number, Lock>
  readonly hearings: Map<number, () => void>
}

/** What the workers of one primary agree through. */
export interface WorkerHub {
  attach (channel: WorkerChannel): void
  close (): Promise<void>
}

export function createWorkerHub ({ clock = systemClock }: { readonly clock?: Clock } = {}): WorkerHub {
  const coordinator = createProcessCoordinator({ clock })
  const marks = createEndMarks(clock)
  const members = new Set<Member>()
  let serial = 0

  const tell = (member: Member, message: FromPrimary): void => { member.channel.send(wrap(message)) }

  async function tellEnd (member: Member, mark: EndMark): Promise<void> {
    const end = serial++
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, HEARING_MS)
      member.hearings.set(end, () => {
        clearTimeout(timer)
        resolve()
      })
      tell(member, { kind: 'ended', end, mark })
    })
    member.hearings.delete(end)
  }

  /** Answered when every worker has heard of it, so that who was told of a logout finds it everywhere. */
  async function end (mark: EndMark): Promise<null> {
    marks.add(mark.target, mark.before, mark.until)
    await Promise.all([...members].map(async member => { await tellEnd(member, mark) }))
    return null
  }

  async function lock (member: Member, key: string, ttlMs: number): Promise<number | null> {
    const held = await coordinator.lock(key, ttlMs)
    if (held === null) return null
    const id = serial++
    member.locks.set(id, held)
    // Some locks are never released, only left to end.
    setTimeout(() => { member.locks.delete(id) }, Math.min(ttlMs, LONGEST_DELAY_MS)).unref()
    return id
  }

  async function release (member: Member, id: number): Promise<null> {
    await member.locks.get(id)?.release()
    member.locks.delete(id)
    return null
  }

  async function answer (member: Member, call: Call): Promise<unknown> {
    switch (call.kind) {
      case 'join':
        members.add(member)
        return marks.list()
      case 'lock': return await lock(member, call.key, call.ttlMs)
      case 'release': return await release(member, call.lock)
      case 'wait': return await coordinator.waitForRelease(call.key, call.maxMs)
      case 'publish': return await coordinator.publishResult(call.key, call.sealed, call.ttlMs)
      case 'take': return await coordinator.takeResult(call.key)
      case 'end': return await end(call.mark)
    }
  }

  /** A worker that dies holds nothing, and nobody waits for it. */
  function dismiss (member: Member): void {
    members.delete(member)
    for (const hear of [...member.hearings.values()]) hear()
    for (const held of member.locks.values()) held.release().catch(() => {})
    member.locks.clear()
  }

  return {
    attach (channel) {
      const member: Member = { channel, locks: new Map(), hearings: new Map() }
      channel.onMessage(received => {
        const message = unwrap<FromWorker>(received)
        if (message === null) return
        if (message.kind === 'heard') member.hearings.get(message.end)?.()
        else answer(member, message.call).then(value => { tell(member, { kind: 'answer', id: message.id, answer: value ?? null }) }, () => {})
      })
      channel.onClosed(() => { dismiss(member) })
    },
    async close () {
      for (const member of [...members]) dismiss(member)
      marks.clear()
      await coordinator.close()
    }
  }
}

/**
 * Call it in the primary of node:cluster before it forks: its workers then agree on renewals and logouts, with
 * `session.coordination: workers`. Answers the function that ends it.
 */
export function coordinateWorkers (): () => Promise<void> {
  const hub = createWorkerHub()
  const attach = (worker: Parameters<typeof channelToWorker>[0]): void => { hub.attach(channelToWorker(worker)) }
  for (const worker of Object.values(cluster.workers ?? {})) if (worker !== undefined) attach(worker)
  cluster.on('fork', attach)
  return async () => {
    cluster.off('fork', attach)
    await hub.close()
  }
}
