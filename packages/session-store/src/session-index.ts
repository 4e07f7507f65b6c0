import type { RevocationTarget, SessionIdentity } from './session.ts'

/** Which sessions a revocation target may name. */
export interface SessionIndex {
  add (key: string, session: SessionIdentity): void
  remove (key: string, session: SessionIdentity): void
  find (target: RevocationTarget): readonly string[]
  clear (): void
}

/** As JSON, so that no part can run into the next. */
function nameOf (target: RevocationTarget): string {
  if ('id' in target) return JSON.stringify(['id', target.id])
  return 'subject' in target
    ? JSON.stringify(['subject', target.issuer, target.subject])
    : JSON.stringify(['providerSession', target.issuer, target.providerSessionId])
}

function namesOf ({ id, issuer, subject, providerSessionId }: SessionIdentity): string[] {
  const names = [nameOf({ id }), nameOf({ issuer, subject })]
  return providerSessionId === null ? names : [...names, nameOf({ issuer, providerSessionId })]
}

/** Session keys by id, by issuer and subject, and by issuer and provider session. */
export function createSessionIndex (): SessionIndex {
  const keysByName = new Map<string, Set<string>>()

  return {
    add (key, session) {
      for (const name of namesOf(session)) {
        const keys = keysByName.get(name)
        if (keys === undefined) keysByName.set(name, new Set([key]))
        else keys.add(key)
      }
    },
    remove (key, session) {
      for (const name of namesOf(session)) {
        const keys = keysByName.get(name)
        if (keys?.delete(key) === true && keys.size === 0) keysByName.delete(name)
      }
    },
    find: target => [...keysByName.get(nameOf(target)) ?? []],
    clear () { keysByName.clear() }
  }
}
