import { isObject } from '../apisix/source.ts'
import { leftOut, refused, row, type Row } from './row.ts'
import { isUnset, readFlag } from './values.ts'

const principals = row('principals', { kind: 'refused', says: 'has no counterpart: there is no Kong Identity' }, (value, { path, ledger }) => {
  if (isUnset(value) || (isObject(value) && readFlag(value.enabled) !== true)) ledger.exact(path, 'has no effect: it is not enabled')
  else ledger.refuse(path, 'has no counterpart: there is no Kong Identity')
})

const EXTRA = ['discovery_headers_names', 'discovery_headers_values', 'introspection_headers_client', 'introspection_headers_names', 'introspection_headers_values', 'introspection_post_args_client', 'introspection_post_args_client_headers', 'introspection_post_args_names', 'introspection_post_args_values', 'token_headers_client', 'token_headers_names', 'token_headers_values', 'token_post_args_client', 'token_post_args_names', 'token_post_args_values', 'userinfo_headers_client', 'userinfo_headers_names', 'userinfo_headers_values', 'userinfo_query_args_client', 'userinfo_query_args_names', 'userinfo_query_args_values']

/** What this gateway does in another way, or not at all. */
export const ABSENT_ROWS: readonly Row[] = [
  ...['upstream_access_token_jwk_header', 'upstream_id_token_header', 'upstream_id_token_jwk_header', 'upstream_user_info_header', 'upstream_user_info_jwt_header', 'upstream_refresh_token_header', 'upstream_introspection_header', 'upstream_introspection_jwt_header', 'upstream_session_id_header', 'upstream_headers_claims', 'upstream_headers_names', 'upstream_headers'].map(name => refused(name, 'is a header of its own name: write headers.request in a native file', [])),
  ...['downstream_access_token_header', 'downstream_access_token_jwk_header', 'downstream_id_token_header', 'downstream_id_token_jwk_header', 'downstream_user_info_header', 'downstream_user_info_jwt_header', 'downstream_refresh_token_header', 'downstream_introspection_header', 'downstream_introspection_jwt_header', 'downstream_session_id_header', 'downstream_headers_claims', 'downstream_headers_names', 'downstream_headers', 'token_headers_replay'].map(name => refused(name, 'is told to the caller, which is not done here: write headers.response in a native file', [])),
  ...EXTRA.map(name => refused(name, 'adds to requests that are made as they are here', [])),
  ...['introspection_token_param_name', 'revocation_token_param_name'].map(name => refused(name, 'must be token', ['token'])),
  ...['token_exchange', 'token_exchange_endpoint'].map(name => refused(name, 'has no counterpart: tokens are not exchanged', [])),
  ...['mtls_token_endpoint', 'mtls_introspection_endpoint', 'mtls_revocation_endpoint'].map(name => refused(name, 'has no counterpart', [])),
  refused('tls_client_auth_cert_id', 'names a certificate outside of this object: write tls_client_auth in a native file', []),
  refused('tls_client_auth_ssl_verify', 'must be true', [true]),
  refused('require_signed_request_object', 'has no counterpart: requests are not signed'),
  refused('jwt_session_cookie', 'has no counterpart: a token is not held against a cookie', []),
  refused('proof_of_possession_mtls_from_header', 'has no counterpart: proofs of callers are not looked at', []),
  principals,
  ...['verify_signature', 'verify_claims', 'verify_nonce'].map(name => refused(name, 'must be true: it is always checked', [true])),
  ...['http_version', 'keepalive', 'rediscovery_lifetime', 'cache_ttl', 'cache_ttl_max', 'cache_ttl_min', 'cache_ttl_neg', 'cache_ttl_resurrect', 'cache_tokens', 'cache_tokens_salt', 'cache_token_exchange', 'cache_user_info', 'cluster_cache_redis', 'cluster_cache_strategy', 'preserve_query_args', 'enable_hs_signatures', 'ignore_signature', 'disable_session', 'authorization_cookie_name', 'authorization_cookie_path', 'authorization_cookie_domain', 'authorization_cookie_same_site', 'authorization_cookie_secure', 'authorization_cookie_http_only', 'authorization_rolling_timeout', 'refresh_token_param_name', 'refresh_token_param_type', 'id_token_param_name', 'id_token_param_type', 'bearer_token_cookie_name', 'introspection_check_active', 'introspection_accept', 'introspection_hint', 'token_headers_prefix', 'token_headers_grants', 'resolve_distributed_claims', 'unauthorized_www_authenticate', 'userinfo_accept', 'cluster_cache_items', 'token_cache_key_include_scope', 'reverify', 'dpop_proof_lifetime', 'dpop_use_nonce', 'proof_of_possession_auth_methods_validation', 'jwt_session_claim', 'revocation_endpoint_auth_method', 'verify_parameters'].map(name => leftOut(name, 'how connections, caches and cookies of a login work is this gateway\'s'))
]
