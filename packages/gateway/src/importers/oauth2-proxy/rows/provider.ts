import { NOT_YET, endpoint, idle, option, partOf, refused, row, type Row } from '../row.ts'

const OTHER_PROVIDER = 'is for a provider other than oidc: this gateway speaks OpenID Connect alone'

/** Without the path that every issuer's document has. */
const WELL_KNOWN = '/.well-known/openid-configuration'

/** The provider, and what is asked of it. */
export const PROVIDER_ROWS: readonly Row[] = [
  row('provider', 'text', { kind: 'varies', says: '`oidc` alone; its default, `google`, is not: write `oidc`' }, (value, { path, ledger }) => {
    if (value === 'oidc') ledger.exact(path, 'is what this gateway speaks')
    else ledger.refuse(path, 'must be oidc: most providers speak OpenID Connect, with oidc_issuer_url and user rules of their own')
  }),
  endpoint('provider_display_name', 'text', 'provider_name'),
  endpoint('skip_provider_button', 'flag', 'skip_provider_button'),
  option('client_id', 'text', 'client_id'),
  partOf('client_secret', 'text', { kind: 'exact', target: 'openid-connect: client_secret' }),
  partOf('client_secret_file', 'text', { kind: 'approximated', target: 'openid-connect: client_secret', says: 'read once, at the start' }),
  row('oidc_issuer_url', 'text', { kind: 'exact', target: 'openid-connect: discovery', says: '' }, (value, { path, ledger, draft }) => {
    draft.setOption(['discovery'], `${value.replace(/\/$/, '')}${WELL_KNOWN}`, path)
    ledger.exact(path, 'is discovery here')
  }),
  partOf('redirect_url', 'text', { kind: 'exact', target: 'openid-connect: redirect_uri' }),
  refused('relative_redirect_url', 'flag', 'has no counterpart: providers are told a whole URL'),
  refused('insecure_oidc_skip_issuer_verification', 'flag', 'has no counterpart: the issuer is always verified. Write the issuer that the discovery document names in oidc_issuer_url.'),
  row('insecure_oidc_skip_nonce', 'flag', { kind: 'exact', target: 'openid-connect: use_nonce', says: 'on where it is not written' }, (value, { path, ledger, draft }) => {
    draft.setOption(['use_nonce'], !value, path)
    ledger.exact(path, `is use_nonce: ${String(!value)} here`)
  }),
  partOf('code_challenge_method', 'text', { kind: 'varies', target: 'openid-connect: use_pkce', says: 'on where it is not written; `plain` becomes S256; an empty text is off' }),
  partOf('force_code_challenge_method', 'text', { kind: 'varies', target: 'openid-connect: use_pkce', says: 'where `code_challenge_method` is not written' }),
  refused('skip_oidc_discovery', 'flag', 'has no counterpart: the discovery document is always read'),
  idle('login_url', 'text', 'what the discovery document says goes before it'),
  idle('redeem_url', 'text', 'what the discovery document says goes before it'),
  idle('profile_url', 'text', 'what the discovery document says goes before it'),
  idle('oidc_jwks_url', 'text', 'what the discovery document says goes before it'),
  refused(['oidc_public_key_files', 'oidc-public-key-file'], 'list', 'has no counterpart: the keys of ID tokens are those of the discovery document'),
  refused('validate_url', 'text', 'has no counterpart: a renewal that the provider grants is believed'),
  partOf('scope', 'text', { kind: 'exact', target: 'openid-connect: scope', says: 'where it is not written: `openid email profile`, and `groups` with `allowed_groups`' }),
  option('prompt', 'text', 'authorization_params.prompt'),
  option('approval_prompt', 'text', 'authorization_params.approval_prompt'),
  option('acr_values', 'text', 'authorization_params.acr_values'),
  option('resource', 'text', 'authorization_params.resource'),
  option('auth_request_response_mode', 'text', 'authorization_params.response_mode'),
  row('skip_claims_from_profile_url', 'flag', { kind: 'exact', target: 'openid-connect: session_contents.user', says: '' }, (value, { path, ledger, draft }) => {
    if (value) for (const name of ['access_token', 'id_token', 'enc_id_token']) draft.setOption(['session_contents', name], true, path)
    ledger.exact(path, value ? 'is session_contents without user here' : 'has no effect: it is the default')
  }),
  row('ssl_insecure_skip_verify', 'flag', { kind: 'exact', target: 'openid-connect: ssl_verify', says: '' }, (value, { path, ledger, draft }) => {
    draft.setOption(['ssl_verify'], !value, path)
    ledger.exact(path, `is ssl_verify: ${String(!value)} here`)
  }),
  refused(['provider_ca_files', 'provider-ca-file'], 'list', `${NOT_YET}: start the gateway with NODE_EXTRA_CA_CERTS, the name of one PEM file with all of them`),
  row('use_system_trust_store', 'flag', { kind: 'exact', says: 'no effect without `provider_ca_files`, which is refused' }, (_value, { path, ledger }) => { ledger.exact(path, 'has no effect without provider_ca_files') }),
  refused(['oidc_audience_claims', 'oidc-audience-claim'], 'list', 'has no counterpart: the audience of an ID token is in aud', ['aud']),
  refused(['oidc_extra_audiences', 'oidc-extra-audience'], 'list', 'has no counterpart: an ID token must be for client_id'),
  refused(['oidc_enabled_signing_algs', 'oidc-enabled-signing-alg'], 'list', 'has no counterpart: ID tokens may have each algorithm that the discovery document lists'),
  endpoint('backend_logout_url', 'text', 'backend_logout_url'),
  ...([['keycloak_groups', 'keycloak-group'], ['entra_id_allowed_tenants', 'entra-id-allowed-tenant'], ['github_users', 'github-user'], ['gitlab_groups', 'gitlab-group'], ['gitlab_projects', 'gitlab-project'], ['google_groups', 'google-group'], ['google_group', 'google-group'], ['allowed_roles', 'allowed-role']] as const)
    .map(name => refused(name, 'list', OTHER_PROVIDER)),
  ...['azure_graph_group_field', 'bitbucket_team', 'bitbucket_repository', 'github_org', 'github_team', 'github_repo', 'github_token', 'google_admin_email', 'google_service_account_json', 'google_target_principal', 'google_admin_api_user_scope', 'jwt_key', 'jwt_key_file', 'pubjwk_url']
    .map(name => refused(name, 'text', OTHER_PROVIDER)),
  refused('azure_tenant', 'text', OTHER_PROVIDER, 'common'),
  ...['entra_id_federated_token_auth', 'google_use_application_default_credentials', 'google_use_organization_id'].map(name => refused(name, 'flag', OTHER_PROVIDER))
]
