import { randomBytes } from 'node:crypto'
import type { AccountClaims } from 'oidc-provider'

const BY_SCOPE: Readonly<Record<string, readonly string[]>> = {
  profile: ['name', 'given_name', 'family_name', 'middle_name', 'nickname', 'preferred_username', 'profile', 'picture', 'website', 'gender', 'birthdate', 'zoneinfo', 'locale', 'updated_at'],
  email: ['email', 'email_verified'],
  groups: ['groups']
}

/** The claim that makes tokens long. */
export const PADDING_CLAIM = 'padding'

/** Which claims a scope releases; what no scope names comes with `openid` (OIDC Core, section 5.4). */
export function claimsByScope (accounts: Iterable<AccountClaims>): Record<string, string[]> {
  const named = new Set(Object.values(BY_SCOPE).flat())
  const others = new Set<string>(['sub', PADDING_CLAIM])
  for (const account of accounts) {
    for (const claim of Object.keys(account)) {
      if (!named.has(claim)) others.add(claim)
    }
  }
  return { openid: [...others], ...Object.fromEntries(Object.entries(BY_SCOPE).map(([scope, claims]) => [scope, [...claims]])) }
}

/** What a token with these scopes releases of an account. */
export function releasedClaims (account: AccountClaims, scopes: readonly string[]): Record<string, unknown> {
  const released = claimsByScope([account])
  const names = scopes.flatMap(scope => released[scope] ?? [])
  return Object.fromEntries(names.filter(name => account[name] !== undefined).map(name => [name, account[name]]))
}

/** A claim that makes a JWT at least `tokenSize` bytes long. Random, so that compression does not undo it. */
export function padding (tokenSize: number): Record<string, string> {
  if (tokenSize === 0) return {}
  const characters = Math.ceil(tokenSize * 3 / 4)
  return { [PADDING_CLAIM]: randomBytes(Math.ceil(characters * 3 / 4)).toString('base64url') }
}
