import createError from '@fastify/error'

export const AlreadyRegisteredError = createError('FST_OIDC_ALREADY_REGISTERED', 'fastify-oidc is already registered in this scope or in one around it: register each provider in a scope of its own', 500)
/** `fastify.oidc.useLocalUsers` was called a second time: who knows a name is asked in one place. */
export const LocalUsersTakenError = createError('FST_OIDC_LOCAL_USERS_TAKEN', 'this core has its own users already: only one registration may bring a file of them', 500)
/** `fastify.oidc.establish` without `fastify.oidc.useLocalUsers`. */
export const LocalUsersMissingError = createError('FST_OIDC_LOCAL_USERS_MISSING', 'nobody vouches for this session: call fastify.oidc.useLocalUsers(…) first', 500)
/** `session.rolling_timeout` with a store that keeps a session's handle. */
export const HandlesKeptError = createError('FST_OIDC_HANDLES_KEPT', 'session.rolling_timeout gives a session new handles, and this session store keeps the one of its login: leave the option out, or keep sessions in cookies', 500)
/** `session.storage: redis` or `session.coordination: redis` without the package. */
export const RedisStoreMissingError = createError('FST_OIDC_REDIS_STORE_MISSING', 'Sessions in Redis need a package that is not installed: npm install fastify-oidc-redis-store', 500)
/** `consumer.file` cannot be read, or does not hold, at the boot. */
export const ConsumerFileInvalidError = createError<[string, string]>('FST_OIDC_CONSUMER_FILE_INVALID', 'consumer.file %s: %s', 500)
export const PolicyInvalidError = createError<[string, string]>('FST_OIDC_POLICY_INVALID', 'config.oidc of %s does not hold:\n%s', 500)
export const RedirectUriOutsideError = createError<[string, string, string]>('FST_OIDC_PATH_OUTSIDE_SCOPE', '%s is %s, but this scope serves only paths under %s', 500)
/** A path of ours, such as `logout_path`. A route that is guarded may have the path of `redirect_uri`, and takes the provider's answers in its place; one that is open may not. */
export const PathTakenError = createError<[string, string]>('FST_OIDC_PATH_TAKEN', '%s is %s, which is the path of a route of this application: choose one that no route has', 500)

export const UnauthenticatedError = createError('FST_OIDC_UNAUTHENTICATED', 'Sign in to see this', 401)
/** With `bearer_only`: a request without a token. */
export const BearerRequiredError = createError('FST_OIDC_UNAUTHENTICATED', 'An access token is needed to see this', 401)
/** Where bearer tokens are accepted: a scheme without a token, or neither. */
export const AuthorizationMalformedError = createError('FST_OIDC_AUTHORIZATION_MALFORMED', 'The Authorization header does not hold', 400)
/** A bearer token that does not hold; why is in the log. */
export const BearerInvalidError = createError('FST_OIDC_BEARER_INVALID', 'The access token is not valid', 401)
export const BearerExpiredError = createError('FST_OIDC_BEARER_INVALID', 'The access token has expired', 401)
/** `auth_methods` with `password` or `client_credentials`: the provider does not know the name and password, or the client and its secret. */
export const CredentialsInvalidError = createError('FST_OIDC_CREDENTIALS_INVALID', 'The name or the password is not valid', 401)
/** The same from this address, or at this name, too often. The answer says when to try again (`Retry-After`). */
export const GuessesTooManyError = createError('FST_OIDC_GUESSES_TOO_MANY', 'Too many passwords were tried; please wait a while and try again', 429)
/** `acr_values`, `max_age`: whoever calls is known, but not well enough, or not for so long (RFC 9470). */
export const StepUpRequiredError = createError<[string]>('FST_OIDC_STEP_UP_REQUIRED', 'Sign in anew to see this: a sign-in with %s is needed', 401)
/** `acr_values`, `max_age`: the provider was asked, and its answer does not do. */
export const StepUpUnmetError = createError<[string]>('FST_OIDC_STEP_UP_UNMET', 'The sign-in service did not give the sign-in that is needed here: %s', 403)
/** `claim_schema`: the session lives on, and does not hold against it; why is in the log. */
export const ClaimsInvalidError = createError('FST_OIDC_CLAIMS_INVALID', 'The claims of this sign-in are not those that are needed here', 401)
/** `audience`, `claim_validator.audience`: the token does not say whom it is for. */
export const AudienceMissingError = createError('FST_OIDC_AUDIENCE_MISSING', 'required audience claim not present', 403)
/** `audience`, `claim_validator.audience.match_with_client_id`: the token is for somebody else. */
export const AudienceMismatchError = createError('FST_OIDC_AUDIENCE_MISMATCH', 'mismatched audience', 403)
/** `fastify.oidc.login` and its like were called with `bearer_only`. */
export const BearerOnlyError = createError('FST_OIDC_BEARER_ONLY', 'with bearer_only there are no sessions: nobody can be logged in or out here', 500)
export const InsufficientScopeError = createError<[string]>('FST_OIDC_INSUFFICIENT_SCOPE', 'required scopes %s not present', 403)
/** `required_scopes` with `none_of`. */
export const ScopeExcludedError = createError<[string]>('FST_OIDC_SCOPE_EXCLUDED', 'scopes %s must not be present', 403)
/** `allowed_groups`, `required_groups`; which is in the log, at level debug. */
export const GroupsRefusedError = createError('FST_OIDC_GROUPS_REFUSED', 'You are signed in, and your groups may not see this', 403)
/** `allowed_emails`, `allowed_email_domains`; also for whoever has no e-mail address that is verified. */
export const EmailRefusedError = createError('FST_OIDC_EMAIL_REFUSED', 'You are signed in, and your e-mail address may not see this', 403)
/** `required_claims`; which is in the log, at level debug. */
export const ClaimsRefusedError = createError('FST_OIDC_CLAIMS_REFUSED', 'You are signed in, and what is known of you does not do for this', 403)
/** The hook `authorize` said no. */
export const ForbiddenError = createError('FST_OIDC_FORBIDDEN', 'You are signed in, and may not see this', 403)
/** `consumer.claims`: nobody of `consumer.list`, `consumer.file`, `consumer.redis` or `hooks.resolveConsumer`. */
export const ConsumerUnmappedError = createError('FST_OIDC_CONSUMER_UNMAPPED', 'You are signed in, and no consumer here stands for you', 403)
/** Redis or `hooks.resolveConsumer` did not answer, or with something that is no consumer; why is in the log. */
export const ConsumersUnavailableError = createError('FST_OIDC_CONSUMERS_UNAVAILABLE', 'It cannot be found out at the moment who you are here', 503)
export const CrossSiteError = createError('FST_OIDC_CROSS_SITE', 'This request came from another site', 403)
export const HostInvalidError = createError('FST_OIDC_HOST_INVALID', 'The Host header does not name a host', 400)

export const ProviderUnavailableError = createError('FST_OIDC_PROVIDER_UNAVAILABLE', 'The sign-in service cannot be reached at the moment', 503)
export const ProviderInvalidError = createError('FST_OIDC_PROVIDER_INVALID', 'The sign-in service gave an answer that cannot be used', 502)
export const ClientRefusedError = createError('FST_OIDC_CLIENT_REFUSED', 'The sign-in service does not accept this application', 502)
export const TokenInvalidError = createError('FST_OIDC_TOKEN_INVALID', 'The sign-in service gave a token that does not hold', 502)
export const CodeRefusedError = createError('FST_OIDC_CODE_REFUSED', 'The sign-in service did not accept this sign-in; please try again', 502)
export const LoginRefusedError = createError('FST_OIDC_LOGIN_REFUSED', 'The sign-in service did not sign you in', 502)
export const AccessDeniedError = createError('FST_OIDC_LOGIN_REFUSED', 'The sign-in was declined', 403)
export const CallbackInvalidError = createError('FST_OIDC_CALLBACK_INVALID', 'This is not an answer of the sign-in service', 400)
export const LogoutTokenInvalidError = createError('FST_OIDC_LOGOUT_TOKEN_INVALID', 'The logout token does not hold', 400)
/** A front-channel logout that does not say whose session at which provider it means. */
export const LogoutRequestInvalidError = createError('FST_OIDC_LOGOUT_REQUEST_INVALID', 'This is not a logout of the sign-in service', 400)
/** More front-channel logouts of sessions that are not known here than can be remembered. */
export const LogoutsTooManyError = createError('FST_OIDC_LOGOUTS_TOO_MANY', 'Too many sign-outs at once; please try again later', 429)
export const LoginExpiredError = createError('FST_OIDC_LOGIN_EXPIRED', 'This sign-in was started too long ago, or the browser keeps no cookies', 400)
export const SessionTooLargeError = createError('FST_OIDC_SESSION_TOO_LARGE', 'The session does not fit into the headers that this server accepts', 500)
