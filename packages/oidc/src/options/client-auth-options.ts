import type { OptionProblem } from 'fastify-oidc-session-store'
import { introspects } from './bearer-options.ts'
import { readPrivateKey } from './private-key.ts'
import type { ResolvedOptions } from './schema.ts'
import { FAPI2_ALGORITHMS } from './signing-key.ts'

/** An endpoint that asks who the client is, and the option that says how it is told. */
interface AskingEndpoint {
  readonly option: string
  readonly method: string
}

const problem = (path: string, message: string): OptionProblem => ({ path: path.split('.'), message })

/** Endpoints that are ever called; what is said of another is not held against anything. */
function askingEndpoints (options: ResolvedOptions): AskingEndpoint[] {
  const pushing = options.par?.enabled === true ? options.par.endpoint_auth_method : undefined
  return [
    ...options.bearer_only ? [] : [{ option: 'token_endpoint_auth_method', method: options.token_endpoint_auth_method }],
    ...options.bearer_only || pushing === undefined ? [] : [{ option: 'par.endpoint_auth_method', method: pushing }],
    ...introspects(options) ? [{ option: 'introspection_endpoint_auth_method', method: options.introspection_endpoint_auth_method }] : []
  ]
}

/** Is the client known by the certificate that its connections show (RFC 8705, section 2)? */
export function isByCertificate (method: string): boolean {
  return method === 'tls_client_auth' || method === 'self_signed_tls_client_auth'
}

function checkCertificate (options: ResolvedOptions): OptionProblem[] {
  const asking = askingEndpoints(options).find(({ method }) => isByCertificate(method))
  return options.tls_client_auth !== undefined || asking === undefined ? [] : [problem('tls_client_auth', `is required: ${asking.option} is ${asking.method}`)]
}

const NEEDS_SECRET = new Set(['client_secret_basic', 'client_secret_post', 'client_secret_jwt'])

function checkSecret (options: ResolvedOptions): OptionProblem[] {
  if (options.client_secret !== undefined) return []
  if (introspects(options) && NEEDS_SECRET.has(options.introspection_endpoint_auth_method)) return [problem('client_secret', 'is required, unless introspection_endpoint_auth_method is none or private_key_jwt, or by tls_client_auth: the introspection endpoint asks who the client is')]
  if (options.bearer_only) return []
  const pushing = askingEndpoints(options).find(({ option, method }) => option.startsWith('par.') && NEEDS_SECRET.has(method))
  if (pushing !== undefined) return [problem('client_secret', `is required: par.endpoint_auth_method is ${pushing.method}`)]
  // Who writes that the secret signs means it: such a client is not a public one.
  if (options.token_endpoint_auth_method === 'client_secret_jwt') return [problem('client_secret', 'is required: token_endpoint_auth_method is client_secret_jwt')]
  const provesItself = options.token_endpoint_auth_method === 'private_key_jwt' || isByCertificate(options.token_endpoint_auth_method)
  return options.use_pkce || provesItself ? [] : [problem('client_secret', 'is required, unless use_pkce is on or token_endpoint_auth_method is private_key_jwt or tls_client_auth')]
}

function checkPrivateKey (options: ResolvedOptions): OptionProblem[] {
  const { client_rsa_private_key: written, client_jwt_assertion_alg: alg } = options
  if (written === undefined) {
    const asking = askingEndpoints(options).find(({ method }) => method === 'private_key_jwt')
    const reason = options.security_profile === 'fapi2' ? ', as security_profile fapi2 has it; with tls_client_auth, its certificate says who the client is' : ''
    return asking === undefined ? [] : [problem('client_rsa_private_key', `is required: ${asking.option} is private_key_jwt${reason}`)]
  }
  const read = readPrivateKey(written)
  if (read.kind === 'problem') return [problem('client_rsa_private_key', read.message)]
  if (alg === undefined && options.security_profile === 'fapi2' && !read.algorithms.some(name => FAPI2_ALGORITHMS.includes(name))) return [problem('client_rsa_private_key', `signs ${read.algorithms.join(', ')}, and security_profile fapi2 has PS256, ES256 and EdDSA: use an RSA key, an EC key on P-256, or Ed25519`)]
  const isFit = alg === undefined || alg.startsWith('HS') || read.algorithms.includes(alg)
  return isFit ? [] : [problem('client_jwt_assertion_alg', `does not fit client_rsa_private_key, which signs ${read.algorithms.join(', ')}`)]
}

/** One algorithm serves all endpoints, and a secret does not sign what a key does. */
function checkAssertionAlgorithm (options: ResolvedOptions): OptionProblem[] {
  const alg = options.client_jwt_assertion_alg
  if (alg === undefined) return []
  const unfit = alg.startsWith('HS') ? 'private_key_jwt' : 'client_secret_jwt'
  const asking = askingEndpoints(options).find(({ method }) => method === unfit)
  return asking === undefined ? [] : [problem('client_jwt_assertion_alg', `does not fit ${asking.option}, which is ${unfit}`)]
}

/** The client has to say who it is wherever it asks the provider, in the way that is configured there. */
export function checkClientAuth (options: ResolvedOptions): OptionProblem[] {
  return [checkSecret, checkPrivateKey, checkCertificate, checkAssertionAlgorithm].flatMap(check => check(options))
}
