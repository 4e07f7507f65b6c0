import { resolve } from 'node:path'
import { checkDomains } from 'fastify-oidc'
import { checkForwardAuthOptions, endpointNames, type ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import type { OptionProblem } from 'fastify-oidc-session-store'
import { problemAt, under } from './problems.ts'
import { fileProblem } from './readable-file.ts'
import type { ResolvedGatewayOptions } from './schema.ts'
import { uriProblem } from './uri.ts'

/** `endpoints` of the file, checked. */
export interface Endpoints {
  readonly prefix: string
  readonly whitelistDomains: readonly string[]
  /** What each login's own are registered with. */
  readonly options: ForwardAuthOptions
}

const PLACE = 'endpoints'

/** Where the provider's answers come to in a login that has the endpoints. */
export const callbackUnder = ({ prefix }: Endpoints): string => `${prefix}/callback`

/** Their paths, as the router spells them, without the callback. */
export const endpointUris = ({ prefix }: Endpoints): string[] => endpointNames.map(name => `${prefix}/${name}`)

type Written = NonNullable<ResolvedGatewayOptions['endpoints']>

/** Relative names are meant from the folder of the configuration. */
function locatePasswords ({ htpasswd }: Written, directory: string): Pick<ForwardAuthOptions, 'htpasswd'> {
  return htpasswd === undefined ? {} : { htpasswd: { ...htpasswd, file: resolve(directory, htpasswd.file) } }
}

/** The same for what the pages are made of; `-` is none, and an address is refused elsewhere. */
function locatePages ({ custom_sign_in_logo: logo, custom_templates_dir: folder }: Written, directory: string): Pick<ForwardAuthOptions, 'custom_sign_in_logo' | 'custom_templates_dir'> {
  return {
    ...logo === undefined || logo === '-' || logo.includes('//') ? {} : { custom_sign_in_logo: resolve(directory, logo) },
    ...folder === undefined ? {} : { custom_templates_dir: resolve(directory, folder) }
  }
}

/** Reads `endpoints`; null: there are none. */
export function checkEndpoints ({ endpoints: written }: ResolvedGatewayOptions, directory: string): { readonly endpoints: Endpoints | null, readonly problems: readonly OptionProblem[] } {
  if (written === undefined) return { endpoints: null, problems: [] }
  const { whitelist_domains: whitelistDomains, ...own } = written
  const options = { ...own, ...locatePasswords(written, directory), ...locatePages(written, directory), sign_in_in_place: !own.skip_provider_button }
  const badPrefix = uriProblem(own.prefix)
  const badFile = options.htpasswd === undefined ? null : fileProblem(options.htpasswd.file)
  const problems = [
    ...badPrefix === null ? [] : [problemAt(['prefix'], badPrefix)],
    ...badFile === null ? [] : [problemAt(['htpasswd', 'file'], badFile)],
    ...checkForwardAuthOptions(options).problems,
    ...checkDomains({ whitelist_domains: [...whitelistDomains] })
  ]
  return { endpoints: problems.length > 0 ? null : { prefix: own.prefix, whitelistDomains, options }, problems: under([PLACE], problems) }
}
