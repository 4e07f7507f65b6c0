import { ANY_HOST, hostMatches } from '../configuration/hosts.ts'
import { isLoopback, isPlain, redirectUrisOf, resolveAddress, type Outside } from './addresses.ts'
import { fail, ok, warn, type Finding } from './finding.ts'
import type { Patient } from './patient.ts'

const CHECK = 'redirect URI'

/** Whether what is sent comes back here. */
function checkPlace (uri: string, { hosts }: Patient, { listen, tls, trustProxy }: Outside): Finding | null {
  const { hostname, protocol, port } = new URL(uri)
  if (!hosts.some(pattern => hostMatches(pattern, hostname))) return fail(CHECK, `${uri} is on a host of none of these routes: ${hosts.join(', ')}`, 'write a host of these routes into redirect_uri, or that host into the routes')
  if (protocol === 'https:' && tls === null && trustProxy.length === 0) return warn(CHECK, `${uri} is https, and requests look plain here: cookies will not be Secure`, 'set trust_proxy to the address of what ends TLS, or listen.tls')
  const comesDirectly = isLoopback(uri) && listen.port !== 0 && trustProxy.length === 0
  if (comesDirectly && Number(port || (protocol === 'https:' ? 443 : 80)) !== listen.port) return warn(CHECK, `${uri} names another port than listen.port, which is ${listen.port}`, 'write the port that browsers use into redirect_uri')
  return null
}

function checkScheme (uri: string): Finding | null {
  return isPlain(uri) && !isLoopback(uri) ? warn(CHECK, `${uri} is http: codes and cookies can be read on the way, and many providers refuse it`, 'serve https: listen.tls, or what stands in front and trust_proxy') : null
}

function checkRedirectUri (uri: string, patient: Patient, outside: Outside): Finding[] {
  const found = [checkPlace(uri, patient, outside), checkScheme(uri)].filter(finding => finding !== null)
  return found.length > 0 ? found : [ok(CHECK, uri, 'register it at the provider, letter by letter')]
}

function whenUnknown ({ hosts, callbackPath }: Patient): Finding[] {
  if (callbackPath === null) return [warn(CHECK, 'each page has its own, with /.apisix/redirect behind its path', 'set redirect_uri, so that one address can be registered at the provider')]
  return hosts.filter(host => host.startsWith('*.')).map(host => warn(CHECK, `https://${host}${callbackPath}: one for each host`, 'register each at the provider, or write one address into redirect_uri'))
}

/** What has to be registered at the provider for logins. */
export function checkRedirectUris (patient: Patient, outside: Outside): Finding[] {
  const { options, hosts } = patient
  if (options.bearer_only) return []
  const known = redirectUrisOf(patient, outside).flatMap(uri => checkRedirectUri(uri, patient, outside))
  const isGuess = options.redirect_uri?.startsWith('/') !== false && hosts.includes(ANY_HOST) && patient.callbackPath !== null
  const hint = isGuess ? [ok(CHECK, 'under any other host name it is that host\'s', 'write the whole address into redirect_uri where it must be one')] : []
  return [...known, ...hint, ...options.redirect_uri?.startsWith('/') !== false ? whenUnknown(patient) : []]
}

/** What has to be registered for logouts. */
export function checkPostLogout (patient: Patient, outside: Outside): Finding[] {
  const { post_logout_redirect_uri: written, bearer_only: bearerOnly } = patient.options
  if (bearerOnly || written === undefined) return []
  return resolveAddress(written, patient, outside).map(uri => ok('post-logout URI', uri, 'register it at the provider too'))
}
