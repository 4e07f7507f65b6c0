import cluster from 'node:cluster'
import { unwrap, wrap, type FromWorker, type ToWorker, type WorkerMetrics } from './messages.ts'

const MARK = 'OIDC_GATEWAY_WORKER'

/** The environment that a process is known by as one of ours: others use node:cluster as well. */
export const MEMBER_ENVIRONMENT: Readonly<Record<string, string>> = { [MARK]: '1' }

export const isMember = (): boolean => cluster.isWorker && process.env[MARK] === '1'

/** What a worker does for its primary. */
export interface Duties {
  stop (): void
  metrics (): Promise<WorkerMetrics>
}

function tell (message: FromWorker): void {
  // A primary that is gone is told of by "disconnect".
  if (process.connected) process.send?.(wrap(message), undefined, undefined, () => {})
}

/** Does as the primary says; a primary that is gone has said "stop". */
export function serveAsMember ({ stop, metrics }: Duties): { announce (address: string): void } {
  process.on('message', received => {
    const message = unwrap<ToWorker>(received)
    if (message?.kind === 'stop') stop()
    if (message?.kind === 'metrics') metrics().then(found => { tell({ kind: 'metrics', id: message.id, metrics: found }) }, () => {})
  })
  process.once('disconnect', stop)
  // A terminal sends these to every process of the group: the primary says what becomes of them.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
  process.on('SIGTERM', stop)
  return { announce: address => { tell({ kind: 'listening', address }) } }
}
