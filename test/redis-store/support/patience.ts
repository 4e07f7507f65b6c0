import { setTimeout as sleep } from 'node:timers/promises'

const PATIENCE_MS = 20_000
const PAUSE_MS = 20

/** Until Redis does it: what cannot be reached now is asked again, as a browser would. */
export async function patiently<Answer> (work: () => Promise<Answer>): Promise<Answer> {
  const deadlineMs = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await work()
    } catch (err) {
      if ((err as { code?: unknown }).code !== 'FST_OIDC_STORE_UNAVAILABLE' || performance.now() > deadlineMs) throw err
      await sleep(PAUSE_MS)
    }
  }
}
