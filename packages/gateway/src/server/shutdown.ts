import type { FastifyBaseLogger } from 'fastify'

/** What can be stopped. */
export interface Stoppable {
  readonly log: Pick<FastifyBaseLogger, 'info' | 'error'>
  close (): Promise<void>
  /** Ends at once what would outlive this process. */
  cut (): void
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Stops the gateway at the first signal, and the process at the second. Answers the exit code. */
export function untilStopped ({ log, close, cut }: Stoppable): Promise<number> {
  return new Promise(resolve => {
    let isStopping = false
    const stop = async (signal: string): Promise<void> => {
      if (isStopping) {
        cut()
        process.exit(1)
      }
      isStopping = true
      log.info({ signal }, 'stopping: requests under way are finished')
      try {
        await close()
        log.info('stopped')
        resolve(0)
      } catch (err) {
        log.error({ err }, 'stopping failed')
        resolve(1)
      }
    }
    for (const signal of SIGNALS) process.on(signal, () => { void stop(signal) })
  })
}
