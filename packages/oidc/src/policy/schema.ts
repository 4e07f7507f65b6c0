import { Type, type Static, type TSchema, type TUnsafe } from '@sinclair/typebox'
import { AUTH_METHODS, type AuthMethod } from './auth-methods.ts'
import type { ClaimPath } from './claim-path.ts'
import type { WrittenRequirement } from './requirement.ts'

/** A requirement of what everybody has one at most of. */
export type WrittenChoice = string | readonly string[] | { readonly any_of?: readonly string[], readonly none_of?: readonly string[] }

/** Means of authentication, one of which is enough. */
export type WrittenAcrValues = string | readonly string[] | { readonly any_of: readonly string[] }

const name = () => Type.String({ minLength: 1 })
const names = () => Type.Array(name())
const path = () => Type.Union([name(), Type.Array(name(), { minItems: 1 })])

const choiceLists = { any_of: Type.Optional(names()), none_of: Type.Optional(names()) }
const lists = { all_of: Type.Optional(names()), ...choiceLists }

const requirement = (description: string): TUnsafe<WrittenRequirement> =>
  Type.Unsafe<WrittenRequirement>(Type.Union([name(), names(), Type.Object(lists, { additionalProperties: false })], { description, grammar: 'requirement' }))
const choice = (description: string): TUnsafe<WrittenChoice> =>
  Type.Unsafe<WrittenChoice>(Type.Union([name(), names(), Type.Object(choiceLists, { additionalProperties: false })], { description, grammar: 'choice' }))
const acr = (description: string): TUnsafe<WrittenAcrValues> =>
  Type.Unsafe<WrittenAcrValues>(Type.Union([name(), names(), Type.Object({ any_of: names() }, { additionalProperties: false })], { description, grammar: 'alternatives' }))
/** A claim as options write it. */
export const claimPath = (description: string): TUnsafe<ClaimPath> => Type.Unsafe<ClaimPath>({ ...path(), description, grammar: 'claim' })
/** In a route, false takes away what the plugin requires. */
const liftable = <T>(schema: TUnsafe<T>): TUnsafe<T | false> =>
  Type.Unsafe<T | false>(Type.Union([...(schema.anyOf as TSchema[] | undefined) ?? [schema], Type.Literal(false)], { description: schema.description, grammar: schema.grammar as unknown }))

/** Ten years. */
const MAX_AGE = 315_360_000
const PATH = 'A name; one with dots that is no claim is a path; a list of names is a path too, whose steps may have dots.'

const requiredScopes = requirement('Scopes that must have been granted; otherwise 403. A bare list: all of them.')
const allowedGroups = requirement('Groups or roles that may pass; otherwise 403. A bare list: one of them is enough.')
const requiredGroups = requirement('Groups or roles that callers must have; otherwise 403. A bare list: all of them.')
const allowedEmails = choice('E-mail addresses (`request.oidc.email`) that may pass; otherwise 403. `*@example.com` stands for all of that domain. Upper and lower case are the same.')
const allowedEmailsFile = Type.Unsafe<string>(Type.String({ minLength: 1, description: 'File with more e-mail addresses that may pass, beside those of `allowed_emails`: one a line, of several columns (CSV) the first; `#` in front is a comment. `*@example.com` stands for nobody there, and the log says so: for all of a domain write it in `allowed_emails`. It is looked at every second: who is added may pass, and who is taken out may not, without a restart. A version that cannot be read or used is said in the log, and the one before it holds.' }))
const allowedEmailDomains = choice('Domains of the e-mail addresses that may pass; otherwise 403: `example.com`, or `.example.com` or `*.example.com` for itself and all below it. `*` is whoever has an address.')
const requiredClaims = Type.Unsafe<Readonly<Record<string, unknown>>>(Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema (draft 7; formats are not checked) that the claims of a caller have to hold against; otherwise 403. Of a session each claim is that of the first that has it: the ID token, the access token if it is a JWT, the userinfo; of a bearer token what it says. One that does not compile stops the boot.' }))
const audience = requirement('Whom a bearer token must be for: its audience (`aud`, or what `claim_validator.audience.claim` says); otherwise 403. A bare list: one of them is enough. It holds for JWTs and introspected tokens, and beside `claim_validator.audience`, not in its place; of a session it asks nothing. Usually the URI of the API (RFC 8707, RFC 9068).')
const acrValues = acr('How a login must have been made: its `acr`, as the provider calls it. One of a list is enough, the first is preferred; a text is a list with blanks. A visit whose session has none of them logs in again, with `acr_values` in the authorization request; whatever else has a session or a bearer token gets 401 and a challenge (RFC 9470). A login that was asked for it and does not bring it gets 403.')
const maxAge = Type.Unsafe<number>(Type.Integer({ minimum: 1, maximum: MAX_AGE, description: 'Seconds since somebody authenticated at the provider (`auth_time`), beside `iat_slack`. After that the same happens as without `acr_values`, with `max_age` in the authorization request. Who does not say when, session or bearer token, is too late. For a login at each visit there is `force_reauthorize`.' }))

const authMethods = Type.Unsafe<readonly AuthMethod[]>(Type.Array(Type.Union(AUTH_METHODS.map(method => Type.Literal(method))), { minItems: 1, uniqueItems: true, description: 'Ways to say who calls, in a fixed order whatever the list: `bearer` (JWTs, by `use_jwks` or `public_key`), `introspection` (tokens, by `introspection_endpoint`), `password` and `client_credentials` (`Authorization: Basic`, exchanged for an access token at the token endpoint, which is then looked at as a bearer token is; the first of both that knows the credential decides), `session` (the cookie) and `authorization_code` (visits are sent to a login, which makes a session). What is left out is not looked at. A route takes some of what the plugin takes. Passwords of an htpasswd file have an option of their own. Default: all that the other options make possible, and never `password` or `client_credentials`: they need `use_jwks`, `public_key` or `introspection_endpoint`, and are not for `security_profile: fapi2` or `dpop.enabled`.' }))

/** Claims that the rules read; groups have a default in the plugin's options. */
export const scopesClaim = claimPath(`Claim that holds the scopes: a text with blanks, or a list. ${PATH} Default: of a session the scopes that were granted, of a bearer token \`scope\`, else \`scp\`.`)
export const groupsClaim = claimPath(`Claim that holds the groups or roles: a list, a text, or an object whose members are roles (ZITADEL). ${PATH} Such as \`realm_access.roles\` (Keycloak). Of a session it is looked for in the ID token, the access token if it is a JWT, and the userinfo.`)

/** What the plugin's options require of callers. */
export const requirementOptions = {
  required_scopes: Type.Optional(requiredScopes),
  allowed_groups: Type.Optional(allowedGroups),
  required_groups: Type.Optional(requiredGroups),
  allowed_emails: Type.Optional(allowedEmails),
  allowed_emails_file: Type.Optional(allowedEmailsFile),
  allowed_email_domains: Type.Optional(allowedEmailDomains),
  required_claims: Type.Optional(requiredClaims),
  audience: Type.Optional(audience),
  acr_values: Type.Optional(acrValues),
  max_age: Type.Optional(maxAge),
  auth_methods: Type.Optional(authMethods)
}

/** What a route may set in `config.oidc`; what it leaves out is the plugin's. */
export const policySchema = Type.Object({
  unauth_action: Type.Optional(Type.Union([Type.Literal('auth'), Type.Literal('deny'), Type.Literal('pass')], { description: 'Action for unauthenticated requests.' })),
  cross_site: Type.Optional(Type.Union([Type.Literal('allow'), Type.Literal('refuse')], { description: 'Unsafe methods and upgrades with a session from another site.' })),
  scopes_claim: Type.Optional(scopesClaim),
  groups_claim: Type.Optional(groupsClaim),
  required_scopes: Type.Optional(liftable(requiredScopes)),
  allowed_groups: Type.Optional(liftable(allowedGroups)),
  required_groups: Type.Optional(liftable(requiredGroups)),
  allowed_emails: Type.Optional(liftable(allowedEmails)),
  allowed_emails_file: Type.Optional(Type.Literal(false, { description: 'Takes the file of the plugin\'s options away.' })),
  allowed_email_domains: Type.Optional(liftable(allowedEmailDomains)),
  required_claims: Type.Optional(liftable(requiredClaims)),
  audience: Type.Optional(audience),
  acr_values: Type.Optional(liftable(acrValues)),
  max_age: Type.Optional(liftable(maxAge)),
  auth_methods: Type.Optional(authMethods)
}, { additionalProperties: false })

/** What one route requires, by the plugin's own option names. */
export interface RoutePolicy extends Static<typeof policySchema> {}

type Unlifted<Policy> = { readonly [Name in keyof Policy]: Exclude<Policy[Name], false> }

/** The same with the plugin's own filled in, and nothing taken away any more. */
export type PolicyOptions = Unlifted<Omit<RoutePolicy, 'allowed_emails_file'>> & { readonly allowed_emails_file?: string, readonly unauth_action: 'auth' | 'deny' | 'pass', readonly cross_site: 'allow' | 'refuse' }
