import type { Session } from './session.ts'

/**
 * Freezes what was parsed from JSON, with all that is in it, so that requests can share it.
 * Without recursion: how deep claims are nested is the provider's choice.
 */
export function freezeDeep<Parsed extends object> (parsed: Parsed): Parsed {
  const reached = new Set<object>([parsed])
  for (const value of reached) {
    Object.freeze(value)
    // What is behind a getter is not looked at: it is there for those who need it.
    for (const { value: member } of Object.values(Object.getOwnPropertyDescriptors(value))) if (member !== null && typeof member === 'object') reached.add(member as object)
  }
  return parsed
}

/** Freezes a session with all that is in it. */
export function freezeSession (session: Session): Session {
  return freezeDeep(session)
}
