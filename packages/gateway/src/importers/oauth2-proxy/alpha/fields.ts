/** Members of the YAML that mean what an option of the file means: by their path, its name. */
export type Fields = Readonly<Record<string, string>>

/** Of a provider. */
export const PROVIDER_FIELDS: Fields = {
  clientID: 'client_id',
  clientSecret: 'client_secret',
  clientSecretFile: 'client_secret_file',
  provider: 'provider',
  name: 'provider_display_name',
  caFiles: 'provider_ca_files',
  useSystemTrustStore: 'use_system_trust_store',
  loginURL: 'login_url',
  redeemURL: 'redeem_url',
  profileURL: 'profile_url',
  skipClaimsFromProfileURL: 'skip_claims_from_profile_url',
  resource: 'resource',
  validateURL: 'validate_url',
  scope: 'scope',
  allowedGroups: 'allowed_groups',
  code_challenge_method: 'code_challenge_method',
  backendLogoutURL: 'backend_logout_url',
  authRequestResponseMode: 'auth_request_response_mode',
  'oidcConfig.issuerURL': 'oidc_issuer_url',
  'oidcConfig.insecureAllowUnverifiedEmail': 'insecure_oidc_allow_unverified_email',
  'oidcConfig.insecureSkipIssuerVerification': 'insecure_oidc_skip_issuer_verification',
  'oidcConfig.insecureSkipNonce': 'insecure_oidc_skip_nonce',
  'oidcConfig.skipDiscovery': 'skip_oidc_discovery',
  'oidcConfig.jwksURL': 'oidc_jwks_url',
  'oidcConfig.publicKeyFiles': 'oidc_public_key_files',
  'oidcConfig.emailClaim': 'oidc_email_claim',
  'oidcConfig.groupsClaim': 'oidc_groups_claim',
  'oidcConfig.userIDClaim': 'user_id_claim',
  'oidcConfig.audienceClaims': 'oidc_audience_claims',
  'oidcConfig.extraAudiences': 'oidc_extra_audiences',
  'oidcConfig.enabledSigningAlgs': 'oidc_enabled_signing_algs',
  'keycloakConfig.groups': 'keycloak_groups',
  'keycloakConfig.roles': 'allowed_roles',
  'azureConfig.tenant': 'azure_tenant',
  'azureConfig.graphGroupField': 'azure_graph_group_field',
  'microsoftEntraIDConfig.allowedTenants': 'entra_id_allowed_tenants',
  'microsoftEntraIDConfig.federatedTokenAuth': 'entra_id_federated_token_auth',
  'bitbucketConfig.team': 'bitbucket_team',
  'bitbucketConfig.repository': 'bitbucket_repository',
  'githubConfig.org': 'github_org',
  'githubConfig.team': 'github_team',
  'githubConfig.repo': 'github_repo',
  'githubConfig.token': 'github_token',
  'githubConfig.users': 'github_users',
  'gitlabConfig.group': 'gitlab_groups',
  'gitlabConfig.projects': 'gitlab_projects',
  'googleConfig.group': 'google_groups',
  'googleConfig.adminEmail': 'google_admin_email',
  'googleConfig.serviceAccountJson': 'google_service_account_json',
  'googleConfig.useApplicationDefaultCredentials': 'google_use_application_default_credentials',
  'googleConfig.targetPrincipal': 'google_target_principal',
  'googleConfig.useOrganizationID': 'google_use_organization_id',
  'googleConfig.adminAPIUserScope': 'google_admin_api_user_scope',
  'loginGovConfig.jwtKey': 'jwt_key',
  'loginGovConfig.jwtKeyFile': 'jwt_key_file',
  'loginGovConfig.pubjwkURL': 'pubjwk_url'
}

/** Of a provider, and of no option. */
export const OWN_PROVIDER_FIELDS = ['id', 'loginURLParameters', 'additionalClaims', 'ADFSConfig']

/** Of `server`. */
export const SERVER_FIELDS: Fields = {
  bindAddress: 'http_address',
  secureBindAddress: 'https_address',
  'tls.cert': 'tls_cert_file',
  'tls.key': 'tls_key_file',
  'tls.minVersion': 'tls_min_version',
  'tls.cipherSuites': 'tls_cipher_suites'
}

/** Of `metricsServer`. */
export const METRICS_FIELDS: Fields = {
  bindAddress: 'metrics_address',
  secureBindAddress: 'metrics_secure_address',
  'tls.cert': 'metrics_tls_cert_file',
  'tls.key': 'metrics_tls_key_file'
}

/** Options that the YAML says in other words. */
const REPLACED: Fields = {
  upstreams: 'upstreamConfig.upstreams',
  ...Object.fromEntries(['flush_interval', 'pass_host_header', 'proxy_websockets', 'ssl_upstream_insecure_skip_verify', 'upstream_timeout', 'disable_keep_alives'].map(name => [name, 'upstreamConfig.upstreams'])),
  ...Object.fromEntries(['pass_basic_auth', 'pass_access_token', 'pass_user_headers', 'pass_authorization_header', 'prefer_email_to_user', 'basic_auth_password', 'skip_auth_strip_headers'].map(name => [name, 'injectRequestHeaders'])),
  ...Object.fromEntries(['set_basic_auth', 'set_xauthrequest', 'set_authorization_header'].map(name => [name, 'injectResponseHeaders'])),
  ...Object.fromEntries(['prompt', 'approval_prompt', 'acr_values'].map(name => [name, 'providers[0].loginURLParameters'])),
  force_code_challenge_method: 'providers[0].code_challenge_method',
  google_group: 'providers[0].googleConfig.group'
}

const below = (place: string, fields: Fields): Array<[string, string]> => Object.entries(fields).map(([field, name]) => [name, `${place}.${field}`])

/** Options that stand in the YAML and nowhere else, by name; and their place there. */
export const ALPHA_PLACES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(REPLACED),
  ...below('providers[0]', PROVIDER_FIELDS),
  ...below('server', SERVER_FIELDS),
  ...below('metricsServer', METRICS_FIELDS)
])
