import type { RequestOidc } from 'fastify-oidc'
import type { ForwardAuthSettings } from './options.ts'

/** Control characters end a header, and readers take blanks at the ends away: either would make somebody else of who it is. */
const UNSPEAKABLE = /[\u0000-\u001f\u007f]|^\s|\s$/ // eslint-disable-line no-control-regex -- these are what it looks for

/** UTF-8 on the wire; null: no header can say it. */
function headerValue (text: string | null): string | null {
  return text === null || text === '' || UNSPEAKABLE.test(text) ? null : Buffer.from(text, 'utf8').toString('latin1')
}

/** A comma would make two groups of one. */
function joinGroups (groups: readonly string[]): string | null {
  return groups.filter(group => !group.includes(',') && headerValue(group) !== null).join(',') || null
}

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
    ['x-auth-request-groups', sets ? joinGroups(oidc.groups) : null],
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
