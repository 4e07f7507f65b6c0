import type { FastifyInstance } from 'fastify'
import { PathTakenError, RedirectUriOutsideError } from '../errors.ts'
import { needsDiscovery } from '../options/bearer-options.ts'
import { resourceOptions, resourcesOf } from '../options/resource-metadata.ts'
import { scopesAskedFor } from '../policy/needed-scopes.ts'
import type { ProtectedResource } from '../policy/protected-resource.ts'
import { createResourceMetadata } from '../routes/resource-metadata.ts'
import type { Core, CoreGround } from './core.ts'

const METHODS = ['GET', 'HEAD', 'OPTIONS'] as const

function scopesOf ({ policies }: Core, { uri }: ProtectedResource): readonly string[] {
  return scopesAskedFor(policies.list().flatMap(({ policy, resource }) => policy === null || resource !== uri ? [] : [policy]))
}

async function issuersOf ({ provider, settings }: CoreGround): Promise<readonly string[]> {
  return needsDiscovery(settings) ? [(await provider.client()).issuer] : settings.claim_validator?.issuer?.valid_issuers ?? []
}

/**
 * Serves the metadata of the resources of a core.
 * @throws FST_OIDC_PATH_OUTSIDE_SCOPE, FST_OIDC_PATH_TAKEN
 */
export function addResourceRoutes (fastify: FastifyInstance, ground: CoreGround, core: Core): void {
  const written = resourceOptions(ground.settings)
  for (const [index, resource] of resourcesOf(ground.settings).entries()) {
    const { metadataPath: path } = resource
    const options = written[index]
    if (options === undefined) continue
    if (fastify.prefix !== '' && fastify.prefix !== '/') throw new RedirectUriOutsideError('the metadata of resource_metadata', path, fastify.prefix)
    // The router reads a colon as the beginning of a parameter.
    const url = path.replaceAll(':', '::')
    if (METHODS.some(method => fastify.hasRoute({ method, url }))) throw new PathTakenError('the metadata of resource_metadata', path)
    const handler = createResourceMetadata({ options, refuse: core.refuse, issuers: async () => await issuersOf(ground), scopes: () => scopesOf(core, resource) })
    fastify.route({ method: [...METHODS], url, exposeHeadRoute: false, config: { oidc: false }, handler })
  }
}
