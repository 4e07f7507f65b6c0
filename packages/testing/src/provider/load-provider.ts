const NOTICE = 'Unsupported runtime'

/**
 * The provider's library prints a notice on Node 20 while it is loaded, although it works there.
 * It has no switch for it, so that one line is kept back, and only while the module loads.
 */
async function loadQuietly (): Promise<typeof import('oidc-provider')> {
  const { warn } = console
  const filtered = (...parts: unknown[]): void => {
    if (!String(parts[0]).includes(NOTICE)) warn(...parts)
  }
  console.warn = filtered
  try {
    return await import('oidc-provider')
  } finally {
    if (console.warn === filtered) console.warn = warn
  }
}

let loading: ReturnType<typeof loadQuietly> | null = null

export async function loadProvider (): ReturnType<typeof loadQuietly> {
  loading ??= loadQuietly()
  return await loading
}
