import type { EpochSeconds, RevocationTarget } from './session.ts'

export type EndedListener = (target: RevocationTarget, before: EpochSeconds) => void

/** Who wants to hear of ends. */
export interface EndedListeners {
  /** Answers the function that takes the listener off again. */
  add (listener: EndedListener): () => void
  /** Every listener hears of it, whatever another one throws: then an AggregateError follows. */
  tell (target: RevocationTarget, before: EpochSeconds): void
  clear (): void
}

export function createEndedListeners (): EndedListeners {
  const listeners = new Set<EndedListener>()
  return {
    add (listener) {
      const own: EndedListener = (target, before) => { listener(target, before) }
      listeners.add(own)
      return () => { listeners.delete(own) }
    },
    tell (target, before) {
      const failures: unknown[] = []
      for (const listener of [...listeners]) {
        try {
          listener(target, before)
        } catch (err) {
          failures.push(err)
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, 'Listeners of ended sessions failed')
    },
    clear () { listeners.clear() }
  }
}
