import type { ProviderInspection } from 'fastify-oidc'
import { isLoopback, isPlain } from './addresses.ts'
import { fail, ok, warn, type Finding } from './finding.ts'
import type { CoreOptions } from './patient.ts'

function checkReach ({ discovery: asked }: ProviderInspection, { discovery: url }: CoreOptions): Finding {
  if (asked.kind === 'failed') return fail('discovery', `${url} ${asked.message}`, asked.remedy)
  return ok('discovery', `${url} answered in ${asked.value.elapsedMs} ms`)
}

function checkTransport ({ discovery: url, ssl_verify: verifies }: CoreOptions): Finding {
  if (isPlain(url) && !isLoopback(url)) return warn('TLS', 'the provider is asked over http: whoever is on the way reads and changes the answers', 'write https into discovery')
  if (isPlain(url)) return ok('TLS', 'none, to a provider on this machine')
  return verifies ? ok('TLS', "the provider's certificate holds") : warn('TLS', "the provider's certificate is not looked at", 'set ssl_verify: true, and NODE_EXTRA_CA_CERTS for a CA of your own')
}

function checkIssuer ({ issuer }: ProviderInspection): Finding[] {
  if (issuer === null) return []
  return [issuer.kind === 'done' ? ok('issuer', issuer.value) : fail('issuer', issuer.message, issuer.remedy)]
}

function checkClock ({ discovery: asked }: ProviderInspection, { iat_slack: slack }: CoreOptions): Finding[] {
  if (asked.kind === 'failed') return []
  const { clockAhead } = asked.value
  if (clockAhead === null) return [ok('clock', 'the provider does not say what time it has')]
  const distance = Math.abs(clockAhead)
  const difference = distance <= 1 ? 'the same as ours' : `${distance} s ${clockAhead > 0 ? 'ahead of' : 'behind'} ours`
  return [distance > slack
    ? warn('clock', `that of the provider is ${difference}, and iat_slack is ${slack} s: tokens will look as if they were not valid yet, or any more`, 'set the clock of this machine by NTP, or raise iat_slack')
    : ok('clock', `that of the provider is ${difference}`)]
}

function checkMetadata ({ metadata }: ProviderInspection): Finding[] {
  return metadata?.kind === 'failed' ? [fail('endpoints', metadata.message, metadata.remedy)] : []
}

/** Whether the provider is there, is who was asked, and has the same time. */
export function checkDiscovery (inspection: ProviderInspection, options: CoreOptions): Finding[] {
  const reach = checkReach(inspection, options)
  if (reach.verdict === 'fail') return [reach]
  return [reach, checkTransport(options), ...checkIssuer(inspection), ...checkClock(inspection, options), ...checkMetadata(inspection)]
}
