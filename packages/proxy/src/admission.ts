import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify'
import { hasHttp2Body } from './announced-body.ts'
import { BadRequestError, BodyRefusedError, TransferCodingError, UpgradeRefusedError, UpstreamInvalidError } from './errors.ts'
import { kReply, kUpstream, type ProxiedRequest } from './exchange.ts'
import type { MountCheck } from './mounts.ts'
import type { ProxySettings, UpstreamChooser } from './options.ts'

const MAX_REMEMBERED = 1000

/**
 * A segment of dots, as it may be written: servers fold them, and would serve another path than the one that was
 * authorised. Some, such as Tomcat, take `..;` for `..`.
 */
const DOTS = /(?:^|[/\\])\.\.?(?:$|[/\\;])/

function hidesDots (path: string): boolean {
  if (!path.includes('.') && !path.includes('%2') && !path.includes('%3')) return false
  if (!path.includes('%')) return DOTS.test(path)
  try {
    return DOTS.test(decodeURIComponent(path))
  } catch {
    return true
  }
}

function pathOf (url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

/** Set by Node on requests of its `upgrade` event. */
function isUpgrade (raw: IncomingMessage & { upgrade?: boolean }): boolean {
  return raw.upgrade === true
}

function announcesBody (request: FastifyRequest): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.raw.headers
  if (coding !== undefined || (length !== undefined && length !== '0')) return true
  return hasHttp2Body(request)
}

/** Why a request cannot go on; null when it can. */
function refusal (request: FastifyRequest, websocket: boolean, isElsewhere: MountCheck): Error | null {
  const { raw } = request
  const coding = raw.headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return new TransferCodingError()
  if ((raw.method === 'GET' || raw.method === 'HEAD') && announcesBody(request)) return new BodyRefusedError()
  if (!websocket && isUpgrade(raw)) return new UpgradeRefusedError()
  const path = pathOf(request.url)
  return hidesDots(path) || isElsewhere(path, raw) ? new BadRequestError() : null
}

/** Checks what `get_upstream` answers; remembers a bounded number of good answers. */
function createOriginCheck (): (answer: string) => string {
  const good = new Map<string, string>()
  return answer => {
    const known = good.get(answer)
    if (known !== undefined) return known
    const url = URL.canParse(answer) ? new URL(answer) : null
    const isOrigin = url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.href === `${url.origin}/`
    if (!isOrigin) throw new UpstreamInvalidError()
    if (good.size < MAX_REMEMBERED) good.set(answer, url.origin)
    return url.origin
  }
}

async function choose (request: FastifyRequest, chooser: UpstreamChooser, check: (answer: string) => string): Promise<void> {
  (request as ProxiedRequest)[kUpstream] = check(await chooser(request))
}

let made = 0

/** The last hook before a request goes upstream: refuses what must not go on, and settles where it goes. Each has a name of its own. `isElsewhere`: could the upstream read a path as one that another mount has? */
export function createAdmission ({ origin, get_upstream: chooser, websocket }: ProxySettings, isElsewhere: MountCheck): preHandlerHookHandler {
  const check = createOriginCheck()
  function admit (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    const refused = refusal(request, websocket, isElsewhere)
    if (refused !== null) return done(refused)
    const proxied = request as ProxiedRequest
    proxied[kReply] = reply
    if (chooser === undefined) {
      proxied[kUpstream] = origin ?? ''
      return done()
    }
    choose(request, chooser, check).then(() => { done() }, done)
  }
  return Object.defineProperty(admit, 'name', { value: `admitToUpstream${++made}` })
}
