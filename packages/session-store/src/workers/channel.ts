import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'

/** A way between the primary and one worker; both ends speak it alike. */
export interface WorkerChannel {
  /** What cannot be sent any more is dropped: `onClosed` says so. */
  send (message: unknown): void
  onMessage (listener: (message: unknown) => void): void
  onClosed (listener: () => void): void
}

const ignoreFailure = (): void => {}

/** The end in the primary. */
export function channelToWorker (worker: Worker): WorkerChannel {
  return {
    send: message => { if (worker.isConnected()) worker.process.send?.(message as object, undefined, undefined, ignoreFailure) },
    onMessage: listener => { worker.on('message', listener) },
    onClosed: listener => { worker.once('disconnect', listener) }
  }
}

/** The end in a worker; null where this process is none. */
export function channelToPrimary (): WorkerChannel | null {
  if (!cluster.isWorker) return null
  return {
    send: message => { if (process.connected) process.send?.(message as object, undefined, undefined, ignoreFailure) },
    onMessage: listener => { process.on('message', listener) },
    onClosed: listener => { process.once('disconnect', listener) }
  }
}
