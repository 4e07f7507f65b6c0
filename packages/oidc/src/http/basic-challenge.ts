import { accepts, exchangedMethods } from '../policy/auth-methods.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import { quote } from './quoted-string.ts'

/**
 * Asks for a name and a password (RFC 7617, section 2) where a route takes them; null: it does not. Where it takes logins too,
 * only whoever brought a password is asked for another: a browser would show a box of its own in place of the way to the login.
 */
export function createBasicChallenge (realm: string): (policy: CompiledPolicy | null, code: string) => string | null {
  const challenge = `Basic realm=${quote(realm)}, charset="UTF-8"`
  return (policy, code) => {
    const methods = policy?.authMethods ?? null
    if (exchangedMethods(methods).length === 0) return null
    return code === 'FST_OIDC_CREDENTIALS_INVALID' || !accepts(methods, 'authorization_code') ? challenge : null
  }
}
