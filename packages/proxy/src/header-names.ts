/** What becomes of a header that a client sent: decided by its name alone, so that it is decided once a name. */
export type Verdict = 'pass' | 'drop' | 'vouched'

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
  const spelled = name.replace(/[^a-z0-9]/g, '-')
  if (FROM_CLIENT.has(spelled)) return 'drop'
  if (!spelled.startsWith('x-forwarded')) return name === spelled || !FROM_CLIENT_TWINS.has(spelled) ? 'pass' : 'drop'
  return name === spelled ? 'vouched' : 'drop'
}

/** Under CGI and WSGI `Content_Length` is `Content-Length`: its other spelling never goes on. */
const FROM_CLIENT_TWINS: ReadonlySet<string> = new Set(['content-length', 'content-type'])

/** Answers the verdict on a lower-case name; remembers a bounded number of them. */
export function createVerdicts (): (name: string) => Verdict {
  const remembered = new Map<string, Verdict>()
  return name => {
    const known = remembered.get(name)
    if (known !== undefined) return known
    const verdict = judge(name)
    if (remembered.size < MAX_REMEMBERED && name.length <= MAX_REMEMBERED_LENGTH) remembered.set(name, verdict)
    return verdict
  }
}

/** Whether a header of an upstream's answer ends at this proxy. */
export function endsHere (name: string): boolean {
  return FROM_UPSTREAM.has(name)
}

const NONE: readonly string[] = []

/** The lower-case names that a Connection header lists. */
export function namedByConnection (connection: string | readonly string[] | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return NONE
  return String(connection).toLowerCase().split(',').map(name => name.trim())
}
