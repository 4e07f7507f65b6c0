import { buildAuthorizationUrlWithPAR } from 'openid-client'
import { CodeRefusedError, ProviderInvalidError, TokenInvalidError } from '../errors.ts'
import { isWebAddress } from './discovery.ts'
import { ProviderFault } from './fault.ts'
import type { ProviderClient } from './provider.ts'
import { toProviderError } from './provider-error.ts'

const invalid = (cause: Error): Error => Object.assign(new ProviderInvalidError(), { cause })

/** No code was sent and no token came: what the provider does not like is what is configured. */
function pushError (error: unknown): Error {
  const known = toProviderError(error)
  return known instanceof CodeRefusedError || known instanceof TokenInvalidError ? invalid(known.cause as Error) : known
}

/**
 * Hands the authorization request to the provider itself; the browser carries only the name of it (RFC 9126).
 * @throws FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_CLIENT_REFUSED, FST_OIDC_PROVIDER_INVALID
 */
export async function pushAuthorization ({ pushing, proofs }: ProviderClient, parameters: URLSearchParams, needsTls: boolean): Promise<URL> {
  const endpoint = pushing.serverMetadata().pushed_authorization_request_endpoint
  if (endpoint === undefined || !isWebAddress(endpoint, needsTls)) throw invalid(new ProviderFault(new Error('the provider has no usable pushed_authorization_request_endpoint: set par.endpoint, or par.enabled to false')))
  return await buildAuthorizationUrlWithPAR(pushing, parameters, proofs).catch((error: unknown) => { throw pushError(error) })
}
