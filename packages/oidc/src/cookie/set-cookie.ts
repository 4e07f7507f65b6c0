import { fastifyCookie, type SerializeOptions } from '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { OidcSettings } from '../options/settings.ts'

/** Is the scheme that the browser uses https? */
export function isSecure (request: FastifyRequest): boolean {
  return request.protocol === 'https'
}

/** Attributes that every cookie of one core has; a browser drops a cookie only by the same ones. */
export interface CookieAttributes {
  readonly path: string
  readonly domain: string | undefined
  readonly httpOnly: boolean
  readonly secure: boolean | undefined
  readonly sameSite: 'Lax' | 'Strict' | 'None' | 'Default'
}

export function cookieAttributes ({ session }: OidcSettings): CookieAttributes {
  return { path: session.cookie_path ?? '/', domain: session.cookie_domain, httpOnly: session.cookie_http_only, secure: session.cookie_secure, sameSite: session.cookie_same_site }
}

/** RFC 6265bis, section 4.1.3: a browser drops a cookie with one of these prefixes that is not Secure. */
const SECURE_PREFIX = /^__(?:Host|Secure)-/

function serializeOptions (name: string, attributes: CookieAttributes, secure: boolean): SerializeOptions {
  const { sameSite } = attributes
  return {
    path: attributes.path,
    httpOnly: attributes.httpOnly,
    secure: attributes.secure ?? (secure || sameSite === 'None' || SECURE_PREFIX.test(name)),
    encode: value => value,
    ...(attributes.domain === undefined ? {} : { domain: attributes.domain }),
    ...(sameSite === 'Default' ? {} : { sameSite: sameSite.toLowerCase() as 'lax' | 'strict' | 'none' })
  }
}

/** Sets a cookie on the reply, instead of one of that name that was set before. maxAge 0 takes it away. */
export function setCookie (request: FastifyRequest, reply: FastifyReply, name: string, value: string, attributes: CookieAttributes, maxAge: number): void {
  const line = fastifyCookie.serialize(name, value, { ...serializeOptions(name, attributes, isSecure(request)), maxAge, ...(maxAge === 0 ? { expires: new Date(0) } : {}) })
  const before = reply.getHeader('set-cookie')
  const others = (Array.isArray(before) ? before : before === undefined ? [] : [String(before)]).filter(other => !other.startsWith(`${name}=`))
  reply.removeHeader('set-cookie')
  reply.header('set-cookie', [...others, line])
}
