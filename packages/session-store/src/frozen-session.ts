import type { Session } from './session.ts'

/**
 * Freezes a session with all that is in it, so that requests can share it.
 * Without recursion: how deep claims are nested is the provider's choice.
 */
export function freezeSession (session: Session): Session {
  const reached = new Set<object>([session])
  for (const value of reached) {
    Object.freeze(value)
    for (const member of Object.values(value)) if (member !== null && typeof member === 'object') reached.add(member)
  }
  return session
}
