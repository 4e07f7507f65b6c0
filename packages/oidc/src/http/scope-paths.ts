import type { FastifyRequest } from 'fastify'
import { RedirectUriOutsideError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import { originOf, sameOriginPath } from './return-to.ts'

const SUFFIX = '/.apisix/redirect'

/** The paths of one scope, as the browser sees them. */
export interface ScopePaths {
  readonly prefix: string
  /** null: each path has its own, with the suffix. */
  readonly callback: string | null
  readonly logout: string
  /** null: none. */
  readonly backchannelLogout: string | null
  /** null: none. */
  readonly frontchannelLogout: string | null
  readonly home: string
  readonly suffix: string
  redirectUriOf (request: FastifyRequest): string
}

function checkUnder (prefix: string, name: string, path: string): string {
  if (prefix === '' || path === prefix || path.startsWith(`${prefix}/`)) return path
  throw new RedirectUriOutsideError(name, path, prefix)
}

function callbackPath ({ redirect_uri: redirectUri, security_profile: profile }: OidcSettings, prefix: string): string | null {
  if (redirectUri !== undefined) return checkUnder(prefix, 'redirect_uri', new URL(redirectUri, 'http://localhost').pathname)
  return profile === 'apisix' ? null : prefix + SUFFIX
}

/** The suffix rule of the table: the path that was asked for, and the suffix. */
function suffixed (request: FastifyRequest, origin: string): string {
  const path = (sameOriginPath(request.originalUrl, origin) ?? '/').replace(/\?.*$/, '')
  return path.endsWith(SUFFIX) ? path : path.replace(/\/$/, '') + SUFFIX
}

/** @throws FST_OIDC_PATH_OUTSIDE_SCOPE when a path lies outside what the scope can serve */
export function createScopePaths (settings: OidcSettings, scopePrefix: string, writesLogoutPath: boolean): ScopePaths {
  const prefix = scopePrefix.replace(/\/$/, '')
  const callback = callbackPath(settings, prefix)
  const logout = writesLogoutPath ? checkUnder(prefix, 'logout_path', settings.logout_path) : `${prefix}/logout`
  const optional = (name: 'backchannel_logout_path' | 'frontchannel_logout_path'): string | null => settings[name] === undefined ? null : checkUnder(prefix, name, settings[name])
  return {
    prefix,
    callback,
    logout,
    backchannelLogout: optional('backchannel_logout_path'),
    frontchannelLogout: optional('frontchannel_logout_path'),
    home: prefix === '' ? '/' : prefix,
    suffix: SUFFIX,
    redirectUriOf (request) {
      const origin = originOf(request)
      // Providers compare it letter by letter: an absolute one is theirs as it is written.
      if (settings.redirect_uri !== undefined) return settings.redirect_uri.startsWith('/') ? new URL(settings.redirect_uri, origin).href : settings.redirect_uri
      return origin + (callback ?? suffixed(request, origin))
    }
  }
}
