import { scopeAlternatives } from '../policy/needed-scopes.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import { quote } from './quoted-string.ts'

/** RFC 6750, section 3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Of alternatives the first. */
function scopesOf ({ options }: CompiledPolicy): readonly string[] {
  const [scopes = []] = scopeAlternatives(options)
  return scopes
}

function parametersOf (policy: CompiledPolicy, others: readonly CompiledPolicy[]): string {
  const { acceptsBearer, resource } = policy.ground
  if (!acceptsBearer) return ''
  const scopes = [...new Set([...others, policy].flatMap(scopesOf))]
  return [
    ...scopes.length === 0 || !scopes.every(scope => SCOPE.test(scope)) ? [] : [`, scope="${scopes.join(' ')}"`],
    ...resource === null ? [] : [`, resource_metadata=${quote(resource.metadataUrl)}`]
  ].join('')
}

/**
 * What a challenge says beside what is wrong: all scopes that are needed (RFC 6750, section 3), and where a client learns the
 * rest (RFC 9728, section 5.1). With a policy that is not the route's, a token has to do for both.
 */
export function createResourceChallenge (): (route: CompiledPolicy | null, enforced: CompiledPolicy | null) => string {
  const known = new WeakMap<CompiledPolicy, string>()
  return (route, enforced) => {
    if (route !== null && enforced !== null && enforced !== route) return parametersOf(enforced, [route])
    const policy = enforced ?? route
    if (policy === null) return ''
    const parameters = known.get(policy) ?? parametersOf(policy, [])
    known.set(policy, parameters)
    return parameters
  }
}
