import { leftOut, option, partOf, put, refused, row, type Context, type Row } from './row.ts'
import { isUnset, readFlag, readList, readOnly } from './values.ts'

const WELL_KNOWN = '/.well-known/'
const NO_BEARER = 'neither bearer nor introspection is in auth_methods'

const issuer = row('issuer', { kind: 'exact', target: 'discovery', says: 'an issuer gets `/.well-known/openid-configuration` behind it' }, (value, { path, ledger, block }) => {
  const text = readOnly(value)
  if (text === null) return ledger.refuse(path, 'must be one URL')
  const isDocument = text.includes(WELL_KNOWN)
  block.discovery = isDocument ? text : `${text.replace(/\/$/, '')}/.well-known/openid-configuration`
  ledger.exact(path, `is discovery here${isDocument ? '' : ', with /.well-known/openid-configuration behind it'}`)
})

const scopes = row('scopes', { kind: 'exact', target: 'scope', says: 'joined with blanks; a request, which enforces nothing' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  block.scope = readList(value).join(' ')
  ledger.exact(path, 'is scope here: what is asked for, and not what is required')
})

/** Several entries mean *or* in Kong, and blanks in one mean *and*. */
function anyOf (name: string, target: string): Row {
  return row(name, { kind: 'varies', target, says: 'several entries mean *or*: `any_of`. `all_of` asks for all of them' }, (value, { path, ledger, block }) => {
    if (isUnset(value)) return ledger.exact(path, 'is empty')
    const entries = readList(value)
    const [only = '', ...more] = entries
    put(block, target, more.length === 0 ? { all_of: only.split(/\s+/).filter(word => word !== '') } : { any_of: entries })
    if (more.length === 0) ledger.exact(path, `is ${target} here`)
    else ledger.exact(path, `is ${target}: { any_of: [${entries.join(', ')}] } here, for several entries mean "or" in Kong: one of them is enough. Write { all_of: [${entries.join(', ')}] } if all of them are meant`)
  })
}

/** A list is steps of a path in Kong, and not a choice. */
function claimPath (name: string, target: string): Row {
  return row(name, { kind: 'exact', target, says: 'a list is a path, here as there' }, (value, { path, ledger, block }) => {
    if (isUnset(value)) return ledger.exact(path, 'is empty')
    const steps = readList(value)
    put(block, target, steps.length === 1 ? steps[0] : steps)
    ledger.exact(path, `is ${target} here${steps.length > 1 ? ': a path of several steps, and not several claims' : ''}`)
  })
}

const consumerClaim = row('consumer_claim', { kind: 'exact', target: 'consumer.claims', says: 'of a session the ID token decides, then the access token' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  const steps = readList(value)
  put(block, 'consumer.claims', [steps.length === 1 ? steps[0] : steps])
  ledger.exact(path, 'is consumer.claims here: of a session the ID token decides, then the access token, then the userinfo')
})

const consumerClaims = row('consumer_claims', { kind: 'exact', target: 'consumer.claims', says: 'paths; the first that leads to a consumer decides' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  const claims = [value].flat().map(entry => typeof entry === 'string' ? entry : readList(entry))
  put(block, 'consumer.claims', claims)
  ledger.exact(path, 'is consumer.claims here')
})

const anonymous = row('anonymous', { kind: 'approximated', target: 'consumer.anonymous', says: 'for users who are no consumer, and where `unauth_action` is `pass` for requests without credentials; never for a credential that does not hold' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  put(block, 'consumer.anonymous', readOnly(value))
  ledger.approximate(path, 'is consumer.anonymous here: users who are no consumer become it, a request without a login only where unauth_action is pass, and a token that does not hold never')
})

const redirectUri = row('redirect_uri', { kind: 'approximated', target: 'redirect_uri', says: 'one; the answer of the provider is never proxied, but ends in a 303 to the address that was asked for' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  const only = readOnly(value)
  if (only === null) return ledger.refuse(path, 'must be one URL: several clients have no counterpart')
  block.redirect_uri = only
  ledger.approximate(path, 'is redirect_uri here. Kong passes the request that brings the code on to the upstream; here it is answered with 303 to the clean address that was asked for')
})

const loginAction = row('login_action', { kind: 'varies', says: 'a login always ends in a 303 to the address that was asked for' }, (value, { path, ledger }) => {
  if (value === 'redirect' || isUnset(value)) ledger.exact(path, 'is what this gateway does')
  else if (value === 'upstream') ledger.approximate(path, 'is a 303 to the clean address that was asked for here: the request with the code does not reach the upstream')
  else ledger.refuse(path, 'must be redirect or upstream: tokens are never shown in an answer')
})

function destroys (name: string, status: number): Row {
  return row(name, { kind: 'varies', says: `sessions are never ended by a ${status}` }, (value, { path, ledger }) => {
    if (readFlag(value) === false) ledger.exact(path, 'is what this gateway does')
    else ledger.approximate(path, `is left out: a ${status} does not end the session here, so that a link that somebody may not open logs nobody out`)
  })
}

const accessTokenHeader = row('upstream_access_token_header', { kind: 'varies', target: 'access_token_in_authorization_header', says: '`authorization:bearer`, the default, or nothing' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) {
    block.set_access_token_header = false
    ledger.exact(path, 'is set_access_token_header: false here')
  } else if (String(value).toLowerCase() === 'authorization:bearer') ledger.exact(path, 'is access_token_in_authorization_header here')
  else ledger.refuse(path, 'must be authorization:bearer: write headers.request of a native file for another name')
})

const responseMode = row('response_mode', { kind: 'varies', says: '`query` alone' }, (value, { path, ledger }) => {
  if (value === 'query' || isUnset(value)) ledger.exact(path, 'is what this gateway does')
  else ledger.refuse(path, 'must be query')
})

const proofKey = row('require_proof_key_for_code_exchange', { kind: 'exact', target: 'use_pkce', says: '' }, (value, { path, ledger, block }) => {
  const flag = readFlag(value)
  if (flag === null) return ledger.exact(path, 'is empty')
  block.use_pkce = flag
  ledger.exact(path, 'is use_pkce here')
})

const preflight = row('run_on_preflight', { kind: 'exact', target: 'skip_auth_preflight', says: 'the other way round' }, (value, { path, ledger, block }) => {
  const flag = readFlag(value)
  if (flag === false) block.skip_auth_preflight = true
  ledger.exact(path, flag === false ? 'is skip_auth_preflight here' : 'has no effect')
})

function authorizationArguments (_value: unknown, { path, ledger, config, block }: Context): void {
  const [names, values] = [readList(config.authorization_query_args_names), readList(config.authorization_query_args_values)]
  if (names.length !== values.length) return ledger.refuse(path, 'must have as many names as values')
  if (names.length > 0) block.authorization_params = Object.fromEntries(names.map((name, index) => [name, values[index]]))
  ledger.exact(path, names.length === 0 ? 'is empty' : 'is authorization_params here')
}

const authMethod = (name: string, target: string): Row => row(name, { kind: 'exact', target, says: 'one' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  const only = readOnly(value)
  if (only === null) return ledger.refuse(path, 'must be one: several clients have no counterpart')
  put(block, target, only)
  ledger.exact(path, `is ${target} here`)
})

const takes = ({ config }: Pick<Context, 'config'>, ...methods: readonly string[]): boolean => readList(config.auth_methods).some(method => methods.includes(method))

const audience = row('audience_required', { kind: 'varies', target: 'audience', says: 'for bearer tokens' }, (value, { path, ledger, config, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  if (!takes({ config }, 'bearer', 'introspection')) return ledger.refuse(path, `is for bearer tokens here, and ${NO_BEARER}; for sessions write required_claims in a native file`)
  block.audience = { any_of: readList(value) }
  ledger.approximate(path, 'is audience: { any_of: … } here, and asks it of bearer tokens alone: those of a session were issued for this client')
})

const introspectionEndpoint = row('introspection_endpoint', { kind: 'varies', target: 'introspection_endpoint', says: 'with `introspection` in `auth_methods`; else no effect' }, (value, { path, ledger, config, block }) => {
  if (isUnset(value) || !takes({ config }, 'introspection')) return ledger.exact(path, 'has no effect: introspection is not in auth_methods')
  block.introspection_endpoint = readOnly(value)
  ledger.exact(path, 'is introspection_endpoint here')
})

/** Everything under `config` that can stand in a file; what is not here is not known. */
export const ROWS: readonly Row[] = [
  issuer,
  option('client_id', 'text', 'client_id'),
  option('client_secret', 'text', 'client_secret'),
  authMethod('client_auth', 'token_endpoint_auth_method'),
  option('token_endpoint_auth_method', 'text', 'token_endpoint_auth_method'),
  option('introspection_endpoint_auth_method', 'text', 'introspection_endpoint_auth_method'),
  redirectUri,
  scopes,
  anyOf('scopes_required', 'required_scopes'),
  claimPath('scopes_claim', 'scopes_claim'),
  anyOf('groups_required', 'allowed_groups'),
  claimPath('groups_claim', 'groups_claim'),
  refused('roles_required', 'stands beside groups in Kong, and here groups and roles are one: write allowed_groups with groups_claim', []),
  leftOut('roles_claim', 'roles_required is what asks for roles'),
  audience,
  leftOut('audience_claim', 'the claim aud is looked at'),
  partOf('auth_methods', 'auth_methods', '`bearer`, `introspection`, `session` and `authorization_code`; others are refused'),
  consumerClaim,
  consumerClaims,
  option('consumer_by', 'list', 'consumer.by', 'Kong\'s default, `custom_id` and `username`, is written out'),
  option('consumer_optional', 'flag', 'consumer.optional'),
  refused('by_username_ignore_case', 'has no counterpart: names are compared as they are'),
  anonymous,
  claimPath('credential_claim', 'consumer.credential_claim'),
  claimPath('authenticated_groups_claim', 'groups_claim'),
  refused('consumer_groups_claim', 'has no counterpart: consumers have their groups where they are listed', []),
  refused('consumer_groups_optional', 'has no counterpart: there are no groups of consumers of that kind'),
  option('issuers_allowed', 'list', 'claim_validator.issuer.valid_issuers'),
  accessTokenHeader,
  ...['upstream_access_token_jwk_header', 'upstream_id_token_header', 'upstream_id_token_jwk_header', 'upstream_user_info_header', 'upstream_user_info_jwt_header', 'upstream_refresh_token_header', 'upstream_introspection_header', 'upstream_introspection_jwt_header', 'upstream_session_id_header', 'upstream_headers_claims', 'upstream_headers_names'].map(name => refused(name, 'is a header of its own name: write headers.request in a native file', [])),
  ...['downstream_access_token_header', 'downstream_access_token_jwk_header', 'downstream_id_token_header', 'downstream_id_token_jwk_header', 'downstream_user_info_header', 'downstream_user_info_jwt_header', 'downstream_refresh_token_header', 'downstream_introspection_header', 'downstream_introspection_jwt_header', 'downstream_session_id_header', 'downstream_headers_claims', 'downstream_headers_names'].map(name => refused(name, 'is told to the caller, which is not done here: write headers.response in a native file', [])),
  loginAction,
  leftOut('login_methods', 'logins are those of the authorization code'),
  leftOut('login_tokens', 'tokens are never shown in an answer'),
  refused('login_redirect_uri', 'has no counterpart: a login comes back to what was asked for', []),
  row('login_redirect_mode', { kind: 'approximated', says: 'a login comes back to what was asked for' }, (_value, { path, ledger }) => { ledger.approximate(path, 'is left out: a login comes back to what was asked for, without the code') }),
  destroys('forbidden_destroy_session', 403),
  destroys('unauthorized_destroy_session', 401),
  ...['forbidden_redirect_uri', 'unauthorized_redirect_uri', 'unexpected_redirect_uri'].map(name => refused(name, 'has no counterpart: a refusal is answered with its status', [])),
  ...['forbidden_error_message', 'unauthorized_error_message', 'display_errors', 'expose_error_code'].map(name => leftOut(name, 'answers have codes and texts of this gateway')),
  option('logout_uri_suffix', 'text', 'logout_path', 'an exact path, and not an ending'),
  option('logout_redirect_uri', 'text', 'post_logout_redirect_uri'),
  option('logout_revoke', 'flag', 'revoke_tokens_on_logout'),
  ...['logout_methods', 'logout_query_arg', 'logout_post_arg', 'logout_revoke_access_token', 'logout_revoke_refresh_token'].map(name => leftOut(name, 'a logout is GET or POST of logout_path')),
  option('session_secret', 'text', 'session.secret'),
  option('session_storage', 'text', 'session.storage'),
  option('session_cookie_name', 'text', 'session.cookie_name'),
  option('session_cookie_path', 'text', 'session.cookie_path'),
  option('session_cookie_domain', 'text', 'session.cookie_domain'),
  option('session_cookie_same_site', 'text', 'session.cookie_same_site'),
  option('session_cookie_http_only', 'flag', 'session.cookie_http_only'),
  option('session_cookie_secure', 'flag', 'session.cookie_secure'),
  option('session_absolute_timeout', 'number', 'session.absolute_timeout'),
  option('session_idling_timeout', 'number', 'session.idling_timeout'),
  option('session_rolling_timeout', 'number', 'session.rolling_timeout'),
  ...['session_remember', 'session_remember_absolute_timeout', 'session_remember_cookie_name', 'session_remember_rolling_timeout', 'session_audience', 'session_hash_storage_key', 'session_hash_subject', 'session_store_metadata', 'session_enforce_same_subject', 'session_compressor', 'session_strategy', 'session_request_headers', 'session_response_headers'].map(name => leftOut(name, 'sessions are sealed, named and kept in the way of this gateway')),
  option('session_redis_host', 'text', 'session.redis.host'),
  option('session_redis_port', 'number', 'session.redis.port'),
  option('session_redis_username', 'text', 'session.redis.username'),
  option('session_redis_password', 'text', 'session.redis.password'),
  option('session_redis_prefix', 'text', 'session.redis.prefix'),
  option('session_redis_ssl', 'flag', 'session.redis.ssl'),
  option('session_redis_ssl_verify', 'flag', 'session.redis.ssl_verify'),
  ...['session_memcached_host', 'session_memcached_port', 'session_memcached_prefix', 'session_memcached_socket'].map(name => refused(name, 'has no counterpart: sessions are kept in cookies or in Redis', ['127.0.0.1', 11211])),
  option('authorization_endpoint', 'text', 'authorization_endpoint'),
  option('token_endpoint', 'text', 'token_endpoint'),
  option('userinfo_endpoint', 'text', 'userinfo_endpoint'),
  introspectionEndpoint,
  option('end_session_endpoint', 'text', 'end_session_endpoint'),
  option('revocation_endpoint', 'text', 'revocation_endpoint'),
  row('authorization_query_args_names', { kind: 'exact', target: 'authorization_params', says: 'with `authorization_query_args_values`' }, authorizationArguments),
  partOf('authorization_query_args_values', 'authorization_params'),
  refused('authorization_query_args_client', 'passes what callers send on to the provider, which is not done here', []),
  responseMode,
  refused('response_type', 'must be code', ['code']),
  proofKey,
  refused('require_pushed_authorization_requests', 'is par.enabled in a native file'),
  option('ssl_verify', 'flag', 'ssl_verify', 'on where it is not written'),
  option('timeout', 'seconds', 'timeout'),
  option('leeway', 'number', 'iat_slack'),
  option('http_proxy', 'text', 'proxy_opts.http_proxy'),
  option('https_proxy', 'text', 'proxy_opts.https_proxy'),
  option('no_proxy', 'text', 'proxy_opts.no_proxy'),
  option('http_proxy_authorization', 'text', 'proxy_opts.http_proxy_authorization'),
  option('https_proxy_authorization', 'text', 'proxy_opts.https_proxy_authorization'),
  preflight,
  refused('hide_credentials', 'must be true: what callers send in Authorization is not passed on', [true]),
  ...['verify_signature', 'verify_claims', 'verify_nonce', 'verify_parameters'].map(name => refused(name, 'must be true: it is always checked', [true])),
  ...['proof_of_possession_dpop', 'proof_of_possession_mtls'].map(name => refused(name, 'must be off: proofs of callers are not looked at', ['off', false])),
  refused('using_pseudo_issuer', 'has no counterpart: a discovery document is needed'),
  refused('mtls_token_endpoint', 'has no counterpart', []),
  refused('client_jwk', 'is client_rsa_private_key in a native file, as PEM', []),
  refused('client_alg', 'is client_jwt_assertion_alg in a native file', []),
  refused('client_arg', 'has no counterpart: there is one client', ['client_id']),
  refused('extra_jwks_uris', 'has no counterpart: keys are those of the provider', []),
  refused('bearer_token_param_type', 'must be header: bearer tokens are read from Authorization alone', ['header']),
  refused('search_user_info', 'has no counterpart: the userinfo is looked at after the tokens, where the session keeps it'),
  ...['http_version', 'keepalive', 'rediscovery_lifetime', 'cache_ttl', 'cache_ttl_max', 'cache_ttl_min', 'cache_ttl_neg', 'cache_ttl_resurrect', 'cache_tokens', 'cache_tokens_salt', 'cache_introspection', 'cache_token_exchange', 'cache_user_info', 'cluster_cache_redis', 'cluster_cache_strategy', 'refresh_tokens', 'preserve_query_args', 'enable_hs_signatures', 'ignore_signature', 'disable_session', 'authorization_cookie_name', 'authorization_cookie_path', 'authorization_cookie_domain', 'authorization_cookie_same_site', 'authorization_cookie_secure', 'authorization_cookie_http_only', 'authorization_rolling_timeout', 'refresh_token_param_name', 'refresh_token_param_type', 'id_token_param_name', 'id_token_param_type', 'bearer_token_cookie_name', 'client_credentials_param_type', 'password_param_type', 'introspect_jwt_tokens', 'introspection_check_active', 'introspection_accept', 'introspection_hint', 'token_headers_prefix', 'token_headers_grants', 'resolve_distributed_claims', 'unauthorized_www_authenticate', 'userinfo_accept'].map(name => leftOut(name, 'how connections, caches and cookies of a login work is this gateway\'s'))
]

const BY_NAME: ReadonlyMap<string, Row> = new Map(ROWS.map(known => [known.name, known]))

export const rowOf = (name: string): Row | null => BY_NAME.get(name) ?? null

export const NAMES = ROWS.map(({ name }) => name)
