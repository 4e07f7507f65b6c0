import t from 'tap'
import { optionsSchema } from 'fastify-oidc'
import { gatewaySchema, routeSchema, upstreamSchema } from '../../packages/gateway/src/configuration/schema.ts'
import { ROWS, rowOfFlag, rowOfName, rowOfVariable } from '../../packages/gateway/src/importers/oauth2-proxy/table.ts'
import { FILE, translate, verdictOf } from './import-oauth2-proxy-parts.ts'

/** Every option that OAuth2 Proxy documents, as its file names it; `:` and the flag where that is not the name with dashes. */
const DOCUMENTED = `
provider provider_display_name skip_provider_button client_id client_secret client_secret_file redirect_url relative_redirect_url
oidc_issuer_url insecure_oidc_skip_issuer_verification insecure_oidc_skip_nonce insecure_oidc_allow_unverified_email skip_oidc_discovery
login_url redeem_url profile_url oidc_jwks_url oidc_public_key_files:oidc-public-key-file validate_url skip_claims_from_profile_url
scope prompt approval_prompt acr_values resource auth_request_response_mode code_challenge_method force_code_challenge_method
oidc_email_claim oidc_groups_claim user_id_claim oidc_audience_claims:oidc-audience-claim oidc_extra_audiences:oidc-extra-audience
oidc_enabled_signing_algs:oidc-enabled-signing-alg backend_logout_url provider_ca_files:provider-ca-file use_system_trust_store ssl_insecure_skip_verify
keycloak_groups:keycloak-group azure_tenant azure_graph_group_field entra_id_allowed_tenants:entra-id-allowed-tenant entra_id_federated_token_auth
bitbucket_team bitbucket_repository github_org github_team github_repo github_token github_users:github-user gitlab_groups:gitlab-group
gitlab_projects:gitlab-project google_groups:google-group google_group:google-group google_admin_email google_service_account_json
google_use_application_default_credentials google_target_principal google_use_organization_id google_admin_api_user_scope
allowed_roles:allowed-role jwt_key jwt_key_file pubjwk_url
email_domains:email-domain authenticated_emails_file htpasswd_file htpasswd_user_groups:htpasswd-user-group display_htpasswd_form
allowed_groups:allowed-group skip_jwt_bearer_tokens bearer_token_login_fallback extra_jwt_issuers skip_auth_routes:skip-auth-route skip_auth_regex
skip_auth_preflight trusted_ips:trusted-ip api_routes:api-route force_json_errors whitelist_domains:whitelist-domain allow_query_semicolons encode_state
cookie_name cookie_secret cookie_secret_file cookie_domains:cookie-domain cookie_path cookie_expire cookie_refresh cookie_secure cookie_httponly
cookie_samesite cookie_csrf_per_request cookie_csrf_per_request_limit cookie_csrf_expire cookie_csrf_samesite
session_store_type session_cookie_minimal redis_connection_url redis_username redis_password redis_use_sentinel redis_sentinel_master_name
redis_sentinel_password redis_sentinel_connection_urls redis_use_cluster redis_cluster_connection_urls redis_ca_path redis_insecure_skip_tls_verify
redis_connection_idle_timeout
upstreams:upstream pass_host_header proxy_websockets flush_interval upstream_timeout ssl_upstream_insecure_skip_verify disable_keep_alives
pass_user_headers pass_basic_auth basic_auth_password pass_access_token pass_authorization_header set_xauthrequest set_authorization_header
set_basic_auth prefer_email_to_user skip_auth_strip_headers signature_key
http_address https_address tls_cert_file tls_key_file tls_min_version tls_cipher_suites:tls-cipher-suite reverse_proxy
trusted_proxy_ips:trusted-proxy-ip real_client_ip_header proxy_prefix force_https ping_path ping_user_agent ready_path gcp_healthchecks
metrics_address metrics_secure_address metrics_tls_cert_file metrics_tls_key_file
banner footer custom_sign_in_logo custom_templates_dir show_debug_on_error
auth_logging request_logging standard_logging auth_logging_format request_logging_format standard_logging_format errors_to_info_log
exclude_logging_paths:exclude-logging-path logging_local_time silence_ping_logging request_id_header logging_filename logging_max_size
logging_max_age logging_max_backups logging_compress
`.trim().split(/\s+/).map(entry => entry.split(':')).map(([name = '', flag = name.replaceAll('_', '-')]) => ({ name, flag }))

const SAMPLES: Record<string, unknown> = { text: 'x', flag: true, list: ['x'], duration: '1h', number: 3 }

t.test('every option of OAuth2 Proxy has one row, under its name, its flag and its variable', async t => {
  for (const { name, flag } of DOCUMENTED) {
    t.equal(rowOfName(name)?.flag, flag, name)
    t.equal(rowOfVariable(`OAUTH2_PROXY_${name.toUpperCase()}`), rowOfName(name), name)
    t.ok(rowOfFlag(flag), flag)
  }
  t.same(ROWS.map(({ name }) => name).sort(), DOCUMENTED.map(({ name }) => name).sort(), 'and there is no other row')
  t.equal(new Set(ROWS.map(({ name }) => name)).size, ROWS.length)
})

t.test('no option is dropped: each gets a verdict with a word about it, whatever it says', async t => {
  for (const { name, type, kind } of ROWS) {
    for (const value of [SAMPLES[type], type === 'flag' ? false : type === 'list' ? [] : type === 'text' ? '' : 0]) {
      const { report } = translate({ ...FILE, [name]: value })
      const entries = report.entries.filter(({ path }) => path[0] === name)
      t.ok(entries.length > 0, name)
      t.notOk(entries.some(({ message }) => message === null || message === '' || message.includes('not known to this importer')), name)
      if (kind === 'exact') t.notOk(entries.some(({ message }) => message?.includes('not available in this version')), name)
    }
  }
})

t.test('a row that says refused refuses', async t => {
  for (const { name, type, kind } of ROWS) {
    if (kind !== 'refused') continue
    // What may be written all the same is one of the two.
    const verdicts = [SAMPLES[type], type === 'flag' ? false : type === 'list' ? ['y'] : 'y'].map(value => verdictOf(name, value))
    t.ok(verdicts.includes('refused'), name)
  }
})

t.test('the targets that rows name exist', async t => {
  const known = (schema: { readonly properties?: Record<string, object> }, path: readonly string[]): boolean => path.length === 0 || (schema.properties !== undefined && Object.hasOwn(schema.properties, path[0] ?? '') && known(schema.properties[path[0] ?? ''] as typeof schema, path.slice(1)))
  for (const { name, target } of ROWS) {
    for (const option of target?.replace('openid-connect: ', '').split(', ') ?? []) {
      const path = option.split('.')
      const root = target?.startsWith('openid-connect: ') === true ? optionsSchema : path[0] === 'upstream' ? upstreamSchema : path[0] === 'headers' ? routeSchema : gatewaySchema
      t.ok(path[0] === 'authorization_params' || known(root, path[0] === 'upstream' ? path.slice(1) : path), `${name}: ${option}`)
    }
  }
})
