import { later, leftOut, partOf, refused, row, type Row } from '../row.ts'

const USER_HEADERS = 'X-Forwarded-User, -Email, -Groups and -Preferred-Username are not available in this version'

/** A header that is sent by default, and cannot be yet. */
function userHeaders (name: string): Row {
  return row(name, 'flag', { kind: 'varies', says: `false is exact; true is refused: ${USER_HEADERS}. Where it is not written they are not sent, and a note says so` }, (value, { path, ledger }) => {
    if (value) ledger.refuse(path, USER_HEADERS)
    else ledger.exact(path, 'is what this gateway does')
  })
}

/** Where requests go, and with which headers. */
export const UPSTREAM_ROWS: readonly Row[] = [
  partOf(['upstreams', 'upstream'], 'list', { kind: 'varies', target: 'routes', says: '`http://`, `https://` and `unix://` are exact, `static://` answers with a text of its own; `file://` is refused' }),
  partOf('pass_host_header', 'flag', { kind: 'exact', target: 'upstream.pass_host' }),
  partOf('ssl_upstream_insecure_skip_verify', 'flag', { kind: 'exact', target: 'upstream.tls.verify' }),
  partOf('upstream_timeout', 'duration', { kind: 'approximated', target: 'upstream.timeout.read', says: 'also holds between two parts of an answer' }),
  leftOut('flush_interval', 'duration', 'each part of an answer is passed on as it comes'),
  refused('proxy_websockets', 'flag', 'must be true: WebSockets are passed on, on every route', true),
  leftOut('disable_keep_alives', 'flag', 'connections to upstreams are used again'),
  userHeaders('pass_user_headers'),
  userHeaders('pass_basic_auth'),
  later('basic_auth_password', 'text'),
  later('pass_access_token', 'flag'),
  later('pass_authorization_header', 'flag'),
  later('set_xauthrequest', 'flag'),
  later('set_authorization_header', 'flag'),
  later('set_basic_auth', 'flag'),
  later('prefer_email_to_user', 'flag'),
  refused('skip_auth_strip_headers', 'flag', 'must be true: identity headers that a caller sends are always removed', true),
  refused('signature_key', 'text', 'has no counterpart: requests are not signed')
]
