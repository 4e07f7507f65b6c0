import type { FastifyRequest } from 'fastify'
import { scopeAlternatives } from '../policy/needed-scopes.ts'
import type { CompiledPolicy } from '../policy/policy.ts'

/** `quoted-string` of RFC 9110, section 5.6.4. */
const quote = (text: string): string => `"${text.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&')}"`

/** RFC 6750, section 3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

function parametersOf ({ options, ground }: CompiledPolicy): string {
  if (!ground.acceptsBearer) return ''
  const [scopes = []] = scopeAlternatives(options)
  const { resource } = ground
  return [
    ...scopes.length === 0 || !scopes.every(scope => SCOPE.test(scope)) ? [] : [`, scope="${scopes.join(' ')}"`],
    ...resource === null ? [] : [`, resource_metadata=${quote(resource.metadataUrl)}`]
  ].join('')
}

/** What a challenge says beside what is wrong: all scopes that are needed (RFC 6750, section 3), and where a client learns the rest (RFC 9728, section 5.1). */
export function createResourceChallenge (policyOf: (request: FastifyRequest) => CompiledPolicy | null): (request: FastifyRequest) => string {
  const known = new WeakMap<CompiledPolicy, string>()
  return request => {
    const policy = policyOf(request)
    if (policy === null) return ''
    const parameters = known.get(policy) ?? parametersOf(policy)
    known.set(policy, parameters)
    return parameters
  }
}
