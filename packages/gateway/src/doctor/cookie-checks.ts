import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import oidc, { type OidcOptions } from 'fastify-oidc'
import { isLoopback, isPlain, redirectUrisOf, type Outside } from './addresses.ts'
import { fail, ok, warn, type Finding } from './finding.ts'
import type { Patient, SessionOptions } from './patient.ts'

/** What a JWT of a usual provider takes, and a refresh token. */
const TOKEN_BYTES = 1400
const REFRESH_TOKEN_BYTES = 600
/** As the core leaves for the other headers of a request. */
const OTHER_HEADERS_BYTES = 4096

const CHECK = 'cookies'

function wantsSecure ({ cookie_secure: secure, cookie_same_site: sameSite }: SessionOptions): boolean {
  return secure === true || (secure !== false && sameSite === 'None')
}

/** Browsers keep Secure cookies from https alone. */
export function checkSecure (patient: Patient, outside: Outside, session: SessionOptions): Finding {
  const uris = redirectUrisOf(patient, outside)
  const plain = uris.filter(isPlain)
  const option = session.cookie_secure === true ? 'session.cookie_secure: true' : 'session.cookie_same_site: None'
  if (wantsSecure(session) && plain.some(uri => !isLoopback(uri))) return fail(CHECK, `${option} makes them Secure, and browsers come over http: they keep none, and every login begins again`, 'serve https, or take the option out')
  if (wantsSecure(session) && plain.length > 0) return warn(CHECK, `${option} makes them Secure, and browsers come over http: not all of them keep such cookies from this machine`, 'take the option out: cookies are Secure wherever the scheme is https')
  if (session.cookie_secure === false && uris.some(uri => !isPlain(uri))) return warn(CHECK, 'session.cookie_secure: false sends them over http too, where anybody on the way reads them', 'take the option out')
  return ok(CHECK, uris.length > 0 && uris.every(isPlain) ? 'not Secure: browsers come over http' : 'Secure wherever the scheme is https')
}

/** A session as large as one usually is, sealed by the store itself. */
async function measureCookie ({ written, options }: Patient): Promise<number> {
  const app = Fastify()
  try {
    const { session_contents: contents } = options
    const keeps = (name: 'access_token' | 'enc_id_token'): boolean => contents === undefined || contents[name] === true
    const jwt = (bytes: number): string => randomBytes(Math.ceil(bytes * 3 / 4)).toString('base64url')
    await app.register(oidc, { ...written, session: { ...options.session, coordination: 'process' } } as OidcOptions)
    const cookie = await app.oidc.issueCookie({
      accessToken: keeps('access_token') ? jwt(TOKEN_BYTES) : null,
      cold: { refreshToken: keeps('access_token') ? jwt(REFRESH_TOKEN_BYTES) : null, idToken: keeps('enc_id_token') ? jwt(TOKEN_BYTES) : null }
    })
    return Buffer.byteLength(cookie)
  } finally {
    await app.close()
  }
}

const kilobytes = (bytes: number): string => `${Math.round(bytes / 102.4) / 10} KB`

/** Whether a session in cookies fits into the headers of a request. */
export async function checkSize (patient: Patient, maxHeaderSize: number): Promise<Finding> {
  const check = 'cookie size'
  const budget = maxHeaderSize - OTHER_HEADERS_BYTES
  const bytes = await measureCookie(patient)
  const what = `about ${kilobytes(bytes)} with tokens of ${kilobytes(TOKEN_BYTES)}, and requests may carry ${kilobytes(budget)}`
  if (bytes > budget) return fail(check, what, 'raise max_header_size, keep less with session_contents, or set session.storage: redis')
  if (bytes * 2 > budget) return warn(check, `${what}: tokens with many groups are twice as large`, 'raise max_header_size, keep less with session_contents, or set session.storage: redis')
  return ok(check, `${what}; what stands in front has to let that through too`)
}
