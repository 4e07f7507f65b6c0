import type { OptionProblem } from 'fastify-oidc-session-store'
import type { PolicyOptions } from './schema.ts'
import type { WrittenRequirement } from './requirement.ts'

/** What tokens are issued for (RFC 9728, section 1.2), and where its metadata stand. */
export interface ProtectedResource {
  /** As its metadata name it. */
  readonly uri: string
  /** What is below it belongs to it. */
  readonly path: string
  /** Of its metadata (RFC 9728, section 3.1). */
  readonly metadataPath: string
  readonly metadataUrl: string
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const LOOPBACK = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/
/** What a router and a URL parser read as the same; everything else could be two paths. */
const PLAIN_PATH = /^[A-Za-z0-9\-._~!$&'()+,=:@/]*$/

/** URLs of a host alone are written with and without the slash. */
const withoutRootSlash = (uri: string): string => uri.replace(/^([^/]+\/\/[^/]+)\/$/, '$1')

/** What is wrong with the URI of a resource; null: nothing. */
export function resourceProblem (uri: string): string | null {
  if (!URL.canParse(uri)) return 'must be a URI, such as "https://api.example.com/mcp"'
  const { protocol, hostname, pathname, href, search, hash, username, password } = new URL(uri)
  if (protocol !== 'https:' && !(protocol === 'http:' && LOOPBACK.test(hostname))) return 'must be https, or http on this machine'
  if (search !== '' || hash !== '' || username !== '' || password !== '' || /[?#]/.test(uri)) return 'must not have a query, a fragment, a user name or a password'
  if (!PLAIN_PATH.test(pathname)) return 'has a path with characters that could be read in two ways: use letters, digits and -._~'
  return withoutRootSlash(href) === withoutRootSlash(uri) ? null : `must be written as clients will compare it: ${JSON.stringify(withoutRootSlash(href))}`
}

/** Reads the URI of a resource that holds. */
export function readResource (uri: string): ProtectedResource {
  const { origin, pathname } = new URL(uri)
  const metadataPath = WELL_KNOWN + (pathname === '/' ? '' : pathname)
  return { uri, path: pathname, metadataPath, metadataUrl: origin + metadataPath }
}

/** Does the requirement say whom tokens are for, and not only whom they are not for? */
export function namesAudiences (audience: WrittenRequirement | undefined): boolean {
  return typeof audience === 'string' || Array.isArray(audience) || (audience !== undefined && ('all_of' in audience || 'any_of' in audience))
}

/** Tokens have to be for the resource itself (RFC 8707), unless it is said whom else they are for. */
export function requireResource (options: PolicyOptions, resource: ProtectedResource | null): PolicyOptions {
  const { audience } = options
  if (resource === null || namesAudiences(audience)) return options
  const bare = withoutRootSlash(resource.uri)
  const names = resource.path === '/' ? [bare, `${bare}/`] : [resource.uri]
  return { ...options, audience: audience === undefined ? names : { ...audience as object, any_of: names } }
}

/** Of several the one that a path is below, and the nearest; of none the first: whatever a scope guards belongs to something. */
export function nearestResource (resources: readonly ProtectedResource[], path: string): ProtectedResource | null {
  const isBelow = ({ path: own }: ProtectedResource): boolean => path === own || path.startsWith(own.endsWith('/') ? own : `${own}/`)
  const [nearest] = resources.filter(isBelow).sort((a, b) => b.path.length - a.path.length)
  return nearest ?? resources[0] ?? null
}

/** Two resources cannot have their metadata at one place. */
export function findSameResources (resources: readonly ProtectedResource[]): OptionProblem[] {
  return resources.flatMap(({ metadataPath }, index): OptionProblem[] => {
    const first = resources.findIndex(other => other.metadataPath === metadataPath)
    return first === index ? [] : [{ path: [String(index), 'resource'], message: `has the path of entry ${first}: one server answers for one resource at a path` }]
  })
}
