import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { OidcEvent, OidcEventName } from 'fastify-oidc'
import { Counter, type Registry } from 'prom-client'

const COUNTED = {
  login: ['oidc_gateway_logins_total', 'Logins that succeeded.'],
  renewal: ['oidc_gateway_renewals_total', 'Renewals of access tokens that succeeded.'],
  logout: ['oidc_gateway_logouts_total', 'Logouts.'],
  revocation: ['oidc_gateway_revocations_total', 'Revocations: sessions that the provider ended, among others.']
} as const satisfies Partial<Record<OidcEventName, readonly [string, string]>>

const COUNTED_BY_CODE = {
  'login.failed': ['oidc_gateway_login_failures_total', 'Logins that failed, by error code.'],
  'renewal.failed': ['oidc_gateway_renewal_failures_total', 'Renewals of access tokens that failed, by error code.'],
  refused: ['oidc_gateway_refusals_total', 'Requests that were answered with an error of the guard, by error code.']
} as const satisfies Partial<Record<OidcEventName, readonly [string, string]>>

type Observe = (event: OidcEvent) => void

/** Codes are constants of ours; what a library below throws has codes of its own, and they are many. */
const codeOf = ({ code }: OidcEvent): string => code?.startsWith('FST_OIDC_') === true ? code : 'other'

function createObservers (register: Registry): Array<readonly [string, Observe]> {
  const registers = [register]
  const plain = Object.entries(COUNTED).map(([event, [name, help]]) => {
    const counter = new Counter({ name, help, registers })
    return [event, () => { counter.inc() }] as const
  })
  const byCode = Object.entries(COUNTED_BY_CODE).map(([event, [name, help]]) => {
    const counter = new Counter({ name, help, labelNames: ['code'] as const, registers })
    return [event, (told: OidcEvent) => { counter.inc({ code: codeOf(told) }) }] as const
  })
  return [...plain, ...byCode]
}

/**
 * Counts what the cores tell. Their channels are the process's: what clients of other servers in it do is left out.
 * Answers the function that ends it.
 */
export function countEvents (clientIds: ReadonlySet<string>, register: Registry): () => void {
  const listeners = createObservers(register).map(([event, observe]) => {
    const listener = (message: unknown): void => {
      const told = message as OidcEvent
      if (clientIds.has(told.clientId)) observe(told)
    }
    return [`fastify-oidc:${event}`, listener] as const
  })
  for (const [channel, listener] of listeners) subscribe(channel, listener)
  return () => { for (const [channel, listener] of listeners) unsubscribe(channel, listener) }
}
