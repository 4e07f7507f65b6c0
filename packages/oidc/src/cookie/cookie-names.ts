import { createHash } from 'node:crypto'
import type { OidcSettings } from '../options/settings.ts'

/** What the cookies of one core are called. */
export interface CookieNames {
  /** Without `__Host-`. */
  readonly base: string
  /** On https, `__Host-` in front where nothing stands against it (RFC 6265bis, section 4.1.3.2). */
  session (secure: boolean): string
  transaction (secure: boolean, state: string): string
  transactionPrefix (secure: boolean): string
}

const STATE_BYTES = 8

/** A state's name: short, and tells nothing of it. */
function hashState (state: string): string {
  return createHash('sha256').update(state).digest().subarray(0, STATE_BYTES).toString('base64url')
}

const HOST = '__Host-'

function mayBeHostOnly ({ security_profile: profile, session }: OidcSettings): boolean {
  return profile !== 'apisix' && session.cookie_name === undefined && session.cookie_domain === undefined && (session.cookie_path ?? '/') === '/' && session.cookie_secure !== false
}

export function createCookieNames (settings: OidcSettings, base: string): CookieNames {
  const host = mayBeHostOnly(settings) ? HOST : ''
  const names = { secure: host + base, plain: base }
  const prefixes = { secure: `${host}${base}_tx_`, plain: `${base}_tx_` }
  return {
    base,
    session: secure => secure ? names.secure : names.plain,
    transactionPrefix: secure => secure ? prefixes.secure : prefixes.plain,
    transaction: (secure, state) => (secure ? prefixes.secure : prefixes.plain) + hashState(state)
  }
}

/** The name when none is written: cores with different clients in one server must not share one. */
export function defaultCookieName (settings: OidcSettings, taken: ReadonlyMap<string, string>): string {
  const { session, security_profile: profile, discovery, client_id: clientId } = settings
  if (session.cookie_name !== undefined) return session.cookie_name
  const plain = profile === 'apisix' ? 'session' : 'oidc'
  const client = clientKey(settings)
  const owner = taken.get(plain)
  if (owner === undefined || owner === client) return plain
  return `${plain}_${createHash('sha256').update(`${discovery}\n${clientId}`).digest('base64url').slice(0, 8)}`
}

/** One client of one provider. */
export function clientKey ({ discovery, client_id: clientId }: OidcSettings): string {
  return `${discovery}\n${clientId}`
}
