import type { Path } from '../../configuration/positions.ts'

type Members = Record<string, unknown>

const keyOf = (path: Path): string => JSON.stringify(path)

function put (members: Members, [name = '', ...rest]: Path, value: unknown): void {
  if (rest.length === 0) {
    members[name] = value
    return
  }
  const inner = members[name] ?? {}
  members[name] = inner
  put(inner as Members, rest, value)
}

/** A native configuration while it is written: one block of options for every route. */
export class Draft {
  readonly #root: Members = {}
  readonly #block: Members = {}
  readonly #routes: Members[] = []
  readonly #origins = new Map<string, Path>()

  /** An option of the gateway's file. */
  set (path: Path, value: unknown, origin: Path): void {
    put(this.#root, path, value)
    this.#origins.set(keyOf(path), origin)
  }

  /** An option under `openid-connect`, of every route. */
  setOption (path: Path, value: unknown, origin: Path): void {
    put(this.#block, path, value)
    this.#origins.set(keyOf(['openid-connect', ...path]), origin)
  }

  /** Says where an option under `openid-connect` would have come from, had it been right. */
  trace (path: Path, origin: Path): void {
    this.#origins.set(keyOf(['openid-connect', ...path]), origin)
  }

  /** Says where a header of every route comes from. */
  traceHeader (direction: 'request' | 'response', name: string, origin: Path): void {
    this.#origins.set(keyOf(['headers', direction, name]), origin)
  }

  addRoute (route: Members, origin: Path): void {
    this.#origins.set(keyOf(['routes', String(this.#routes.length)]), origin)
    this.#routes.push(route)
  }

  /** The member of the foreign configuration that one of the native configuration came from. */
  originOf (path: Path): Path {
    const inRoute = path[0] === 'routes' ? path.slice(2) : []
    const places = inRoute[0] === 'plugins' ? [inRoute.slice(1)] : inRoute[0] === 'headers' ? [inRoute, path] : [path]
    for (const place of places) {
      for (let length = place.length; length > 0; length--) {
        const origin = this.#origins.get(keyOf(place.slice(0, length)))
        if (origin !== undefined) return origin
      }
    }
    return []
  }

  finish (): { readonly routes: readonly Members[] } & Members {
    return { ...this.#root, routes: this.#routes.map(route => ({ ...route, plugins: { 'openid-connect': this.#block } })) }
  }
}
