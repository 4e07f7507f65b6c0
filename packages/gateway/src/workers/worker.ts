import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { WorkerEndedError } from '../errors.ts'
import { MEMBER_ENVIRONMENT } from './member.ts'
import { unwrap, wrap, type FromWorker, type WorkerMetrics } from './messages.ts'

/** How a worker ended. */
export interface WorkerEnd { readonly code: number | null, readonly signal: string | null }

/** A worker, as the primary sees it. */
export interface PoolWorker {
  readonly id: number
  readonly pid: number | undefined
  /** Its address, once it serves. Rejects where it ends before. */
  readonly serving: Promise<string>
  readonly ended: Promise<WorkerEnd>
  /** null: it does not answer in time. */
  metrics (): Promise<WorkerMetrics | null>
  /** Lets it finish what is under way; after `patienceMs` it is killed. */
  stop (patienceMs: number): Promise<void>
  kill (): void
}

const METRICS_TIMEOUT_MS = 1000

async function endOf (worker: Worker): Promise<WorkerEnd> {
  const [code, signal] = await once(worker, 'exit') as [number | null, string | null]
  return { code, signal }
}

const describeEnd = ({ code, signal }: WorkerEnd): string => signal ?? `exit code ${String(code)}`

/** Starts this program once more, as a worker. */
export function startWorker (): PoolWorker {
  const worker = cluster.fork(MEMBER_ENVIRONMENT)
  const inquiries = new Map<number, (metrics: WorkerMetrics) => void>()
  const ended = endOf(worker)
  let serial = 0

  const serving = new Promise<string>((resolve, reject) => {
    worker.on('message', received => {
      const message = unwrap<FromWorker>(received)
      if (message?.kind === 'listening') resolve(message.address)
      if (message?.kind === 'metrics') inquiries.get(message.id)?.(message.metrics)
    })
    ended.then(end => { reject(new WorkerEndedError(describeEnd(end))) }, reject)
  })
  // Whoever waits for it hears of it; nobody need.
  serving.catch(() => {})

  const send = (message: Parameters<typeof wrap>[0]): void => { if (worker.isConnected()) worker.send(wrap(message), () => {}) }

  return {
    id: worker.id,
    pid: worker.process.pid,
    serving,
    ended,
    async metrics () {
      const id = serial++
      let timer: NodeJS.Timeout | undefined
      const answer = await new Promise<WorkerMetrics | null>(resolve => {
        inquiries.set(id, resolve)
        timer = setTimeout(resolve, METRICS_TIMEOUT_MS, null)
        ended.then(() => { resolve(null) }, () => {})
        send({ kind: 'metrics', id })
      })
      clearTimeout(timer)
      inquiries.delete(id)
      return answer
    },
    async stop (patienceMs) {
      send({ kind: 'stop' })
      const timer = setTimeout(() => { worker.process.kill('SIGKILL') }, patienceMs)
      await ended
      clearTimeout(timer)
    },
    kill () { worker.process.kill('SIGKILL') }
  }
}
