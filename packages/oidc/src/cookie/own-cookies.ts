/** The cookies of every core in one server. */
export interface OwnCookies {
  /** A Cookie header without any of ours; undefined when nothing remains. */
  strip (header: string): string | undefined
  isOwn (name: string): boolean
}

interface Registry extends OwnCookies {
  /** Names without `__Host-`, each with who can open what is in it. */
  readonly owners: Map<string, string>
}

const HOST = '__Host-'
// A chunk's number or an attempt's hash, and nothing else: an upstream may well have a cookie `session_id`.
const TAIL = /^(?:_\d{1,2}|_tx_[A-Za-z0-9_-]{11})?$/

function createRegistry (): Registry {
  const owners = new Map<string, string>()
  function isOwn (name: string): boolean {
    const plain = name.startsWith(HOST) ? name.slice(HOST.length) : name
    for (const base of owners.keys()) {
      const own = base.startsWith(HOST) ? base.slice(HOST.length) : base
      if (plain.startsWith(own) && TAIL.test(plain.slice(own.length))) return true
    }
    return false
  }
  return {
    owners,
    isOwn,
    strip (header) {
      const kept: string[] = []
      for (const pair of header.split(';')) {
        const trimmed = pair.trim()
        const end = trimmed.indexOf('=')
        if (trimmed !== '' && !isOwn((end < 0 ? trimmed : trimmed.slice(0, end)).trim())) kept.push(trimmed)
      }
      return kept.length === 0 ? undefined : kept.join('; ')
    }
  }
}

const registries = new WeakMap<object, Registry>()

/** The registry of one server, whatever the scope. */
export function ownCookiesOf (server: object): Registry {
  let registry = registries.get(server)
  if (registry === undefined) {
    registry = createRegistry()
    registries.set(server, registry)
  }
  return registry
}
