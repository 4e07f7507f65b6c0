import { resolve } from 'node:path'
import type { ForeignFormat } from '../origins.ts'
import { NOT_YET, type Context } from './row.ts'

type Parts = Omit<Context, 'path'>
type Listen = NonNullable<ForeignFormat['listen']>

const ADDRESS = /^(?:https?:\/\/)?(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/
const TLS_VERSIONS: Readonly<Record<string, string>> = { 'TLS1.2': 'TLSv1.2', 'TLS1.3': 'TLSv1.3' }
const NEARBY = ['loopback', 'linklocal', 'uniquelocal']

function translateAddress (name: string, otherwise: string, { settings, ledger }: Parts): Listen | null {
  const text = settings.text(name) ?? (settings.find(name) === null ? otherwise : '-')
  const path = settings.pathOf(name)
  const isOther = /^(?:unix:|fd:)/i.test(text)
  const [, inBrackets, host = '', port] = isOther ? [] : ADDRESS.exec(text) ?? []
  if (port !== undefined && Number(port) <= 65535) {
    const written = inBrackets ?? host
    if (written === '') ledger.approximate(path, `is 0.0.0.0:${port} here: IPv4 alone; --listen says otherwise`)
    else if (settings.find(name) !== null) ledger.exact(path, 'is listen here')
    return { host: written === '' ? '0.0.0.0' : written, port: Number(port) }
  }
  if (isOther) ledger.refuse(path, `${NOT_YET}: the gateway listens at an address and a port`)
  else ledger.refuse(path, text === '-' ? 'is switched off, and nothing else is listened at' : 'must be an address and a port, such as 127.0.0.1:4180')
  return null
}

function translateTls ({ settings, ledger, draft }: Parts): void {
  for (const [name, member] of [['tls_cert_file', 'cert'], ['tls_key_file', 'key']] as const) {
    const file = settings.text(name)
    if (file === null) ledger.refuse(settings.pathOf(name), 'is missing: a certificate and its key belong together')
    else draft.set(['listen', 'tls', member], resolve(file), settings.pathOf(name))
  }
  const version = settings.text('tls_min_version')
  if (version === null) return
  const path = settings.pathOf('tls_min_version')
  if (TLS_VERSIONS[version] === undefined) ledger.refuse(path, 'must be TLS1.2 or TLS1.3')
  else draft.set(['listen', 'tls', 'min_version'], TLS_VERSIONS[version], path)
}

/** Where to listen; `asked` goes before what is written. With a certificate it is the https address, and that alone. */
export function translateListen (asked: Listen | null, parts: Parts): Listen | null {
  const { settings, ledger, draft } = parts
  const secure = settings.text('tls_cert_file') !== null || settings.text('tls_key_file') !== null
  const [used, unused] = secure ? ['https_address', 'http_address'] : ['http_address', 'https_address']
  const why = secure ? 'has no effect: there is a certificate, and https_address' : 'has no effect: there is no certificate'
  if (settings.find(unused) !== null) ledger.exact(settings.pathOf(unused), why)
  if (secure) translateTls(parts)
  const listen = asked ?? translateAddress(used, secure ? ':443' : '127.0.0.1:4180', parts)
  if (asked !== null && settings.find(used) !== null) ledger.exact(settings.pathOf(used), 'has no effect: --listen goes before it')
  if (listen === null) return null
  draft.set(['listen', 'host'], listen.host, settings.pathOf(used))
  draft.set(['listen', 'port'], listen.port, settings.pathOf(used))
  return listen
}

export const isLoopback = (listen: Listen | null): boolean => listen !== null && LOOPBACK.test(listen.host)

/** Whose X-Forwarded headers are believed. */
export function translateTrust ({ settings, ledger, draft }: Parts): void {
  const networks = settings.list('trusted_proxy_ips').filter(network => network !== '')
  const path = settings.pathOf(networks.length > 0 ? 'trusted_proxy_ips' : 'reverse_proxy')
  if (!settings.flag('reverse_proxy', false)) {
    if (networks.length > 0) ledger.exact(path, 'has no effect without reverse_proxy')
    return
  }
  draft.set(['trust_proxy'], networks.length > 0 ? networks : NEARBY, path)
  if (networks.length === 0) ledger.approximate(path, `is trust_proxy: [${NEARBY.join(', ')}] here, where OAuth2 Proxy believes everyone: name your proxies in trusted_proxy_ips`)
}

/** Metrics, at an address of their own. */
export function translateMetrics (parts: Parts): void {
  const { settings, ledger, draft } = parts
  const text = settings.text('metrics_address')
  if (text === null || text === '-') return
  const path = settings.pathOf('metrics_address')
  const [, inBrackets, host = '', port] = ADDRESS.exec(text) ?? []
  if (port === undefined) return ledger.refuse(path, 'must be an address and a port, such as :9100')
  const written = inBrackets ?? host
  draft.set(['metrics', 'host'], written === '' ? '0.0.0.0' : written, path)
  draft.set(['metrics', 'port'], Number(port), path)
  ledger.approximate(path, 'is metrics here: at /metrics alone, and under names of this gateway')
}

/** The log is quiet where all three kinds of lines are switched off. */
export function translateLog ({ settings, ledger, draft }: Parts): void {
  const kinds = ['request_logging', 'auth_logging', 'standard_logging']
  const quiet = kinds.every(name => !settings.flag(name, true))
  if (quiet) draft.set(['log', 'level'], 'warn', settings.pathOf('request_logging'))
  for (const name of kinds) {
    if (settings.find(name) === null) continue
    if (quiet || settings.flag(name, true)) ledger.exact(settings.pathOf(name), quiet ? 'is log.level: warn here' : 'is what this gateway does')
    else ledger.approximate(settings.pathOf(name), 'is left out: lines are switched off all together, with request_logging, auth_logging and standard_logging')
  }
}
