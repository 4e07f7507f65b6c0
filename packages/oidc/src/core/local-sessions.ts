import type { FastifyRequest } from 'fastify'
import { LocalUsersMissingError, LocalUsersTakenError } from '../errors.ts'
import { applyHooks } from '../login/hooks.ts'
import { expiryOf } from '../session/lifetime.ts'
import { localSession, type LocalUsersPlace } from '../session/local-users.ts'
import type { Core, CoreGround } from './core.ts'
import type { FastifyOidc } from './fastify-oidc.ts'

/** Sessions of users whom no provider knows. */
export function createLocalSessions ({ settings, store, hooks, clock }: CoreGround, core: Core, place: LocalUsersPlace<FastifyRequest>): Pick<FastifyOidc, 'useLocalUsers' | 'establish'> {
  return {
    useLocalUsers (users) {
      if (place.users !== null) throw new LocalUsersTakenError()
      place.users = users
    },
    async establish (request, reply, identity) {
      if (place.users === null) throw new LocalUsersMissingError()
      await core.logout.endSession(request, reply)
      const now = clock()
      const session = await applyHooks(hooks, localSession(settings, identity, now))
      const stored = await store.create(session, expiryOf(session, core.lifetimes, now))
      core.jar.write(request, reply, stored, now)
      core.privateAnswers.mark(reply)
      core.observer.tell('login', session.id)
      request.log.info({ oidc: 'login', sessionId: session.id }, 'signed in with name and password')
    }
  }
}
