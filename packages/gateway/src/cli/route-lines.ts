import { describeRequirements, resourcesIn } from 'fastify-oidc'
import { formatPath } from 'fastify-oidc-session-store'
import type { GatewayConfiguration } from '../configuration/check.ts'
import { concealIn } from '../configuration/conceal.ts'
import type { GatewayCore } from '../configuration/cores.ts'
import { endpointUris } from '../configuration/endpoints.ts'
import type { GatewayRoute, Protection } from '../configuration/routes.ts'
import { formatUpstream } from '../configuration/upstream.ts'
import { formatUri } from '../configuration/uri.ts'
import { printable } from './session-listing.ts'

type Guarded = Extract<Protection, { readonly kind: 'oidc' }>

interface Line {
  readonly kind: 'route' | 'endpoint' | 'metadata'
  /** Of the file, by its place. */
  readonly route: string
  readonly [member: string]: unknown
}

export const METADATA_METHODS = ['GET', 'HEAD', 'OPTIONS'] as const

/** What callers of a route need, by option and for a person. */
export function requirementsOf ({ policy, options }: Guarded): ReturnType<typeof describeRequirements> {
  return describeRequirements({ ...policy, audience: options.audience as typeof policy.audience })
}

export const textsOf = (value: unknown): readonly string[] => Array.isArray(value) ? value.map(String) : []

/** By which client of which provider somebody logs in, or is known. */
const clientOf = (options: Guarded['options']): object => ({ client_id: options.client_id, discovery: options.discovery })

function guardOf (protection: Guarded): object {
  const { options, policy } = protection
  const { unauth_action: unauthAction = 'auth' } = policy
  return {
    open: false,
    ...clientOf(options),
    bearer_only: options.bearer_only === true,
    unauth_action: unauthAction,
    required: Object.fromEntries(requirementsOf(protection)),
    policy: { ...policy, ...options.audience === undefined ? {} : { audience: options.audience } },
    resources: resourcesIn(options).map(({ uri }) => uri),
    skip_auth_routes: textsOf(options.skip_auth_routes),
    skip_auth_preflight: options.skip_auth_preflight === true,
    trusted_ips: textsOf(options.trusted_ips)
  }
}

const OPEN = { open: true, client_id: null, discovery: null, bearer_only: null, unauth_action: null, required: {}, policy: {}, resources: [], skip_auth_routes: [], skip_auth_preflight: false, trusted_ips: [] }

function routeLine ({ place, hosts, methods, uris, priority, upstream, protection }: GatewayRoute): Line {
  return {
    kind: 'route',
    route: formatPath(place),
    hosts,
    methods,
    uris: uris.map(formatUri),
    priority,
    upstream: formatUpstream(upstream),
    ...protection.kind === 'open' ? OPEN : guardOf(protection)
  }
}

const placeOf = ({ routes: [first] }: GatewayCore): string => formatPath(first?.route.place ?? [])

function endpointLines (core: GatewayCore): Line[] {
  const { hosts, options, endpoints } = core
  return endpoints === null ? [] : [{ kind: 'endpoint', route: placeOf(core), hosts, methods: null, uris: endpointUris(endpoints), ...clientOf(options) }]
}

function metadataLines (core: GatewayCore): Line[] {
  const { hosts, options } = core
  return resourcesIn(options).map(({ metadataPath, uri }) => ({ kind: 'metadata', route: placeOf(core), hosts, methods: METADATA_METHODS, uris: [metadataPath], ...clientOf(options), resource: uri }))
}

/** Kind and place are words of ours, whatever is written elsewhere. */
function lineText (line: Line, conceal: (text: string) => string): string {
  const { kind, route } = line
  return printable(JSON.stringify({ ...concealIn(line, conceal), kind, route }))
}

/** Lines of JSON: the routes, then what the gateway itself answers beside them. */
export function routeLines ({ routes, cores, conceal }: Pick<GatewayConfiguration, 'routes' | 'cores' | 'conceal'>): string[] {
  const lines = [...routes.map(routeLine), ...cores.flatMap(endpointLines), ...cores.flatMap(metadataLines)]
  return lines.map(line => lineText(line, conceal))
}
