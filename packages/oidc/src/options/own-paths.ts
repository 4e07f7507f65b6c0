import type { OptionProblem } from 'fastify-oidc-session-store'
import type { ResolvedOptions } from './schema.ts'

const PROVIDER_LOGOUTS = ['backchannel_logout_path', 'frontchannel_logout_path'] as const

function pathsOf (options: ResolvedOptions): Array<readonly [name: string, path: string]> {
  const { redirect_uri: redirectUri, logout_path: logoutPath } = options
  const callback = redirectUri !== undefined && URL.canParse(redirectUri, 'http://localhost') ? [['redirect_uri', new URL(redirectUri, 'http://localhost').pathname] as const] : []
  return [...callback, ['logout_path', logoutPath] as const, ...PROVIDER_LOGOUTS.flatMap(name => options[name] === undefined ? [] : [[name, options[name]] as const])]
}

/** Each path of ours does one thing, and where there are no sessions there are none to end. */
export function checkOwnPaths (options: ResolvedOptions): OptionProblem[] {
  const paths = pathsOf(options)
  return paths.flatMap(([name, path], index): OptionProblem[] => {
    if (!PROVIDER_LOGOUTS.some(known => known === name)) return []
    if (options.bearer_only) return [{ path: [name], message: 'must not be set with "bearer_only": there are no sessions to end' }]
    const same = paths.slice(0, index).find(([, other]) => other === path)
    return same === undefined ? [] : [{ path: [name], message: `is the path of ${same[0]} already` }]
  })
}
