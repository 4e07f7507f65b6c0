/** Whose files can be read. */
export const ORIGINS = ['apisix', 'oauth2-proxy', 'kong'] as const

/** How a foreign file is read. */
export interface ForeignFormat {
  readonly from: typeof ORIGINS[number]
  /** Plugins that are left out, whatever they do. */
  readonly ignorePlugins: readonly string[]
  /** Where to listen, which stands elsewhere; left out or null: at the default of native files. */
  readonly listen?: { readonly host: string, readonly port: number } | null
  /** Where a plugin of Kong's is put whose file has no routes: a path, and where its requests go. */
  readonly route?: string | null
  readonly upstream?: string | null
  /** The path that it is looked at for where that is not said: nothing is served. */
  readonly explained?: string
  /** Whether secrets of OAuth2 Proxy that were never filled in will do, at an address that only this machine reaches. */
  readonly dev?: boolean
  /** The command line of OAuth2 Proxy. */
  readonly commandLine?: readonly string[]
}
