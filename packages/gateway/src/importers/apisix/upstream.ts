import type { Ledger } from '../report.ts'
import { elsewhere, judgeMembers, leftOut, onlyAs, pick, refused, same, UNNAMED, type Judge } from './members.ts'
import { isObject, type Located } from './source.ts'

const DISCOVERED = 'finds its nodes through a registry, which has no counterpart'

function nodeCount ({ value: { nodes } }: Located): number {
  if (Array.isArray(nodes)) return nodes.filter(node => isObject(node) && node.weight !== 0).length
  return isObject(nodes) ? Object.values(nodes).filter(weight => weight !== 0).length : 0
}

const judgeType: Judge = (type, path, ledger, owner) => {
  if (type === 'roundrobin') ledger.exact(path, 'is what this gateway does')
  else if (nodeCount(owner) <= 1) ledger.exact(path, 'has no effect with a single node')
  else if (type === 'ewma' || type === 'least_conn') ledger.approximate(path, 'is approximated: nodes are taken in turn by weight')
  else ledger.refuse(path, 'must be roundrobin: callers cannot be bound to a node')
}

const judgeHash: Judge = (_value, path, ledger, { value: { type } }) => {
  if (type === 'chash') ledger.approximate(path, 'is left out: it belongs to type chash')
  else ledger.exact(path, 'has no effect without type chash')
}

const judgeScheme: Judge = (scheme, path, ledger) => {
  if (scheme === 'http' || scheme === 'https') ledger.exact(path)
  else ledger.refuse(path, 'must be http or https: others have no counterpart')
}

const judgeUpstreamHost: Judge = (_value, path, ledger, { value: { pass_host: passHost } }) => {
  if (passHost === 'rewrite') ledger.exact(path)
  else ledger.exact(path, 'has no effect: pass_host is not rewrite')
}

const judgeRetries: Judge = (retries, path, ledger) => {
  if (retries === 0) ledger.exact(path, 'is what this gateway does')
  else ledger.approximate(path, 'is left out: a request that a node did not answer is not sent to another')
}

const NODE: Readonly<Record<string, Judge>> = {
  host: same,
  port: same,
  weight: same,
  priority: onlyAs(priority => priority === 0, 'makes a node a spare one, which has no counterpart'),
  metadata: leftOut('it is for discovery')
}

const judgeNodes: Judge = (nodes, path, ledger) => {
  if (!Array.isArray(nodes) || nodes.length === 0) ledger.exact(path)
  else {
    nodes.forEach((node: unknown, index) => {
      if (isObject(node)) judgeMembers({ value: node, path: [...path, String(index)] }, NODE, ledger)
      else ledger.exact([...path, String(index)])
    })
  }
}

const TLS: Readonly<Record<string, Judge>> = {
  client_cert: same,
  client_key: same,
  verify: same,
  client_cert_id: refused('names a certificate outside of this object: write client_cert and client_key')
}

const judgeTls: Judge = (tls, path, ledger, { value: { scheme } }) => {
  if (scheme !== 'https') ledger.exact(path, 'has no effect: scheme is not https')
  else if (isObject(tls)) judgeMembers({ value: tls, path }, TLS, ledger)
  else ledger.refuse(path, 'must be an object')
}

const UPSTREAM: Readonly<Record<string, Judge>> = {
  ...UNNAMED,
  nodes: judgeNodes,
  type: judgeType,
  hash_on: judgeHash,
  key: judgeHash,
  scheme: judgeScheme,
  pass_host: same,
  upstream_host: judgeUpstreamHost,
  timeout: elsewhere,
  tls: judgeTls,
  retries: judgeRetries,
  retry_timeout: leftOut('a request that a node did not answer is not sent to another'),
  keepalive_pool: leftOut('connections to the nodes are kept without a limit of yours'),
  checks: leftOut('nodes are not probed, and requests go to one that is down as well'),
  discovery_type: refused(DISCOVERED),
  service_name: refused(DISCOVERED),
  discovery_args: refused(DISCOVERED)
}

const TIMEOUT: Readonly<Record<string, Judge>> = {
  connect: same,
  read: same,
  send: leftOut('only connect and read are limited')
}

/** `timeout` of a route goes before that of its upstream. */
function translateTimeout (route: Located, upstream: Located, ledger: Ledger): Record<string, unknown> {
  const [owner, loser] = Object.hasOwn(route.value, 'timeout') ? [route, upstream] : [upstream, null]
  if (loser !== null && Object.hasOwn(loser.value, 'timeout')) ledger.exact([...loser.path, 'timeout'], 'has no effect for a route with a timeout of its own')
  const { timeout } = owner.value
  const path = [...owner.path, 'timeout']
  if (timeout === undefined) return {}
  if (!isObject(timeout)) {
    ledger.refuse(path, 'must be an object')
    return {}
  }
  judgeMembers({ value: timeout, path }, TIMEOUT, ledger)
  return { timeout: pick({ value: timeout, path }, ['connect', 'read']) }
}

function translateNodes ({ value: { nodes } }: Located): unknown {
  if (!Array.isArray(nodes)) return nodes
  return nodes.map((node: unknown) => isObject(node) ? pick({ value: node, path: [] }, ['host', 'port', 'weight']) : node)
}

function translateTls (upstream: Located): Record<string, unknown> {
  const { tls } = upstream.value
  const members = isObject(tls) ? pick({ value: tls, path: [] }, ['client_cert', 'client_key', 'verify']) : {}
  return Object.keys(members).length === 0 ? {} : { tls: members }
}

/** The native form of an upstream, for one route. */
export function translateUpstream (route: Located, upstream: Located, ledger: Ledger): Record<string, unknown> {
  judgeMembers(upstream, UPSTREAM, ledger)
  const { scheme, pass_host: passHost, tls } = upstream.value
  const isTls = scheme === 'https'
  if (isTls && !(isObject(tls) && Object.hasOwn(tls, 'verify'))) ledger.note(upstream.path, 'certificates of the nodes are verified here; APISIX does not, unless tls.verify says so')
  return {
    nodes: translateNodes(upstream),
    ...pick(upstream, ['scheme', 'pass_host', ...passHost === 'rewrite' ? ['upstream_host'] : []]),
    ...translateTimeout(route, upstream, ledger),
    ...isTls ? translateTls(upstream) : {}
  }
}
