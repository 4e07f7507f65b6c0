import { NO_BEARER, put, row, takes, type Context, type Row } from './row.ts'
import { isUnset, readFlag, readList, readOnly } from './values.ts'

const WELL_KNOWN = '/.well-known/'

export const issuer = row('issuer', { kind: 'exact', target: 'discovery', says: 'an issuer gets `/.well-known/openid-configuration` behind it' }, (value, { path, ledger, block }) => {
  const text = readOnly(value)
  if (text === null) return ledger.refuse(path, 'must be one URL')
  const isDocument = text.includes(WELL_KNOWN)
  block.discovery = isDocument ? text : `${text.replace(/\/$/, '')}/.well-known/openid-configuration`
  ledger.exact(path, `is discovery here${isDocument ? '' : ', with /.well-known/openid-configuration behind it'}`)
})

export const scopes = row('scopes', { kind: 'exact', target: 'scope', says: 'joined with blanks; a request, which enforces nothing' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  block.scope = readList(value).join(' ')
  ledger.exact(path, 'is scope here: what is asked for, and not what is required')
})

export const redirectUri = row('redirect_uri', { kind: 'approximated', target: 'redirect_uri', says: 'one; the answer of the provider is never proxied, but ends in a 303 to the address that was asked for' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  const only = readOnly(value)
  if (only === null) return ledger.refuse(path, 'must be one URL: several clients have no counterpart')
  block.redirect_uri = only
  ledger.approximate(path, 'is redirect_uri here. Kong passes the request that brings the code on to the upstream; here it is answered with 303 to the clean address that was asked for')
})

export const loginAction = row('login_action', { kind: 'varies', says: 'a login always ends in a 303 to the address that was asked for' }, (value, { path, ledger }) => {
  if (value === 'redirect' || isUnset(value)) ledger.exact(path, 'is what this gateway does')
  else if (value === 'upstream') ledger.approximate(path, 'is a 303 to the clean address that was asked for here: the request with the code does not reach the upstream')
  else ledger.refuse(path, 'must be redirect or upstream: tokens are never shown in an answer')
})

export function destroys (name: string, status: number): Row {
  return row(name, { kind: 'varies', says: `sessions are never ended by a ${status}` }, (value, { path, ledger }) => {
    if (readFlag(value) === false) ledger.exact(path, 'is what this gateway does')
    else ledger.approximate(path, `is left out: a ${status} does not end the session here, so that a link that somebody may not open logs nobody out`)
  })
}

export const accessTokenHeader = row('upstream_access_token_header', { kind: 'varies', target: 'access_token_in_authorization_header', says: '`authorization:bearer`, the default, or nothing' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) {
    block.set_access_token_header = false
    ledger.exact(path, 'is set_access_token_header: false here')
  } else if (String(value).toLowerCase() === 'authorization:bearer') ledger.exact(path, 'is access_token_in_authorization_header here')
  else ledger.refuse(path, 'must be authorization:bearer: write headers.request of a native file for another name')
})

export const responseMode = row('response_mode', { kind: 'varies', says: '`query` alone' }, (value, { path, ledger }) => {
  if (value === 'query' || isUnset(value)) ledger.exact(path, 'is what this gateway does')
  else ledger.refuse(path, 'must be query')
})

export const proofKey = row('require_proof_key_for_code_exchange', { kind: 'exact', target: 'use_pkce', says: '' }, (value, { path, ledger, block }) => {
  const flag = readFlag(value)
  if (flag === null) return ledger.exact(path, 'is empty')
  block.use_pkce = flag
  ledger.exact(path, 'is use_pkce here')
})

function addParameters (block: Context['block'], parameters: Readonly<Record<string, string>>): void {
  block.authorization_params = { ...block.authorization_params as object, ...parameters }
}

export const requestedAudience = row('audience', { kind: 'exact', target: 'authorization_params', says: 'one; asked for, and not required' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  const only = readOnly(value)
  if (only === null) return ledger.refuse(path, 'must be one: several have no counterpart')
  addParameters(block, { audience: only })
  ledger.exact(path, 'is authorization_params.audience here: what is asked for, and not what is required')
})

export function authorizationArguments (_value: unknown, { path, ledger, config, block }: Context): void {
  const [names, values] = [readList(config.authorization_query_args_names), readList(config.authorization_query_args_values)]
  if (names.length !== values.length) return ledger.refuse(path, 'must have as many names as values')
  if (names.length > 0) addParameters(block, Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])))
  ledger.exact(path, names.length === 0 ? 'is empty' : 'is authorization_params here')
}

const isPushed = ({ config }: Pick<Context, 'config'>): boolean => readFlag(config.require_pushed_authorization_requests) === true

export const pushed = row('require_pushed_authorization_requests', { kind: 'exact', target: 'par.enabled', says: '' }, (value, { path, ledger, block }) => {
  const flag = readFlag(value) === true
  if (flag) put(block, 'par.enabled', true)
  ledger.exact(path, flag ? 'is par.enabled here' : 'has no effect')
})

export const pushedOption = (name: string, target: string): Row => row(name, { kind: 'exact', target, says: 'with `require_pushed_authorization_requests`; else no effect' }, (value, { path, ledger, config, block }) => {
  if (isUnset(value) || !isPushed({ config })) return ledger.exact(path, 'has no effect: require_pushed_authorization_requests is not true')
  put(block, target, readOnly(value))
  ledger.exact(path, `is ${target} here`)
})

export const refreshTokens = row('refresh_tokens', { kind: 'exact', target: 'renew_access_token_on_expiry', says: '' }, (value, { path, ledger, block }) => {
  const flag = readFlag(value)
  if (flag === false) block.renew_access_token_on_expiry = false
  ledger.exact(path, flag === false ? 'is renew_access_token_on_expiry here' : 'is what this gateway does')
})

/** Where Kong looks for a credential; here it is one header. */
function places (name: string, methods: readonly string[], what: string): Row {
  return row(name, { kind: 'varies', says: '`header` alone' }, (value, { path, ledger, config }) => {
    if (isUnset(value) || !takes({ config }, ...methods)) return ledger.exact(path, `has no effect: ${methods.length > 1 ? NO_BEARER : `${methods.join()} is not in auth_methods`}`)
    const written = readList(value)
    if (!written.includes('header')) ledger.refuse(path, `must have header: ${what} are read from Authorization alone`)
    else if (written.length > 1) ledger.approximate(path, `is Authorization alone here: ${what} in addresses, forms and cookies are not looked at`)
    else ledger.exact(path, 'is what this gateway does')
  })
}

export const CREDENTIAL_PLACES: readonly Row[] = [
  places('bearer_token_param_type', ['bearer', 'introspection'], 'bearer tokens'),
  places('password_param_type', ['password'], 'names and passwords'),
  places('client_credentials_param_type', ['client_credentials'], 'clients and their secrets')
]

export const ofBearer = (name: string, why: string): Row => row(name, { kind: 'refused', says: `${why}; without bearer tokens it has no effect` }, (value, { path, ledger, config }) => {
  if (isUnset(value) || readFlag(value) === false || !takes({ config }, 'bearer', 'introspection')) ledger.exact(path, 'has no effect')
  else ledger.refuse(path, why)
})

export const preflight = row('run_on_preflight', { kind: 'exact', target: 'skip_auth_preflight', says: 'the other way round' }, (value, { path, ledger, block }) => {
  const flag = readFlag(value)
  if (flag === false) block.skip_auth_preflight = true
  ledger.exact(path, flag === false ? 'is skip_auth_preflight here' : 'has no effect')
})

export const authMethod = (name: string, target: string): Row => row(name, { kind: 'exact', target, says: 'one' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  const only = readOnly(value)
  if (only === null) return ledger.refuse(path, 'must be one: several clients have no counterpart')
  put(block, target, only)
  ledger.exact(path, `is ${target} here`)
})

export const introspectionEndpoint = row('introspection_endpoint', { kind: 'varies', target: 'introspection_endpoint', says: 'with `introspection` in `auth_methods`; else no effect' }, (value, { path, ledger, config, block }) => {
  if (isUnset(value) || !takes({ config }, 'introspection')) return ledger.exact(path, 'has no effect: introspection is not in auth_methods')
  block.introspection_endpoint = readOnly(value)
  ledger.exact(path, 'is introspection_endpoint here')
})

export const cacheIntrospection = row('cache_introspection', { kind: 'approximated', target: 'introspection_interval', says: 'answers are kept until the token expires, and for a second where it is off; without `introspection` in `auth_methods` it has no effect' }, (value, { path, ledger, config, block }) => {
  if (isUnset(value) || !takes({ config }, 'introspection')) return ledger.exact(path, 'has no effect: introspection is not in auth_methods')
  if (readFlag(value) !== false) return ledger.approximate(path, 'is what this gateway does: an answer is kept until the token expires')
  block.introspection_interval = 1
  ledger.approximate(path, 'is introspection_interval: 1 here: an answer is kept for a second')
})
