import { headerValue, joinGroups, type RequestOidc } from 'fastify-oidc'
import type { ForwardAuthSettings } from './options.ts'

export function preferredUsername ({ claims, userinfo }: RequestOidc): string | null {
  const found = [claims?.preferred_username, userinfo?.preferred_username].find(name => typeof name === 'string' && name !== '')
  return typeof found === 'string' ? found : null
}

/** What `auth` says of the caller; what is not known is not there. */
export function identityHeaders (oidc: RequestOidc, settings: ForwardAuthSettings): Record<string, string> {
  const { set_xauthrequest: sets, pass_access_token: passes, set_authorization_header: authorizes } = settings
  const written: Array<readonly [name: string, value: string | null]> = [
    ['gap-auth', oidc.email ?? oidc.user],
    ['x-auth-request-user', sets ? oidc.user : null],
    ['x-auth-request-email', sets ? oidc.email : null],
    ['x-auth-request-preferred-username', sets ? preferredUsername(oidc) : null],
    ['x-auth-request-groups', sets ? joinGroups(oidc.groups, ',') : null],
    ['x-auth-request-access-token', passes ? oidc.accessToken : null],
    ['authorization', authorizes && oidc.idToken !== null ? `Bearer ${oidc.idToken}` : null]
  ]
  return Object.fromEntries(written.flatMap(([name, value]) => {
    const text = headerValue(value)
    return text === null ? [] : [[name, text]]
  }))
}

/** What `userinfo` says of the caller: never a token. */
export function describeCaller (oidc: RequestOidc): string {
  const username = preferredUsername(oidc)
  const described = {
    user: oidc.user ?? '',
    email: oidc.email ?? '',
    ...(oidc.groups.length === 0 ? {} : { groups: oidc.groups }),
    ...(username === null ? {} : { preferredUsername: username })
  }
  return `${JSON.stringify(described).replace(/[<>&]/g, character => `\\u00${character.charCodeAt(0).toString(16)}`)}\n`
}
