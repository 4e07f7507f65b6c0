import type { Logger } from 'pino'
import type { WorkerMetrics } from './messages.ts'
import { startWorker, type PoolWorker } from './worker.ts'

/** Processes that serve together at one address. */
export interface WorkerPool {
  /**
   * Answers the address when all of them serve.
   * @rejects FST_OIDC_GATEWAY_WORKER_ENDED when one ends before; the others are ended
   */
  open (size: number): Promise<string>
  /** Puts new workers in the place of the old ones, one after another, each after the new one serves. Answers whether all were replaced. */
  renew (size: number): Promise<boolean>
  /** Of those that serve and answer. */
  metrics (): Promise<WorkerMetrics[]>
  /** Lets all finish what is under way. */
  close (): Promise<void>
  /** Ends all at once. */
  kill (): void
}

/** A worker has 10 seconds for what is under way; one that takes longer hangs. */
const STOP_PATIENCE_MS = 15_000
const FIRST_DELAY_MS = 1000
const LONGEST_DELAY_MS = 30_000
/** One that has lived for so long did not die of how it starts. */
const HEALTHY_AGE_MS = 60_000

export interface PoolOptions {
  readonly log: Pick<Logger, 'info' | 'error'>
  readonly start?: () => PoolWorker
  /** How long the first lost worker is missed; it doubles while none can start, up to half a minute. */
  readonly firstDelayMs?: number
}

export function createWorkerPool ({ log, start = startWorker, firstDelayMs = FIRST_DELAY_MS }: PoolOptions): WorkerPool {
  const serving = new Set<PoolWorker>()
  /** Every worker there is, those that start and those that finish as well. */
  const alive = new Set<PoolWorker>()
  const timers = new Set<NodeJS.Timeout>()
  let [isClosing, delayMs] = [false, firstDelayMs]
  let renewal: Promise<unknown> = Promise.resolve()

  function onEnd (worker: PoolWorker, bornMs: number, end: object): void {
    alive.delete(worker)
    if (!serving.delete(worker) || isClosing) return
    log.error({ worker: worker.id, worker_pid: worker.pid, ...end }, 'a worker ended unasked, another takes its place')
    const isHealthy = performance.now() - bornMs > HEALTHY_AGE_MS
    if (isHealthy) delayMs = firstDelayMs
    replaceLost(isHealthy ? 0 : delayMs)
  }

  async function add (): Promise<{ worker: PoolWorker, address: string }> {
    const bornMs = performance.now()
    const worker = start()
    alive.add(worker)
    worker.ended.then(end => { onEnd(worker, bornMs, end) }, () => {})
    const address = await worker.serving
    serving.add(worker)
    return { worker, address }
  }

  /** Tried until one serves, at ever longer intervals: what keeps it from starting may pass. */
  function replaceLost (afterMs: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      add().then(({ worker }) => { log.info({ worker: worker.id, worker_pid: worker.pid }, 'a worker took the place of one that ended') }, (err: unknown) => {
        if (isClosing) return
        delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS)
        log.error({ err, again_in_seconds: delayMs / 1000 }, 'a worker could not start')
        replaceLost(delayMs)
      })
    }, afterMs)
    timers.add(timer)
  }

  async function retire (worker: PoolWorker): Promise<void> {
    serving.delete(worker)
    await worker.stop(STOP_PATIENCE_MS)
  }

  async function open (size: number): Promise<string> {
    try {
      // The first alone: what keeps it from listening would keep all, and is said once.
      const { address } = await add()
      await Promise.all(Array.from({ length: size - 1 }, add))
      return address
    } catch (error) {
      isClosing = true
      for (const worker of alive) worker.kill()
      throw error
    }
  }

  async function renew (size: number): Promise<boolean> {
    const old = [...serving]
    try {
      for (let index = 0; index < size; index++) {
        if (isClosing) return false
        await add()
        const replaced = old.shift()
        if (replaced !== undefined) await retire(replaced)
      }
    } catch (err) {
      log.error({ err }, 'a new worker could not start: the old ones go on')
      return false
    }
    if (!isClosing) await Promise.all(old.map(retire))
    return !isClosing
  }

  return {
    async open (size) {
      const opened = open(size)
      renewal = opened.catch(() => {})
      return await opened
    },
    renew (size) {
      const next = renewal.then(async () => await renew(size))
      renewal = next
      return next
    },
    async metrics () {
      const found = await Promise.all([...serving].map(async worker => await worker.metrics()))
      return found.filter(metrics => metrics !== null)
    },
    async close () {
      isClosing = true
      for (const timer of timers) clearTimeout(timer)
      // One that does not serve yet does not listen to "stop" either, and has nothing to finish.
      for (const worker of alive) if (!serving.has(worker)) worker.kill()
      await Promise.all([...alive].map(async worker => { await worker.stop(STOP_PATIENCE_MS) }))
    },
    kill () {
      isClosing = true
      for (const worker of alive) worker.kill()
    }
  }
}
