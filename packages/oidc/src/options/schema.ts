import { Type, type Static } from '@sinclair/typebox'
import { sessionSchema, withDefault, type Resolved } from 'fastify-oidc-session-store'
import { groupsClaim, requirementOptions, scopesClaim } from '../policy/schema.ts'
import { consumerOptionsSchema } from './consumer-options.ts'
import { resourceMetadataSchema } from './resource-metadata.ts'
import { secretsSchema } from './secret-managers.ts'

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))
const flag = (value: boolean, description: string) => withDefault(Type.Boolean({ description }), value)
const list = (description: string, maxLength?: number) => Type.Optional(Type.Array(Type.String({ minLength: 1, ...maxLength === undefined ? {} : { maxLength } }), { description }))
const MAX_EXPRESSION_LENGTH = 2000
const url = (description: string) => Type.Optional(Type.String({ pattern: '^https?://', description }))

const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt']
/** RFC 8705, section 2; APISIX does not know them. */
const BY_CERTIFICATE = ['tls_client_auth', 'self_signed_tls_client_auth']
const authMethod = (description: string) => withDefault(Type.Union([...AUTH_METHODS, ...BY_CERTIFICATE, 'none'].map(method => Type.Literal(method)), { description }), 'client_secret_basic')

const proxyOptions = Type.Object({
  http_proxy: url('Proxy for http URLs of the provider, such as `http://<proxy_host>:<proxy_port>`.'),
  https_proxy: url('Proxy for https URLs of the provider, such as `http://<proxy_host>:<proxy_port>`.'),
  http_proxy_authorization: text('`Proxy-Authorization` for `http_proxy`: `Basic <base64 username:password>`. A `Proxy-Authorization` that `introspection_addon_headers` passes on goes before it.'),
  https_proxy_authorization: text('`Proxy-Authorization` for `https_proxy`: `Basic <base64 username:password>`.'),
  no_proxy: text('Hosts that are reached without the proxy, separated by commas: names, which also stand for what is below them (a leading dot changes nothing), addresses, or `*` for all.')
}, { additionalProperties: false, description: 'Proxy that the provider is reached through: http URLs in absolute form, https URLs through a tunnel (CONNECT). The proxies of the environment (`HTTP_PROXY` and its like) are not used.' })

const sessionContents = Type.Object({
  access_token: Type.Optional(Type.Boolean({ description: 'Keep the access token, its expiry and the refresh token. Without them the session neither ends nor is renewed with the token, and there is nothing to revoke at a logout.' })),
  id_token: Type.Optional(Type.Boolean({ description: 'Keep the claims of the ID token. Without them `request.oidc.claims` is null.' })),
  enc_id_token: Type.Optional(Type.Boolean({ description: 'Keep the ID token as it was received, not encrypted; the provider is told it at a logout. `set_raw_id_token_header` keeps it too.' })),
  user: Type.Optional(Type.Boolean({ description: 'Keep the userinfo. Without it the provider is not asked for it.' }))
}, { additionalProperties: false, description: 'What a session keeps: what is named here and true, and nothing else of this. Everything when not set. Who logged in and the granted scopes are always kept.' })

const claimValidator = Type.Object({
  issuer: Type.Optional(Type.Object({
    valid_issuers: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'Issuers that are trusted. Default: the issuer of the discovery document. Where it is set, the answer of an introspection has to name one of them as well.' }))
  }, { additionalProperties: false, description: 'Issuer validation.' })),
  audience: Type.Optional(Type.Object({
    claim: withDefault(Type.String({ minLength: 1, description: 'Claim that holds the audience.' }), 'aud'),
    required: flag(false, 'The audience claim must be there.'),
    match_with_client_id: flag(false, 'The audience must be, or contain, the client id. `audience` (ours) names another.')
  }, { additionalProperties: false, description: 'Audience validation.' }))
}, { additionalProperties: false, description: 'Validation of the claims of bearer tokens.' })

const par = Type.Object({
  enabled: flag(false, 'Push the authorization request to the provider (RFC 9126): the browser carries no more than `client_id` and `request_uri`.'),
  endpoint: url('Pushed authorization request endpoint. Default: from the discovery document.'),
  endpoint_auth_method: Type.Optional(Type.Union(AUTH_METHODS.map(method => Type.Literal(method)), { description: 'Client authentication there. Default: that of the token endpoint.' }))
}, { additionalProperties: false, description: 'Pushed authorization requests.' })

const dpop = Type.Object({
  enabled: flag(false, 'Have access tokens bound to a key, and prove possession of it at the token, pushed authorization request and userinfo endpoints (RFC 9449). Tokens that the provider does not bind are refused. Upstreams that look at the binding refuse such a token, for they get no proof with it.'),
  signing_alg: withDefault(Type.Union([Type.Literal('ES256'), Type.Literal('RS256'), Type.Literal('PS256')], { description: 'Algorithm of the proofs: `ES256` for an EC key on P-256, the others for an RSA key.' }), 'ES256'),
  private_key: text('Private key that signs the proofs, PEM in PKCS#8, PKCS#1 or SEC1; line ends may be written as `\\n`. Required where `dpop.enabled` is true, and the same on every instance: tokens are bound to it.'),
  public_jwk: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'The public key as a JWK, held against `dpop.private_key`. Default: that of `dpop.private_key`.' }))
}, { additionalProperties: false, description: 'DPoP towards the provider.' })

const tlsClientAuth = Type.Object({
  certificate: Type.String({ minLength: 1, description: 'Certificate, PEM, and below it those that lead to one that the provider knows. Line ends may be written as `\\n`.' }),
  private_key: Type.String({ minLength: 1, description: 'Its private key, PEM.' }),
  passphrase: text('Passphrase of the private key.')
}, { additionalProperties: false, description: 'Certificate that is shown to the provider (mutual TLS, RFC 8705), for `tls_client_auth` and `self_signed_tls_client_auth`, and for tokens that the provider binds to it. Where the discovery document has `mtls_endpoint_aliases`, those are called. The same on every instance.' })

/** The attribute table of the Apache APISIX `openid-connect` plugin, and what is ours beside it. */
export const optionsSchema = Type.Object({
  client_id: Type.String({ minLength: 1, description: 'OAuth client ID.' }),
  client_secret: text('OAuth client secret. Required unless `bearer_only` with `public_key` or `use_jwks`, `private_key_jwt`, or PKCE makes it needless.'),
  discovery: Type.String({ pattern: '^https?://', description: "URL of the provider's discovery document, `https://…/.well-known/openid-configuration`." }),
  scope: withDefault(Type.String({ minLength: 1, description: 'Scopes to ask for, separated by blanks.' }), 'openid'),
  required_scopes: requirementOptions.required_scopes,
  realm: withDefault(Type.String({ minLength: 1, maxLength: 200, description: 'Realm in `WWW-Authenticate` of a 401.' }), 'apisix'),
  bearer_only: flag(false, 'Accept bearer tokens and nothing else: no session, no login, no cookie is read; `unauth_action` has no effect. Without `public_key` and `use_jwks` the provider is asked about each token.'),
  logout_path: withDefault(Type.String({ pattern: '^/', description: 'Path that ends the session, as the browser sees it. In a scope with a prefix it lies under the prefix; the default is then `<prefix>/logout`.' }), '/logout'),
  backchannel_logout_path: Type.Optional(Type.String({ pattern: '^/', description: 'Path where the provider says, server to server, whose sessions are over (OpenID Connect Back-Channel Logout 1.0). In a scope with a prefix it lies under the prefix. Register `https://<this host><path>` as the client\'s `backchannel_logout_uri`. With cookie sessions it reaches the instances that share `session.coordination`. Default: none.' })),
  frontchannel_logout_path: Type.Optional(Type.String({ pattern: '^/', description: 'Path that the provider loads in a frame of its own page, with `iss` and `sid`, to end a session (OpenID Connect Front-Channel Logout 1.0). Register it as `frontchannel_logout_uri`, with `frontchannel_logout_session_required`. Default: none.' })),
  post_logout_redirect_uri: Type.Optional(Type.String({ pattern: '^(https?:/)?/', description: 'Where the provider sends the browser after a logout: an absolute URL, or a path of this server.' })),
  redirect_uri: Type.Optional(Type.String({ pattern: '^(https?:/)?/', description: 'Where the provider sends the browser after a login: an absolute URL, or a path of this server. A guarded route may have this path: then an answer to a login that this browser began is taken there, and the browser goes on to the page that was asked for, and any other request is the route\'s. Default: `<prefix>/.apisix/redirect`; under `security_profile: apisix` the path of the request and `/.apisix/redirect`.' })),
  timeout: withDefault(Type.Integer({ minimum: 1, maximum: 600, description: 'Time-out of each request to the provider, in seconds, not milliseconds.' }), 3),
  ssl_verify: flag(true, "Verify the provider's certificate. (The original table says false; APISIX itself since 3.16 true.)"),
  introspection_endpoint: url('Token introspection endpoint (RFC 7662). Setting it accepts bearer tokens beside sessions; with `public_key` or `use_jwks` it is asked about tokens that are not JWTs. Default with `bearer_only`: from the discovery document.'),
  introspection_endpoint_auth_method: authMethod('Client authentication at the introspection endpoint; `tls_client_auth` and `self_signed_tls_client_auth` (ours) are by `tls_client_auth.certificate`.'),
  token_endpoint_auth_method: authMethod('Client authentication at the token endpoint; `tls_client_auth` and `self_signed_tls_client_auth` (ours) are by `tls_client_auth.certificate`. One that the provider does not list gives way to the first listed one that can be used.'),
  public_key: text('Public key or certificate that bearer tokens (JWTs) are verified with, PEM: RSA, EC or Ed25519. Line ends may be written as `\\n`. Goes before `use_jwks`.'),
  use_jwks: flag(false, "Verify bearer tokens (JWTs) with the provider's keys."),
  use_pkce: flag(false, 'Proof Key for Code Exchange (RFC 7636), S256. On under `security_profile: oauth2.1` and `fapi2`.'),
  token_signing_alg_values_expected: text('Algorithm that bearer tokens must be signed with, such as `RS256`, or several with blanks between them. Default: any that is asymmetric. HS256 and its like, and `none`, are never accepted.'),
  set_access_token_header: flag(true, 'Tell the upstream the access token, in `X-Access-Token`.'),
  access_token_in_authorization_header: flag(false, 'Tell it in `Authorization: Bearer …` instead.'),
  set_id_token_header: flag(true, "Tell the upstream the ID token's claims, in `X-ID-Token`: base64 of JSON."),
  set_userinfo_header: flag(true, 'Tell the upstream the userinfo, in `X-Userinfo`: base64 of JSON.'),
  set_refresh_token_header: flag(false, 'Tell the upstream the refresh token, in `X-Refresh-Token`.'),
  set_raw_id_token_header: flag(false, 'Tell the upstream the ID token as it was received, in `X-Raw-ID-Token`.'),
  session: Type.Optional(sessionSchema),
  session_contents: Type.Optional(sessionContents),
  unauth_action: withDefault(Type.Union([Type.Literal('auth'), Type.Literal('deny'), Type.Literal('pass')], { description: 'Unauthenticated requests: `auth` sends a navigation to the provider and answers anything else with 401, `deny` answers 401, `pass` lets them through without identity.' }), 'auth'),
  proxy_opts: Type.Optional(proxyOptions),
  authorization_params: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String())]), { description: 'More parameters of the authorization request. Not `state`, `nonce`, `redirect_uri`, `client_id`, `response_type` or those of PKCE.' })),
  client_rsa_private_key: text('Private key that signs client assertions (`private_key_jwt`), PEM: RSA, EC or Ed25519, in PKCS#8, PKCS#1 or SEC1. Line ends may be written as `\\n`.'),
  client_rsa_private_key_id: text('Key ID (`kid`) of the client assertions.'),
  client_jwt_assertion_expires_in: withDefault(Type.Integer({ minimum: 1, description: 'Life of a client assertion in seconds.' }), 60),
  client_jwt_assertion_alg: Type.Optional(Type.Union(['HS256', 'HS512', 'RS256', 'RS512', 'PS256', 'ES256', 'ES512', 'EdDSA'].map(alg => Type.Literal(alg)), { description: 'Algorithm of the client assertions. Default: `RS256` for an RSA key, `ES256`, `ES384` or `ES512` for an EC key by its curve, `EdDSA` for Ed25519, and `HS256` for `client_secret_jwt`.' })),
  client_jwt_assertion_audience: text('Audience of the client assertions. Default: the URL of the endpoint that is called. Some providers want their issuer.'),
  renew_access_token_on_expiry: flag(true, 'Renew the access token with the refresh token when it expires. Off: the session goes on without the access token header.'),
  access_token_expires_in: Type.Optional(Type.Integer({ minimum: 1, description: 'Life of an access token in seconds where the provider does not say (`expires_in`). Default: 3600.' })),
  access_token_expires_leeway: withDefault(Type.Integer({ minimum: 0, description: 'Renew this many seconds before the access token expires.' }), 0),
  refresh_session_interval: Type.Optional(Type.Integer({ minimum: 1, description: 'Seconds since the last login after which a visit (a GET navigation of a window) logs in again silently: by a redirect with `prompt=none`, unless `authorization_params.prompt` says otherwise, and back to the page. Where the provider says that there is no login any more, the session is over; where it cannot be asked, the session goes on.' })),
  iat_slack: withDefault(Type.Integer({ minimum: 0, maximum: 600, description: 'Clock difference to the provider that is tolerated, in seconds.' }), 120),
  accept_none_alg: flag(false, 'Accept ID tokens without a signature (`alg: none`) from a token endpoint over https with `ssl_verify`, or on this machine; everything else in them is checked. Never for bearer tokens.'),
  accept_unsupported_alg: flag(true, 'Accept ID tokens from the token endpoint that are signed with an algorithm that cannot be verified here. Off under `security_profile: oauth2.1` and `fapi2`.'),
  force_reauthorize: flag(false, 'A login for each visit (a GET navigation of a window): a session does for the page that its login leads to, once, and for what that page loads and sends.'),
  use_nonce: flag(false, 'Send a nonce and check it in the ID token. On under `security_profile: oauth2.1` and `fapi2`.'),
  revoke_tokens_on_logout: flag(false, "Revoke the tokens at the provider's revocation endpoint at a logout (RFC 7009)."),
  jwk_expires_in: withDefault(Type.Integer({ minimum: 1, description: "How long the provider's keys are kept, in seconds." }), 86400),
  jwt_verification_cache_ignore: flag(false, 'Verify a bearer token at every request.'),
  cache_segment: text('Name of a cache of its own for verified and introspected tokens. Without one, registrations with the same settings share.'),
  introspection_interval: withDefault(Type.Integer({ minimum: 0, description: 'Longest time that an introspected token is kept, in seconds. 0: until it expires. An answer that does not say when is asked for at every request.' }), 0),
  introspection_expiry_claim: withDefault(Type.String({ minLength: 1, description: 'Claim of the introspection answer that says when it expires. `exp` is an instant; in another one a number above 10^9 is an instant, one below it a life in seconds.' }), 'exp'),
  introspection_addon_headers: Type.Optional(Type.Array(Type.String({ minLength: 1, pattern: '^[^:]+$' }), { minItems: 1, description: 'Headers of the request that are passed on to the introspection endpoint.' })),
  claim_validator: Type.Optional(claimValidator),
  claim_schema: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema (draft 7; formats are not checked) that a session has to hold against as `{ user, access_token, id_token }`, of which only what it keeps is there, and a bearer token as its claims. Otherwise 401, and the session goes on. One that does not compile stops the boot.' })),
  par: Type.Optional(par),
  dpop: Type.Optional(dpop),
  tls_client_auth: Type.Optional(tlsClientAuth),
  security_profile: withDefault(Type.Union([Type.Literal('apisix'), Type.Literal('oauth2.1'), Type.Literal('fapi2')], { description: 'Defaults of what is not written. `apisix`: those of the attribute table. `oauth2.1`: PKCE and nonce, `__Host-` cookies, no requests from other sites. `fapi2` (FAPI 2.0 Security Profile): that, pushed authorization requests, tokens that are bound to `dpop.private_key` or `tls_client_auth`, `private_key_jwt` or `tls_client_auth`, assertions for the issuer, PS256, ES256 and EdDSA alone, and `iss` in every answer. What is written wins, and the log names what is weaker.' }), 'apisix'),
  cross_site: withDefault(Type.Union([Type.Literal('allow'), Type.Literal('refuse')], { description: 'Unsafe methods and upgrades with a session that come from another site. `refuse` under `security_profile: oauth2.1` and `fapi2`.' }), 'allow'),
  authorization_endpoint: url('Instead of that of the discovery document.'),
  token_endpoint: url('Instead of that of the discovery document.'),
  userinfo_endpoint: url('Instead of that of the discovery document.'),
  jwks_uri: url('Instead of that of the discovery document.'),
  end_session_endpoint: url('Instead of that of the discovery document.'),
  revocation_endpoint: url('Instead of that of the discovery document.'),
  audience: requirementOptions.audience,
  resource_metadata: resourceMetadataSchema,
  accept_id_token_as_bearer: flag(false, 'Accept an ID token of this client as a bearer token: signature, issuer, expiry and `aud` (the client id) are checked, and `audience` where it is set. For callers that have nothing else; an ID token was not issued for this, and everybody it was shown to can use it.'),
  user_id_claim: withDefault(Type.String({ minLength: 1, description: 'Claim that says who somebody is (`request.oidc.user`): of the ID token, else of the userinfo. A name with dots that is no claim is a path.' }), 'sub'),
  email_claim: withDefault(Type.String({ minLength: 1, description: 'Claim that holds the e-mail address (`request.oidc.email`), found like `user_id_claim`. With `email`, one that the provider calls unverified (`email_verified: false`, or anything but true) is none.' }), 'email'),
  groups_claim: withDefault(groupsClaim, 'groups'),
  scopes_claim: Type.Optional(scopesClaim),
  allowed_groups: requirementOptions.allowed_groups,
  required_groups: requirementOptions.required_groups,
  allowed_emails: requirementOptions.allowed_emails,
  allowed_emails_file: requirementOptions.allowed_emails_file,
  allowed_email_domains: requirementOptions.allowed_email_domains,
  required_claims: requirementOptions.required_claims,
  acr_values: requirementOptions.acr_values,
  max_age: requirementOptions.max_age,
  auth_methods: requirementOptions.auth_methods,
  consumer: Type.Optional(consumerOptionsSchema),
  whitelist_domains: list('Hosts that a login, and the sign-out of fastify-oidc-forward-auth, may send the browser to beside the own one: `app.example.com`, `.example.com` or `*.example.com` (itself and all below it), with `:8443` or `:*` where the port is not that of the scheme. Over https alone, or http on this machine.'),
  skip_auth_routes: list('Paths that need no session: regular expressions of RE2 (Go), not anchored, held against the path without its query. `^/public/` opens it to every method, `GET=^/public/` to one; `GET!=^/api/` and `!=^/api/` open what does not match, whatever its case. Who has a session is still identified. A path that two servers could read differently (`..`, `//`, `;`, a backslash, anything encoded that could matter) is never open.', MAX_EXPRESSION_LENGTH),
  skip_auth_preflight: flag(false, 'OPTIONS requests need no session.'),
  trusted_ips: list('Addresses and networks (`10.0.0.0/8`, `2001:db8::/32`) whose requests need no session. The address is that of `trustProxy`; where a trusted proxy does not say for whom it asks, nobody is trusted.', MAX_EXPRESSION_LENGTH),
  api_routes: list('Regular expressions of RE2 (Go), not anchored, held against path and query: where one matches, no answer is a redirect or a page, but 401 and 403 in JSON.', MAX_EXPRESSION_LENGTH),
  force_json_errors: flag(false, 'The same everywhere: nobody is sent to a login or gets an error page.'),
  secrets: secretsSchema
}, { additionalProperties: false })

/** What a user writes. */
export type OidcOptions = Static<typeof optionsSchema>
/** With defaults filled in. */
export type ResolvedOptions = Resolved<typeof optionsSchema>
