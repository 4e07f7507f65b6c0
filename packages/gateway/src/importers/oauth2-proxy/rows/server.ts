import { idle, later, leftOut, partOf, refused, row, type Row } from '../row.ts'

const ADDRESS = /^(?:[a-z][a-z0-9+.-]*:)?\/\//i
const NO_ADDRESS = 'an address is left out: pages load nothing from elsewhere'
const OUR_TEMPLATES = '`robots.txt`, and `sign_in.html` and `error.html` of values, `if`, `else` and `end`; what else is in them is a boot error'
const LOG = 'the log is JSON lines on standard output'

/** A health path, which cannot be switched off. */
function healthPath (name: string): Row {
  return row(name, 'text', { kind: 'varies', target: `health.${name}`, says: 'an empty path is refused' }, (value, { path, ledger, draft }) => {
    if (value === '' || value === '-') return ledger.refuse(path, 'must be a path: it cannot be switched off')
    draft.set(['health', name], value, path)
    ledger.exact(path, `is health.${name} here`)
  })
}

/** Where the gateway listens, and what it says of itself. */
export const SERVER_ROWS: readonly Row[] = [
  partOf('http_address', 'text', { kind: 'varies', target: 'listen.host, listen.port', says: '`unix://` and `fd:` are refused; `:4180` is `0.0.0.0:4180`' }),
  partOf('https_address', 'text', { kind: 'exact', target: 'listen.host, listen.port', says: 'with a certificate' }),
  partOf('tls_cert_file', 'text', { kind: 'exact', target: 'listen.tls.cert' }),
  partOf('tls_key_file', 'text', { kind: 'exact', target: 'listen.tls.key' }),
  partOf('tls_min_version', 'text', { kind: 'exact', target: 'listen.tls.min_version' }),
  refused(['tls_cipher_suites', 'tls-cipher-suite'], 'list', 'has no counterpart: the ciphers are those of Node'),
  partOf('reverse_proxy', 'flag', { kind: 'varies', target: 'trust_proxy', says: 'without `trusted_proxy_ips`: `loopback`, `linklocal` and `uniquelocal`, where OAuth2 Proxy believes everyone' }),
  partOf(['trusted_proxy_ips', 'trusted-proxy-ip'], 'list', { kind: 'exact', target: 'trust_proxy' }),
  row('real_client_ip_header', 'text', { kind: 'varies', says: '`X-Forwarded-For` is exact; of others nothing is read' }, (value, { path, ledger, settings }) => {
    if (value.toLowerCase() === 'x-forwarded-for' || !settings.flag('reverse_proxy', false)) ledger.exact(path, 'is what this gateway reads')
    else ledger.approximate(path, 'is left out: addresses are read from X-Forwarded-For')
  }),
  partOf('proxy_prefix', 'text', { kind: 'exact', target: 'endpoints.prefix' }),
  row('force_https', 'flag', { kind: 'varies', target: 'force_https', says: 'probes are not redirected, and the port is always 443' }, (value, { path, ledger, draft }) => {
    if (!value) return ledger.exact(path, 'has no effect: it is the default')
    draft.set(['force_https'], true, path)
    ledger.approximate(path, 'is force_https here: probes are not redirected, and the port is always 443')
  }),
  healthPath('ping_path'),
  healthPath('ready_path'),
  leftOut('ping_user_agent', 'text', 'ping_path answers everyone'),
  later('gcp_healthchecks', 'flag'),
  partOf('metrics_address', 'text', { kind: 'approximated', target: 'metrics', says: 'at `/metrics` alone, under names of this gateway' }),
  later('metrics_secure_address', 'text'),
  later('metrics_tls_cert_file', 'text'),
  later('metrics_tls_key_file', 'text'),
  ...['banner', 'footer'].map(name => row(name, 'text', { kind: 'exact', target: `endpoints.${name}`, says: name === 'banner' ? 'HTML; without it the page names `email_domains`' : 'HTML; without it there is none' }, (value, { path, ledger, draft }) => {
    if (value === '') return ledger.exact(path, 'is empty')
    draft.set(['endpoints', name], value, path)
    ledger.exact(path, `is endpoints.${name} here`)
  })),
  row('custom_sign_in_logo', 'text', { kind: 'varies', target: 'endpoints.custom_sign_in_logo', says: `a file is exact; ${NO_ADDRESS}` }, (value, { path, ledger, draft }) => {
    if (value === '') return ledger.exact(path, 'is empty')
    if (ADDRESS.test(value)) return ledger.approximate(path, 'is left out: pages load nothing from elsewhere; save the picture and write its path')
    draft.set(['endpoints', 'custom_sign_in_logo'], value, path)
    ledger.exact(path, 'is endpoints.custom_sign_in_logo here')
  }),
  row('custom_templates_dir', 'text', { kind: 'approximated', target: 'endpoints.custom_templates_dir', says: OUR_TEMPLATES }, (value, { path, ledger, draft }) => {
    if (value === '') return ledger.exact(path, 'is empty')
    draft.set(['endpoints', 'custom_templates_dir'], value, path)
    ledger.approximate(path, `is endpoints.custom_templates_dir here: ${OUR_TEMPLATES.replaceAll('`', '')}`)
  }),
  row('show_debug_on_error', 'flag', { kind: 'approximated', says: 'what went wrong inside is for the log alone' }, (value, { path, ledger }) => {
    if (value) ledger.approximate(path, 'is left out: what went wrong inside is for the log alone')
    else ledger.exact(path, 'is what this gateway does')
  }),
  partOf('request_logging', 'flag', { kind: 'exact', target: 'log.level', says: 'false is `warn`, with `auth_logging` and `standard_logging` false too' }),
  ...['auth_logging', 'standard_logging'].map(name => partOf(name, 'flag', { kind: 'approximated', target: 'log.level', says: 'false counts with all three alone' })),
  ...['auth_logging_format', 'request_logging_format', 'standard_logging_format', 'logging_filename'].map(name => leftOut(name, 'text', LOG)),
  ...['errors_to_info_log', 'logging_compress', 'logging_local_time'].map(name => leftOut(name, 'flag', LOG)),
  ...['logging_max_size', 'logging_max_age', 'logging_max_backups'].map(name => leftOut(name, 'number', LOG)),
  leftOut(['exclude_logging_paths', 'exclude-logging-path'], 'list', 'requests are logged wherever they go'),
  idle('silence_ping_logging', 'flag', 'requests for the health paths are not logged'),
  leftOut('request_id_header', 'text', 'each request has a number of its own in the log')
]
