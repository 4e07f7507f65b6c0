import type { FastifyInstance, FastifyRequest } from 'fastify'
import { forwardedPath } from './forwarded.ts'
import type { EndpointPaths } from './endpoint-paths.ts'
import { redirectParameter } from './parameters.ts'

/** Where the browser goes afterwards: a path, or an absolute address on a host of `whitelist_domains`. */
export type RedirectTargets = (request: FastifyRequest) => string

/** The guard takes it out of the headers, so that nobody takes it for an answer of ours. */
function redirectHeader ({ raw: { rawHeaders } }: FastifyRequest): string | null {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'x-auth-request-redirect')
  return at < 0 ? null : rawHeaders[at + 1] ?? null
}

function decoded (path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Routers that take `//` for `/` would come to the same route. */
function pathIn (target: string): string {
  return decoded(new URL(target, 'http://localhost').pathname).replace(/\/{2,}/g, '/')
}

/** Does a target lead to one of these paths of the own origin? */
export function leadsTo (target: string, paths: readonly string[]): boolean {
  return paths.includes(pathIn(target))
}

/**
 * Takes the first that holds of `rd`, `X-Auth-Request-Redirect` and, from a trusted proxy, `X-Forwarded-Uri`; else home.
 * None leads to `refused`, which would begin again for ever.
 */
export function createRedirectTargets ({ oidc }: FastifyInstance, { base, home }: EndpointPaths, refused: readonly string[]): RedirectTargets {
  function check (request: FastifyRequest, address: string, source: string): string | null {
    const target = oidc.returnTarget(request, address)
    if (target === null) {
      const host = URL.canParse(address) ? new URL(address).host : null
      request.log.info({ oidc: 'redirect.refused', source, host }, `${source} is not gone to: it is neither a path nor an address whose host, as a browser reads it, is in whitelist_domains`)
      return null
    }
    return leadsTo(target, refused) ? null : target
  }

  function fromProxy (request: FastifyRequest): string | null {
    const path = forwardedPath(request)
    return path === null || path.startsWith(`${base}/`) ? null : path
  }

  return request => {
    const sources = [['rd', redirectParameter], ['X-Auth-Request-Redirect', redirectHeader], ['X-Forwarded-Uri', fromProxy]] as const
    for (const [source, read] of sources) {
      const address = read(request)
      const target = address === null || address === '' ? null : check(request, address, source)
      if (target !== null) return target
    }
    return home
  }
}
