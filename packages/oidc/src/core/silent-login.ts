import { endMarkLife } from 'fastify-oidc-session-store'
import { ProviderInvalidError, ProviderUnavailableError } from '../errors.ts'
import type { GuardRoom } from '../http/guard.ts'
import { originOf, returnToOf } from '../http/return-to.ts'
import type { CallbackRoom } from '../routes/callback.ts'
import type { Reauthentication } from '../session/reauthentication.ts'
import type { Core, CoreGround } from './core.ts'
import type { Observer } from './observer.ts'

/** A provider that cannot be reached does not take the page from who has a session. */
export function createSilentLogin (reauthentication: Reauthentication | null, observer: Observer, login: Core['login']): GuardRoom['loginSilently'] {
  return async (request, reply, stored) => {
    try {
      await login(request, reply, { returnTo: returnToOf(request, originOf(request)), restarts: 0, prompt: 'none' })
      return true
    } catch (error) {
      if (!(error instanceof ProviderUnavailableError) && !(error instanceof ProviderInvalidError)) throw error
      observer.warn('silent.failed', 'the session goes on without the silent login', error)
      await reauthentication?.pause(stored)
      return false
    }
  }
}

/** What a silent login that failed means for the session. */
export function createSilentEnd ({ store, coordinator, clock, settings }: CoreGround, reauthentication: Reauthentication | null, observer: Observer): Pick<CallbackRoom, 'endSession' | 'keepSession'> {
  return {
    async endSession (request, stored, err) {
      const { id } = stored.session
      await store.destroy(stored)
      await coordinator.end({ id }, clock(), clock() + endMarkLife(settings.session.absolute_timeout))
      request.log.info({ oidc: 'session.over', sessionId: id, err }, 'the session is over: the provider did not confirm it')
    },
    async keepSession (stored, error) {
      observer.warn('silent.failed', 'the session goes on without the silent login', error)
      await reauthentication?.pause(stored)
    }
  }
}
