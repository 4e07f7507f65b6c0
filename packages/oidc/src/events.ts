import { channel } from 'node:diagnostics_channel'

/** What observers are told: ids, never tokens or claims. */
export interface OidcEvent {
  readonly clientId: string
  readonly issuer: string | null
  readonly sessionId: string | null
  /** The `FST_OIDC_*` code, where something failed. */
  readonly code: string | null
}

const channels = {
  login: channel('fastify-oidc:login'),
  'login.failed': channel('fastify-oidc:login.failed'),
  renewal: channel('fastify-oidc:renewal'),
  'renewal.failed': channel('fastify-oidc:renewal.failed'),
  logout: channel('fastify-oidc:logout'),
  revocation: channel('fastify-oidc:revocation'),
  refused: channel('fastify-oidc:refused')
}

export type OidcEventName = keyof typeof channels

/** Tells the observers of `fastify-oidc:<name>`; costs a property read when there are none. */
export function publish (name: OidcEventName, event: OidcEvent): void {
  const observed = channels[name]
  if (observed.hasSubscribers) observed.publish(event)
}
