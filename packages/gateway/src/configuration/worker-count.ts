import { availableParallelism } from 'node:os'

/** How many processes serve; `auto`: one for each core of the machine. */
export type WorkerCount = number | 'auto'

export const MOST_WORKERS = 256

export function countWorkers (written: WorkerCount): number {
  return written === 'auto' ? Math.min(availableParallelism(), MOST_WORKERS) : written
}
