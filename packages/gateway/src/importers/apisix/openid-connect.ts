import { optionsSchema } from 'fastify-oidc'
import { nearestName } from 'fastify-oidc-session-store'
import type { Path } from '../../configuration/positions.ts'
import type { Ledger } from '../report.ts'
import { isObject, type Located } from './source.ts'

type Block = Record<string, unknown>
/** Judges a member, and changes the block where it means something else here. */
type Translate = (block: Block, path: Path, ledger: Ledger, written: Located['value']) => void

/** Names that fastify-oidc knows and APISIX does not. */
const OURS = ['security_profile', 'cross_site', 'backchannel_logout_path', 'frontchannel_logout_path', 'audience', 'resource_metadata', 'scopes_claim', 'groups_claim', 'user_id_claim', 'email_claim', 'allowed_groups', 'required_groups', 'allowed_emails', 'allowed_emails_file', 'allowed_email_domains', 'required_claims', 'acr_values', 'max_age', 'skip_auth_routes', 'skip_auth_preflight', 'trusted_ips', 'api_routes', 'force_json_errors', 'auth_methods', 'consumer', 'whitelist_domains', 'secrets', 'accept_id_token_as_bearer', 'tls_client_auth']
const OVERRIDES = ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'end_session_endpoint', 'revocation_endpoint']
const TABLE = Object.keys(optionsSchema.properties).filter(name => !OURS.includes(name) && !OVERRIDES.includes(name))

const last = (path: Path): string => path.at(-1) ?? ''

const remove = (block: Block, path: Path): void => { Reflect.deleteProperty(block, last(path)) }

/** A parameter of the authorization request that has a name of its own in the engine. */
const parameter: Translate = (block, path, ledger) => {
  const name = last(path)
  const written = block.authorization_params
  if (isObject(written) && Object.hasOwn(written, name)) ledger.exact(path, `has no effect: authorization_params.${name} goes before it`)
  else {
    block.authorization_params = { ...isObject(written) ? written : {}, [name]: block[name] }
    ledger.exact(path, `is authorization_params.${name} here`)
  }
  remove(block, path)
}

const withoutEffect = (why: string): Translate => (block, path, ledger) => {
  ledger.exact(path, `has no effect: ${why}`)
  remove(block, path)
}

const leftOut = (why: string): Translate => (block, path, ledger) => {
  ledger.approximate(path, `is left out: ${why}`)
  remove(block, path)
}

const refused = (why: string): Translate => (block, path, ledger) => {
  ledger.refuse(path, why)
  remove(block, path)
}

/** The value that the engine has anyway may be written. */
const onlyAs = (isDefault: (value: unknown) => boolean, why: string): Translate => (block, path, ledger) => {
  if (isDefault(block[last(path)])) withoutEffect('it is the default')(block, path, ledger, block)
  else refused(why)(block, path, ledger, block)
}

const redirectScheme: Translate = (block, path, ledger, written) => {
  const isAbsolute = typeof block.redirect_uri === 'string' && !block.redirect_uri.startsWith('/')
  const translate = isAbsolute ? withoutEffect('redirect_uri is absolute') : refused('has no counterpart: write redirect_uri with its scheme and host')
  translate(block, path, ledger, written)
}

const logoutHint: Translate = (block, path, ledger, written) => {
  const hasUri = Object.hasOwn(written, 'redirect_after_logout_uri')
  const translate = hasUri ? refused('belongs to redirect_after_logout_uri, which has no counterpart') : withoutEffect('there is no redirect_after_logout_uri')
  translate(block, path, ledger, written)
}

/** Options of the engine under the plugin, which APISIX hands on unseen. */
const HIDDEN: Readonly<Record<string, Translate>> = {
  prompt: parameter,
  display: parameter,
  response_mode: parameter,
  redirect_uri_scheme: redirectScheme,
  redirect_uri_path: withoutEffect('the plugin always sets redirect_uri'),
  local_redirect_uri_path: refused('has no counterpart: the callback is at the path of redirect_uri'),
  redirect_after_logout_with_id_token_hint: logoutHint,
  redirect_after_logout_uri: refused('has no counterpart: a logout goes to the provider, and from there to post_logout_redirect_uri'),
  discovery_expires_in: leftOut('how long the discovery document is kept cannot be set'),
  keepalive: leftOut('connections to the provider are used again where they can be'),
  pass_cookies: refused('has no counterpart: cookies of a request are never sent to the provider'),
  symmetric_key: refused('has no counterpart: bearer tokens under a shared key are never accepted'),
  secret: refused('has no counterpart: bearer tokens under a shared key are never accepted; for an asymmetric key write public_key'),
  auth_accept_token_as: onlyAs(value => value === 'header', 'must be header: bearer tokens are not read from cookies'),
  auth_accept_token_as_header_name: onlyAs(value => typeof value === 'string' && value.toLowerCase() === 'authorization', 'must be Authorization: bearer tokens are read from no other header'),
  introspection_token_param_name: onlyAs(value => value === 'token', 'must be token, as RFC 7662 has it'),
  introspection_params: onlyAs(value => isObject(value) && Object.keys(value).length === 0, 'has no counterpart: an introspection has the parameters of RFC 7662'),
  introspection_cache_ignore: onlyAs(value => value === false, 'has no counterpart: answers that say when they expire are kept until then, or for introspection_interval'),
  introspection_enable_negative_cache: leftOut('it saves questions about tokens that are refused, and lets nobody in'),
  lifecycle: refused('is code, which has no counterpart'),
  http_request_decorator: refused('is code, which has no counterpart')
}

function translateTimeout (block: Block, path: Path, ledger: Ledger): void {
  const { timeout } = block
  if (typeof timeout !== 'number' || timeout < 1000 || timeout % 1000 !== 0) ledger.exact(path)
  else {
    block.timeout = timeout / 1000
    ledger.exact(path, `is ${timeout / 1000} seconds: APISIX reads it as milliseconds`)
  }
}

function translateVerify (block: Block, path: Path, ledger: Ledger): void {
  if (block.ssl_verify !== 'no') ledger.exact(path)
  else {
    block.ssl_verify = false
    ledger.exact(path, 'is false')
  }
}

function translateMember (block: Block, path: Path, ledger: Ledger, written: Located['value']): void {
  const name = last(path)
  const hidden = Object.hasOwn(HIDDEN, name) ? HIDDEN[name] : undefined
  if (hidden !== undefined) hidden(block, path, ledger, written)
  else if (name === 'required_scopes' && Array.isArray(block[name]) && block[name].length === 0) withoutEffect('it is empty')(block, path, ledger, written)
  else if (name === 'timeout') translateTimeout(block, path, ledger)
  else if (name === 'ssl_verify') translateVerify(block, path, ledger)
  else if (TABLE.includes(name)) ledger.exact(path)
  else if (OVERRIDES.includes(name)) ledger.approximate(path, 'goes before the discovery document here; APISIX does not look at it')
  else {
    const meant = nearestName(name, TABLE)
    const known = OURS.includes(name) ? 'is an option of native files, and does nothing in APISIX' : `is not an option that APISIX looks at${meant === null ? '' : `; did you mean ${meant}?`}`
    refused(known)(block, path, ledger, written)
  }
}

function noteDefaults (block: Block, path: Path, ledger: Ledger): void {
  const { session } = block
  if (block.ssl_verify === undefined) ledger.note(path, "ssl_verify is not written: the provider's certificate is verified, as in APISIX since 3.16")
  if (block.client_secret === undefined) ledger.note(path, 'client_secret is not written: it is required where nothing makes it needless, as in APISIX since 3.17')
  if (isObject(session) && isObject(session.cookie) && session.cookie.lifetime !== undefined) ledger.note([...path, 'session', 'cookie', 'lifetime'], 'cookie.lifetime is a sliding lifetime; some versions of APISIX do not look at it')
}

/** The options of fastify-oidc that a block under `openid-connect` means. */
export function translateBlock ({ value, path }: Located, ledger: Ledger): Readonly<Record<string, unknown>> {
  const block: Block = Object.fromEntries(Object.entries(value).filter(([name]) => name !== '_meta'))
  noteDefaults(block, path, ledger)
  for (const name of Object.keys(block)) translateMember(block, [...path, name], ledger, value)
  return { security_profile: 'apisix', ...block }
}
