import type { OptionProblem } from 'fastify-oidc-session-store'
import type { ResolvedOptions } from './schema.ts'

const RESERVED_PARAMETERS = ['state', 'nonce', 'redirect_uri', 'client_id', 'response_type', 'code_challenge', 'code_challenge_method', 'code_verifier', 'request', 'request_uri', 'dpop_jkt']

/** Whether a parameter of the authorization request is the login's own: who chose it could forge a login, or lead it elsewhere. */
export const isReservedParameter = (name: string): boolean => RESERVED_PARAMETERS.includes(name)

const problem = (name: string, message: string): OptionProblem => ({ path: ['authorization_params', name], message })

export function checkAuthorizationParams ({ authorization_params: parameters = {} }: ResolvedOptions): OptionProblem[] {
  return Object.keys(parameters)
    .filter(isReservedParameter)
    .map(name => problem(name, 'is set by the login itself and cannot be overridden'))
    .concat(['query', undefined].includes(parameters.response_mode as string | undefined) ? [] : [problem('response_mode', 'must be query: others are not available in this version')])
}
