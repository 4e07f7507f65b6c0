import type { FastifyBaseLogger } from 'fastify'
import type { Session } from 'fastify-oidc-session-store'
import { publish, type OidcEventName } from '../events.ts'
import { explain } from '../provider/fault.ts'

/** Tells the log and the subscribers what happened; ids, never tokens or claims. */
export interface Observer {
  tell (name: OidcEventName, sessionId: string | null, error?: unknown): void
  /** Degraded, but served. */
  warn (event: string, text: string, error: unknown): void
  providerUnreachable (error: unknown): void
  renewalFailed (session: Session, error: Error): void
}

export interface ObserverRoom {
  readonly log: FastifyBaseLogger
  readonly clientId: string
  issuer (): string | null
}

export function createObserver ({ log, clientId, issuer }: ObserverRoom): Observer {
  const tell: Observer['tell'] = (name, sessionId, error) => {
    publish(name, { clientId, issuer: issuer(), sessionId, code: (error as { code?: string } | undefined)?.code ?? null })
  }
  const warn: Observer['warn'] = (event, text, error) => { log.warn({ oidc: event, err: error }, explain(text, error)) }
  return {
    tell,
    warn,
    providerUnreachable (error) { log.error({ oidc: 'discovery.failed', err: error }, explain('the provider cannot be reached', error)) },
    renewalFailed (session, error) {
      tell('renewal.failed', session.id, error)
      warn('renewal.failed', 'the access token was not renewed and lives on', error)
    }
  }
}
