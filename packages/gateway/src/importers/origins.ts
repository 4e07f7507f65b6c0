/** Whose files can be read. */
export const ORIGINS = ['apisix'] as const

/** How a foreign file is read. */
export interface ForeignFormat {
  readonly from: typeof ORIGINS[number]
  /** Plugins that are left out, whatever they do. */
  readonly ignorePlugins: readonly string[]
  /** Where to listen, which stands elsewhere; left out or null: at the default of native files. */
  readonly listen?: { readonly host: string, readonly port: number } | null
}
