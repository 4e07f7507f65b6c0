import { idle, leftOut, option, partOf, row, type Row } from '../row.ts'

const SAME_SITE: Readonly<Record<string, string>> = { lax: 'Lax', strict: 'Strict', none: 'None' }
const REDIS = 'openid-connect: session.redis'
const TOKEN_FLAGS = ['pass_access_token', 'pass_authorization_header', 'set_authorization_header']

/** Sessions, and their cookie. */
export const SESSION_ROWS: readonly Row[] = [
  partOf('cookie_secret', 'text', { kind: 'exact', target: 'openid-connect: session.secret', says: '16, 24 or 32 bytes, as they are or as base64url' }),
  partOf('cookie_secret_file', 'text', { kind: 'approximated', target: 'openid-connect: session.secret', says: 'read once, at the start' }),
  partOf('cookie_name', 'text', { kind: 'exact', target: 'openid-connect: session.cookie_name', says: 'where it is not written: `_oauth2_proxy`' }),
  row(['cookie_domains', 'cookie-domain'], 'list', { kind: 'varies', target: 'openid-connect: session.cookie_domain', says: 'one is exact; several are refused' }, (value, { path, ledger, draft }) => {
    const [only, ...more] = value
    if (more.length > 0) ledger.refuse(path, 'must be one: a domain for each host has no counterpart')
    else if (only === undefined) ledger.exact(path, 'is empty')
    else {
      draft.setOption(['session', 'cookie_domain'], only.replace(/^\./, ''), path)
      ledger.exact(path, 'is session.cookie_domain here')
    }
  }),
  option('cookie_path', 'text', 'session.cookie_path'),
  row('cookie_expire', 'duration', { kind: 'varies', target: 'openid-connect: session.cookie.lifetime, session.absolute_timeout', says: 'where it is not written: 168h; with `cookie_refresh` it slides. 0 is refused' }, (value, { path, ledger }) => {
    if (Math.floor(value) > 0) ledger.exact(path, 'is session.cookie.lifetime here')
    else ledger.refuse(path, 'must be a second or more: a session without an end has no counterpart')
  }),
  row('cookie_refresh', 'duration', { kind: 'approximated', target: 'openid-connect: renew_access_token_on_expiry', says: 'tokens are renewed when they expire, however often it says; 0 is off: the session then goes on without its access token' }, (value, { path, ledger }) => {
    if (value < 0) ledger.refuse(path, 'must be 0 or more')
    else if (value === 0) ledger.approximate(path, 'is renew_access_token_on_expiry: false here: an access token that has expired is not sent any more')
    else ledger.approximate(path, 'is renew_access_token_on_expiry: true here: tokens are renewed when they expire')
  }),
  row('cookie_secure', 'flag', { kind: 'exact', target: 'openid-connect: session.cookie_secure', says: 'where it is not written: `true`' }, (value, { path, ledger, draft }) => {
    draft.setOption(['session', 'cookie_secure'], value, path)
    ledger.exact(path, 'is session.cookie_secure here')
  }),
  option('cookie_httponly', 'flag', 'session.cookie_http_only'),
  row('cookie_samesite', 'text', { kind: 'exact', target: 'openid-connect: session.cookie_same_site', says: 'where it is not written: `Lax`' }, (value, { path, ledger, draft }) => {
    const written = value === '' ? 'Default' : SAME_SITE[value]
    if (written === undefined) ledger.refuse(path, 'must be lax, strict, none or empty')
    else {
      draft.setOption(['session', 'cookie_same_site'], written, path)
      ledger.exact(path, `is session.cookie_same_site: ${written} here`)
    }
  }),
  idle('cookie_csrf_per_request', 'flag', 'each login has a cookie of its own'),
  leftOut('cookie_csrf_per_request_limit', 'number', 'at most 24 logins are under way in a browser, the oldest gives way'),
  leftOut('cookie_csrf_expire', 'duration', 'a login may take 10 minutes'),
  leftOut('cookie_csrf_samesite', 'text', 'the cookie of a login is always Lax'),
  row('session_store_type', 'text', { kind: 'exact', target: 'openid-connect: session.storage', says: '' }, (value, { path, ledger, draft }) => {
    if (value !== 'cookie' && value !== 'redis') ledger.refuse(path, 'must be cookie or redis')
    else {
      draft.setOption(['session', 'storage'], value, path)
      ledger.exact(path, 'is session.storage here')
    }
  }),
  row('session_cookie_minimal', 'flag', { kind: 'exact', target: 'openid-connect: session_contents', says: 'refused beside what needs a token' }, (value, { path, ledger, draft, settings }) => {
    if (!value) return ledger.exact(path, 'has no effect: it is the default')
    const needing = TOKEN_FLAGS.find(name => settings.flag(name, false)) ?? (settings.duration('cookie_refresh', 0) > 0 ? 'cookie_refresh' : undefined)
    if (needing !== undefined) return ledger.refuse(path, `cannot stand beside ${needing}, which needs the tokens that it leaves out`)
    for (const name of settings.flag('skip_claims_from_profile_url', false) ? ['id_token'] : ['id_token', 'user']) draft.setOption(['session_contents', name], true, path)
    ledger.exact(path, 'is session_contents without tokens here')
  }),
  partOf('redis_connection_url', 'text', { kind: 'exact', target: `${REDIS}.url, session.redis.unix_socket` }),
  partOf('redis_username', 'text', { kind: 'exact', target: `${REDIS}.username` }),
  partOf('redis_password', 'text', { kind: 'exact', target: `${REDIS}.password` }),
  partOf('redis_use_sentinel', 'flag', { kind: 'exact', target: `${REDIS}.sentinels` }),
  partOf('redis_sentinel_master_name', 'text', { kind: 'exact', target: `${REDIS}.master_name` }),
  partOf('redis_sentinel_password', 'text', { kind: 'exact', target: `${REDIS}.sentinel_password` }),
  partOf('redis_sentinel_connection_urls', 'list', { kind: 'exact', target: `${REDIS}.sentinels` }),
  partOf('redis_use_cluster', 'flag', { kind: 'exact', target: `${REDIS}.cluster` }),
  partOf('redis_cluster_connection_urls', 'list', { kind: 'exact', target: `${REDIS}.cluster` }),
  partOf('redis_ca_path', 'text', { kind: 'approximated', target: `${REDIS}.ca`, says: 'read once, at the start, and in place of those of Node, not beside them' }),
  partOf('redis_insecure_skip_tls_verify', 'flag', { kind: 'exact', target: `${REDIS}.ssl_verify` }),
  leftOut('redis_connection_idle_timeout', 'number', 'an idle connection is closed after 10 seconds, and opened again on demand'),
  idle('encode_state', 'flag', 'the state is opaque')
]
