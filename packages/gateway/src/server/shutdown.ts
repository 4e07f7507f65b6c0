import type { OpenGateway } from './gateway.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Stops the gateway at the first signal, and the process at the second. Answers the exit code. */
export function untilStopped (gateway: Pick<OpenGateway, 'app' | 'close'>): Promise<number> {
  return new Promise(resolve => {
    let isStopping = false
    const stop = async (signal: string): Promise<void> => {
      if (isStopping) process.exit(1)
      isStopping = true
      gateway.app.log.info({ signal }, 'stopping: requests under way are finished')
      try {
        await gateway.close()
        gateway.app.log.info('stopped')
        resolve(0)
      } catch (err) {
        gateway.app.log.error({ err }, 'stopping failed')
        resolve(1)
      }
    }
    for (const signal of SIGNALS) process.on(signal, () => { void stop(signal) })
  })
}
