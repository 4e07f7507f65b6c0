import { nearestName } from 'fastify-oidc-session-store'
import type { Path } from '../../configuration/positions.ts'
import { isObject, type Located } from '../apisix/source.ts'
import type { Ledger } from '../report.ts'
import { OF_TOKENS } from './row.ts'
import { NAMES, rowOf } from './table.ts'
import { isUnset, readList } from './values.ts'

type Block = Record<string, unknown>

/** A block under `openid-connect`, and where its parts stood. */
export interface TranslatedBlock {
  readonly block: Block
  readonly originOf: (path: Path) => Path
}

const METHODS = ['authorization_code', 'bearer', 'client_credentials', 'introspection', 'kong_oauth2', 'password', 'refresh_token', 'session', 'userinfo']
const CODE = ['authorization_code', 'session']
const EXCHANGED = ['password', 'client_credentials']
const OURS = [...OF_TOKENS, ...CODE]
const isOfTokens = (method: string): boolean => (OF_TOKENS as readonly string[]).includes(method)
const REFUSED: Readonly<Record<string, string>> = {
  refresh_token: 'a refresh token that travels with each request opens everything for weeks to whoever sees one; a session renews itself',
  userinfo: 'take introspection for it',
  kong_oauth2: 'tokens are those of the provider'
}
const ALL = 'is not written, and means all nine in Kong, passwords and client secrets in requests included. Here it is session and authorization_code: write those that are meant'

function refuseMethod (method: string, config: Located['value'], ledger: Ledger, path: Path): void {
  if (isOfTokens(method) && isUnset(config.audience_required)) ledger.refuse(path, `has ${method} without audience_required: a token that was issued for any other API would do`)
  else if (method === 'introspection' && isUnset(config.introspection_endpoint)) ledger.refuse(path, 'has introspection without introspection_endpoint')
  else if (!METHODS.includes(method)) {
    const meant = nearestName(method, METHODS)
    ledger.refuse(path, `has ${JSON.stringify(method)}, which Kong does not know${meant === null ? '' : `; did you mean ${meant}?`}`)
  } else if (!OURS.includes(method)) ledger.refuse(path, `has ${method}, which has no counterpart: ${REFUSED[method] ?? 'take it out'}`)
}

/** Which kinds of credentials are taken. */
function translateMethods (block: Block, { value: config, path: around }: Located, ledger: Ledger): void {
  const path = [...around, 'auth_methods']
  if (isUnset(config.auth_methods)) {
    ledger.note(around, `auth_methods ${ALL}`)
    return
  }
  const methods = readList(config.auth_methods)
  for (const method of methods) refuseMethod(method, config, ledger, path)
  const exchanges = EXCHANGED.some(method => methods.includes(method))
  const verifies = methods.includes('bearer') || (exchanges && !methods.includes('introspection'))
  if (verifies) block.use_jwks = true
  block.auth_methods = [...new Set(methods)].filter(method => OURS.includes(method))
  if (!methods.includes('authorization_code')) {
    if (methods.includes('session')) ledger.refuse(path, 'has session without authorization_code: nothing would make a session')
    block.bearer_only = true
  }
  if (!ledger.isJudged(path)) ledger.exact(path, `is auth_methods here${verifies ? ', with use_jwks' : ''}${methods.includes('authorization_code') ? '' : ', and bearer_only'}`)
  if (exchanges) ledger.note(path, 'names and passwords, and clients and their secrets, are read from Authorization: Basic alone: neither from the query nor from a body; wrong ones are answered with 401, and guesses with 429')
}

const HEADERS = { set_access_token_header: true, access_token_in_authorization_header: true, set_id_token_header: false, set_userinfo_header: false }
/** What Kong does where nothing is written. */
const IDLING = 900
const NOTES = [
  'a refusal does not end a session here: Kong logs out whoever is answered with 401 or 403, unless forbidden_destroy_session and unauthorized_destroy_session say otherwise',
  'the provider\'s certificate is verified, unless ssl_verify says otherwise'
]
const VISITS = [
  'whoever asks without a login is sent to the provider by Kong; here visits are, and what scripts and other programs ask gets 401',
  'the request that brings the provider\'s code is not passed on to the upstream: it is answered with 303 to the clean address that was asked for'
]
const NO_REDIRECT = 'redirect_uri is not written, and Kong takes the address that was asked for; here answers come to /.apisix/redirect on the same host: enter it at the provider, or write redirect_uri'

function addSession (block: Block, path: Path, ledger: Ledger): void {
  const session: Block = isObject(block.session) ? { ...block.session } : {}
  if (session.secret === undefined) {
    session.secret = '$ENV://SESSION_SECRET'
    ledger.note(path, 'session_secret is not written, and Kong makes one of its own: here it is read from the environment variable SESSION_SECRET, 32 random bytes, the same on every instance')
  }
  if (session.idling_timeout === undefined) session.idling_timeout = IDLING
  if (session.cookie_secure === undefined && String(block.redirect_uri).startsWith('https:')) {
    session.cookie_secure = true
    ledger.note(path, 'session_cookie_secure is not written: cookies are for https alone, as redirect_uri is')
  }
  block.session = session
}

function addDefaults (block: Block, { value: config, path }: Located, ledger: Ledger): void {
  if (block.bearer_only !== true) addSession(block, path, ledger)
  block.scope ??= 'openid'

  if (block.required_scopes !== undefined && block.scopes_claim === undefined) block.scopes_claim = 'scope'
  if (block.required_scopes === undefined && config.scopes_claim !== undefined) ledger.note(path, 'scopes_required is not written: scopes are asked for, and none of them is required, as in Kong')
  const consumer: Block = isObject(block.consumer) ? { ...block.consumer } : {}
  if (consumer.claims !== undefined && consumer.by === undefined) {
    consumer.by = ['custom_id', 'username']
    ledger.note(path, 'consumer_by is not written, and means custom_id, then username: a user who can choose a user name may choose one that is another consumer\'s')
  }
  block.consumer = { ...consumer, set_headers: true }
}

/** What is different whatever is written. */
function notesOn ({ bearer_only: bearerOnly, redirect_uri: redirectUri }: Block): readonly string[] {
  return bearerOnly === true ? NOTES : [...NOTES, ...VISITS, ...redirectUri === undefined ? [NO_REDIRECT] : []]
}

/** The options of fastify-oidc that `config` means. */
export function translateConfig (config: Located, consumers: readonly Record<string, unknown>[], ledger: Ledger): TranslatedBlock {
  const block: Block = { security_profile: 'oauth2.1', ...HEADERS }
  const origins = new Map<string, Path>()
  translateMethods(block, config, ledger)
  for (const [name, value] of Object.entries(config.value)) {
    const path = [...config.path, name]
    const known = rowOf(name)
    if (known === null) {
      const meant = nearestName(name, NAMES)
      ledger.refuse(path, `is not an option that this importer knows${meant === null ? '' : `; did you mean ${meant}?`}`)
      continue
    }
    known.translate(value, { path, ledger, config: config.value, block })
    if (known.target !== null) origins.set(known.target, path)
  }
  for (const required of ['issuer', 'client_id']) if (isUnset(config.value[required])) ledger.refuse([...config.path, required], 'is missing')
  addDefaults(block, config, ledger)
  for (const note of notesOn(block)) ledger.note(config.path, note)
  if (isObject(block.consumer) && block.consumer.claims !== undefined) block.consumer = { ...block.consumer, list: consumers }
  return {
    block,
    originOf (path) {
      for (let length = path.length; length > 0; length--) {
        const origin = origins.get(path.slice(0, length).join('.'))
        if (origin !== undefined) return origin
      }
      return config.path
    }
  }
}
