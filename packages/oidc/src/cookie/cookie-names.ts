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

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 8)

/** The name when none is written: cores that cannot open each other's sessions must not share one. */
export function defaultCookieName (settings: OidcSettings, taken: ReadonlyMap<string, string>): string {
  const { session, security_profile: profile } = settings
  if (session.cookie_name !== undefined) return session.cookie_name
  const plain = profile === 'apisix' ? 'session' : 'oidc'
  const owner = sessionKey(settings)
  const last = `${plain}_${hash(owner)}`
  return [plain, `${plain}_${hash(clientKey(settings))}`].find(name => (taken.get(name) ?? owner) === owner) ?? last
}

/** Who can open a session: a client that seals it under one secret. */
export function sessionKey (settings: OidcSettings): string {
  return `${clientKey(settings)}\n${createHash('sha256').update(settings.session.secret).digest('base64url')}`
}

/** One client of one provider. */
export function clientKey ({ discovery, client_id: clientId }: OidcSettings): string {
  return `${discovery}\n${clientId}`
}
