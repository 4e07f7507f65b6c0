/** What becomes of a header that a client sent: decided by its name alone, so that it is decided once a name. */
export type Verdict = 'pass' | 'drop' | 'vouched' | 'cookie'

/** Connection matters (RFC 9110, section 7.6.1), and what undici sets or refuses itself. */
const HOP_BY_HOP: readonly string[] = ['connection', 'expect', 'http2-settings', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']

/**
 * Set by this proxy, or dangerous from a client: `Forwarded` and `X-Real-IP` name another caller, `X-Original-URL`
 * and `X-Rewrite-URL` another route than the one that was authorised, `Proxy` becomes HTTP_PROXY in CGI.
 */
const REPLACED: readonly string[] = ['forwarded', 'host', 'proxy', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto', 'x-original-url', 'x-real-ip', 'x-rewrite-url']

const FROM_CLIENT: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...REPLACED])
const FROM_UPSTREAM: ReadonlySet<string> = new Set(HOP_BY_HOP)

const MAX_REMEMBERED = 1000
const MAX_REMEMBERED_LENGTH = 64

/** Servers fold what is no letter or digit: to an upstream `x_forwarded_for` may be `x-forwarded-for`. */
function judge (name: string): Verdict {
  if (name === 'cookie') return 'cookie'
  // A pseudo header of HTTP/2.
  if (name.startsWith(':')) return 'drop'
  const spelled = name.replace(/[^a-z0-9]/g, '-')
  if (FROM_CLIENT.has(spelled)) return 'drop'
  if (!spelled.startsWith('x-forwarded')) return name === spelled || !FROM_CLIENT_TWINS.has(spelled) ? 'pass' : 'drop'
  return name === spelled ? 'vouched' : 'drop'
}

/** Under CGI and WSGI `Content_Length` is `Content-Length`: its other spelling never goes on. */
const FROM_CLIENT_TWINS: ReadonlySet<string> = new Set(['content-length', 'content-type'])

/** What becomes of a header that an upstream sent: `pass` and `drop`, or by what it is about. */
export type Kind = 'pass' | 'drop' | 'cache-control' | 'content-length' | 'content-type' | 'location' | 'set-cookie' | 'shared-caches'

const KINDS: ReadonlySet<string> = new Set<Kind>(['cache-control', 'content-length', 'content-type', 'location', 'set-cookie'])

/** Whether a header speaks to shared caches alone (RFC 9213, and older names for it). */
function targetsSharedCaches (name: string): boolean {
  return name.endsWith('cdn-cache-control') || name === 'surrogate-control' || name === 'x-accel-expires'
}

function kindOf (spelled: string): Kind {
  const name = spelled.toLowerCase()
  if (KINDS.has(name)) return name as Kind
  if (targetsSharedCaches(name)) return 'shared-caches'
  return FROM_UPSTREAM.has(name) ? 'drop' : 'pass'
}

function remember<T> (judge: (name: string) => T): (name: string) => T {
  const remembered = new Map<string, T>()
  return name => {
    const known = remembered.get(name)
    if (known !== undefined) return known
    const judged = judge(name)
    if (remembered.size < MAX_REMEMBERED && name.length <= MAX_REMEMBERED_LENGTH) remembered.set(name, judged)
    return judged
  }
}

/** Answers the verdict on a lower-case name; remembers a bounded number of them. */
export function createVerdicts (): (name: string) => Verdict {
  return remember(judge)
}

/** Answers what a header of an upstream is, in any spelling; remembers a bounded number of them. */
export function createKinds (): (name: string) => Kind {
  return remember(kindOf)
}

/** A message without a Connection header, or with one that names nothing. */
export const NONE_NAMED: readonly string[] = []

/** The lower-case names that a Connection header lists. */
export function namedByConnection (connection: string | readonly string[] | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return NONE_NAMED
  return String(connection).toLowerCase().split(',').map(name => name.trim())
}
