/** How requests go to a server. */
export interface ServerWays {
  readonly passHost: boolean
  readonly skipsVerification: boolean
  /** Seconds; null: the default. */
  readonly readTimeout: number | null
}

/** The route of a path: all below it where it ends in a slash. */
export const uriOf = (path: string): string => path.endsWith('/') ? `${path}*` : path

/** `unix:///run/app.sock`, `unix:/run/app.sock`, as native files have it. */
export const socketUpstream = (uri: string): string => `unix:${uri.replace(/^unix:(?:\/\/)?/i, '')}`

/** What is wrong with the address of a server; null: nothing. */
export function addressProblem ({ username, password, search, hash }: URL): string | null {
  if (username !== '' || password !== '') return 'must not have a name or a password in it'
  return search === '' && hash === '' ? null : 'must not have a query or a fragment'
}

/** A server, as short as it can be written. */
export function serverUpstream ({ protocol, origin, host }: URL, { passHost, skipsVerification, readTimeout }: ServerWays): unknown {
  const insecure = skipsVerification && protocol === 'https:'
  if (passHost && !insecure && readTimeout === null) return origin
  return {
    scheme: protocol.slice(0, -1),
    nodes: { [host]: 1 },
    pass_host: passHost ? 'pass' : 'node',
    ...insecure ? { tls: { verify: false } } : {},
    ...readTimeout === null ? {} : { timeout: { read: readTimeout } }
  }
}
