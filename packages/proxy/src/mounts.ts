/** Where one registration takes its requests from. */
export interface Mount {
  readonly prefix: string
  /** Below the prefix, as the router spells them. */
  readonly routes: readonly string[]
  readonly constraints: object
}

/** Up to the first parameter or wildcard of a route. */
interface Stem {
  readonly path: string
  readonly isWhole: boolean
  readonly mount: Mount
}

/** Separators that are hidden or doubled, and parameters of segments, which some servers drop. */
const SUSPICIOUS = /\/\/|[\\;]|%(?:2f|5c|3b)/i
const VARIABLE = /[*:(]/
const PARAMETERS = /;[^/]*/g
const SLASHES = /\/{2,}/g

const withoutSlash = (path: string): string => path.endsWith('/') ? path.slice(0, -1) : path
const mergeSlashes = (path: string): string => path.replace(SLASHES, '/')

function stemsOf (mount: Mount): Stem[] {
  return mount.routes.map(route => {
    const path = mergeSlashes(`${mount.prefix}/${route}`)
    const variable = path.search(VARIABLE)
    return { path: variable === -1 ? path : path.slice(0, variable), isWhole: variable === -1, mount }
  })
}

const fits = ({ path: stem, isWhole }: Stem, path: string): boolean => withoutSlash(path) === withoutSlash(stem) || (!isWhole && path.startsWith(stem))

/** What servers may read a path as; null: nobody can tell. */
function readingsOf (path: string): readonly string[] | null {
  try {
    const plain = decodeURIComponent(path).replaceAll('\\', '/')
    return [mergeSlashes(plain), mergeSlashes(plain.replace(PARAMETERS, ''))]
  } catch {
    return null
  }
}

const registries = new WeakMap<object, Stem[]>()

/**
 * Enters a mount beside those of the same server.
 * @returns whether a path that was routed to it could be another mount's for an upstream: that one may be guarded in another way
 */
export function enterMount (server: object, mount: Mount): (path: string) => boolean {
  const stems = registries.get(server) ?? []
  registries.set(server, stems)
  stems.push(...stemsOf(mount))
  const constraints = JSON.stringify(mount.constraints)
  const isBeside = ({ mount: other }: Stem): boolean => other === mount || ['{}', constraints].includes(JSON.stringify(other.constraints))

  function leadsElsewhere (path: string): boolean {
    const fitting = stems.filter(stem => isBeside(stem) && fits(stem, path))
    const longest = Math.max(0, ...fitting.map(stem => withoutSlash(stem.path).length))
    return fitting.length > 0 && !fitting.some(stem => stem.mount === mount && withoutSlash(stem.path).length === longest)
  }

  return path => {
    if (!SUSPICIOUS.test(path) || stems.every(stem => stem.mount === mount)) return false
    return readingsOf(path)?.some(leadsElsewhere) ?? true
  }
}
