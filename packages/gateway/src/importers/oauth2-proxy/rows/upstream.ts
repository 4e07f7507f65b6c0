import { leftOut, partOf, refused, row, type Row } from '../row.ts'

const REQUEST = 'headers.request'
const RESPONSE = 'headers.response'

/** Where requests go, and with which headers. */
export const UPSTREAM_ROWS: readonly Row[] = [
  partOf(['upstreams', 'upstream'], 'list', { kind: 'varies', target: 'routes', says: '`http://`, `https://` and `unix://` are exact, `static://` answers with a text of its own, and below `file://` no folder is listed' }),
  partOf('pass_host_header', 'flag', { kind: 'exact', target: 'upstream.pass_host' }),
  partOf('ssl_upstream_insecure_skip_verify', 'flag', { kind: 'exact', target: 'upstream.tls.verify' }),
  partOf('upstream_timeout', 'duration', { kind: 'approximated', target: 'upstream.timeout.read', says: 'also holds between two parts of an answer' }),
  leftOut('flush_interval', 'duration', 'each part of an answer is passed on as it comes'),
  refused('proxy_websockets', 'flag', 'must be true: WebSockets are passed on, on every route', true),
  leftOut('disable_keep_alives', 'flag', 'connections to upstreams are used again'),
  partOf('pass_access_token', 'flag', { kind: 'exact', target: `${REQUEST}, endpoints.pass_access_token` }),
  ...['pass_user_headers', 'pass_basic_auth', 'pass_authorization_header', 'prefer_email_to_user'].map(name => partOf(name, 'flag', { kind: 'exact', target: REQUEST })),
  partOf('basic_auth_password', 'text', { kind: 'exact', target: REQUEST }),
  ...['set_xauthrequest', 'set_authorization_header'].map(name => partOf(name, 'flag', { kind: 'exact', target: `${RESPONSE}, endpoints.${name}` })),
  row('set_basic_auth', 'flag', { kind: 'approximated', target: RESPONSE, says: 'not in what `auth` answers' }, (value, { path, ledger }) => {
    if (value) ledger.approximate(path, `is ${RESPONSE} here, and auth does not answer it`)
    else ledger.exact(path, 'has no effect: it is the default')
  }),
  refused('skip_auth_strip_headers', 'flag', 'must be true: identity headers that a caller sends are always removed', true),
  refused('signature_key', 'text', 'has no counterpart: requests are not signed')
]
