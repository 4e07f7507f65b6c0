import type { RevocationTarget, SessionIdentity } from './session.ts'

/** Which sessions a revocation target may name. */
export interface SessionIndex {
  add (key: string, session: SessionIdentity): void
  remove (key: string, session: SessionIdentity): void
  find (target: RevocationTarget): readonly string[]
  clear (): void
}

/** One name for each target, as JSON, so that no part can run into the next. */
export function nameOfTarget (target: RevocationTarget): string {
  if ('id' in target) return JSON.stringify(['id', target.id])
  return 'subject' in target
    ? JSON.stringify(['subject', target.issuer, target.subject])
    : JSON.stringify(['providerSession', target.issuer, target.providerSessionId])
}

/** The names of all targets that a session belongs to: its id, its subject, and its provider session where it has one. */
export function targetNames ({ id, issuer, subject, providerSessionId }: SessionIdentity): string[] {
  const names = [nameOfTarget({ id }), nameOfTarget({ issuer, subject })]
  return providerSessionId === null ? names : [...names, nameOfTarget({ issuer, providerSessionId })]
}

/** Session keys by id, by issuer and subject, and by issuer and provider session. */
export function createSessionIndex (): SessionIndex {
  const keysByName = new Map<string, Set<string>>()

  return {
    add (key, session) {
      for (const name of targetNames(session)) {
        const keys = keysByName.get(name)
        if (keys === undefined) keysByName.set(name, new Set([key]))
        else keys.add(key)
      }
    },
    remove (key, session) {
      for (const name of targetNames(session)) {
        const keys = keysByName.get(name)
        if (keys?.delete(key) === true && keys.size === 0) keysByName.delete(name)
      }
    },
    find: target => [...keysByName.get(nameOfTarget(target)) ?? []],
    clear () { keysByName.clear() }
  }
}
