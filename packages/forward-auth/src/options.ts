import { Type, type Static } from '@sinclair/typebox'
import { checkOptions, optionsError, withDefault, type OptionProblem, type Resolved } from 'fastify-oidc-session-store'
import { readAppearance } from './pages/appearance.ts'
import { checkQueryRules, type QueryRule } from './query-rules.ts'

const flag = (value: boolean, description: string) => withDefault(Type.Boolean({ description }), value)

const htpasswd = Type.Object({
  file: Type.String({ minLength: 1, description: 'Path of the file, as `htpasswd -B` writes it: `name:hash`, with bcrypt, or {SHA} and a warning. It is read again when it changes; a version that cannot be used changes nothing and is told in the log.' }),
  groups: withDefault(Type.Array(Type.String({ minLength: 1 }), { description: 'Groups that its users are in, all of them.' }), []),
  display_form: flag(true, 'The sign-in page has fields for name and password. Without them a form of your own may still be sent to `sign_in` (`username`, `password`, `rd`).'),
  basic: flag(false, 'Requests to every guarded route may bring name and password in `Authorization: Basic`, and need no session then.')
}, { additionalProperties: false, description: 'Users of a password file, who sign in beside those of the provider.' })

const queryRule = Type.Unsafe<QueryRule>(Type.Union([
  Type.Object({ value: Type.String() }, { additionalProperties: false }),
  Type.Object({ pattern: Type.String({ minLength: 1 }) }, { additionalProperties: false })
]))

/** The options of `fastify-oidc-forward-auth`. */
export const forwardAuthOptionsSchema = Type.Object({
  prefix: Type.Optional(Type.String({ pattern: '^(/[A-Za-z0-9._~-]+)+$', description: 'Path that the endpoints stand under, without a slash at the end. Default: `/oauth2`.' })),
  provider_name: withDefault(Type.String({ minLength: 1, maxLength: 100, description: 'Name on the button of the sign-in page: "Sign in with …".' }), 'OpenID Connect'),
  skip_provider_button: flag(false, '`sign_in` goes to the provider at once, without a page, and leaves a session that lives alone.'),
  sign_in_in_place: flag(false, 'A visit of a guarded route without a session is answered with the sign-in page, at the address that was asked for, with 403. `false`: it goes to the provider at once.'),
  htpasswd: Type.Optional(htpasswd),
  custom_sign_in_logo: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description: 'Path of a picture for the sign-in page (`.png`, `.svg`, `.jpg`, `.jpeg` or `.webp`, up to 256 KB), which becomes part of the page; `-`: none. An address is refused: the page loads nothing. Default: a padlock.' })),
  banner: Type.Optional(Type.String({ minLength: 1, maxLength: 16_384, description: 'Text of the sign-in page, as HTML of yours; `-`: none. Scripts, style attributes and what is elsewhere do not work in it.' })),
  footer: Type.Optional(Type.String({ maxLength: 16_384, description: 'Text at the foot of the pages, as HTML of yours; `-`: none. Default: none.' })),
  custom_templates_dir: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description: 'Folder with `sign_in.html` and `error.html`, or one of them, in the language of OAuth2 Proxy\'s templates: see [Pages](#pages). They are read at boot.' })),
  set_xauthrequest: flag(true, '`auth` answers who the caller is: `X-Auth-Request-User`, `-Email`, `-Preferred-Username` and `-Groups`.'),
  pass_access_token: flag(false, 'With `set_xauthrequest`: the access token too, in `X-Auth-Request-Access-Token`.'),
  set_authorization_header: flag(false, '`auth` answers the ID token, in `Authorization: Bearer …`.'),
  sign_out_at_provider: flag(false, '`sign_out` of a session goes to the end-session page of the provider, with `id_token_hint`, and the provider sends the browser to `rd`, which has to be registered there.'),
  cross_site_sign_out: withDefault(Type.Union([Type.Literal('allow'), Type.Literal('confirm')], { description: '`sign_out` and, with a session, `sign_in` from a link on another site: `confirm` asks first, `allow` does not.' }), 'confirm'),
  authorization_params_from_query: Type.Optional(Type.Record(Type.String(), Type.Array(queryRule, { minItems: 1 }), { description: 'Parameters of the authorization request that the query of `start` may set, in place of those of `authorization_params`: by name, the values that are allowed, `{ value: login }`, or that an expression of RE2 finds something in, `{ pattern: "^[^@]+@example\\\\.com$" }`. Others are ignored. Not those that the login sets itself, nor `scope` or `response_mode`.' })),
  backend_logout_url: Type.Optional(Type.String({ pattern: '^https?://', description: 'Address that is asked (GET) at the sign-out of a session, with `{id_token}` in it as the ID token. What it answers changes nothing.' }))
}, { additionalProperties: false })

/** What a caller writes. */
export type ForwardAuthOptions = Static<typeof forwardAuthOptionsSchema>

/** With defaults filled in. */
export type ForwardAuthSettings = Resolved<typeof forwardAuthOptionsSchema>

/** Options that Fastify's `register` takes out of the same object. */
const REGISTER_OPTIONS = new Set(['logLevel', 'logSerializers'])

function crossFieldProblems ({ pass_access_token: passes, set_xauthrequest: sets, backend_logout_url: url, skip_provider_button: skips, sign_in_in_place: inPlace, authorization_params_from_query: rules = {} }: ForwardAuthSettings): OptionProblem[] {
  const problems: OptionProblem[] = checkQueryRules(rules)
  if (skips && inPlace) problems.push({ path: ['sign_in_in_place'], message: 'contradicts skip_provider_button: there is no page' })
  if (passes && !sets) problems.push({ path: ['pass_access_token'], message: 'has a meaning only with set_xauthrequest: true' })
  if (url !== undefined && !URL.canParse(url)) problems.push({ path: ['backend_logout_url'], message: 'is not a URL' })
  return problems
}

/** Checks options and the files that pages are made of, fills in what is left out, and answers every problem at once. */
export function checkForwardAuthOptions (input: Readonly<Record<string, unknown>>): { readonly options: ForwardAuthSettings, readonly problems: readonly OptionProblem[] } {
  const { options, problems } = checkOptions(forwardAuthOptionsSchema, input)
  return { options, problems: problems.length > 0 ? problems : [...crossFieldProblems(options), ...readAppearance(options).problems] }
}

/**
 * The same for what `register` was given.
 * @throws FST_OIDC_OPTIONS_INVALID with every problem at once
 */
export function parseForwardAuthOptions (input: Readonly<Record<string, unknown>>): ForwardAuthSettings {
  const { options, problems } = checkForwardAuthOptions(Object.fromEntries(Object.entries(input).filter(([name]) => !REGISTER_OPTIONS.has(name))))
  if (problems.length > 0) throw optionsError('fastify-oidc-forward-auth', problems)
  return options
}
