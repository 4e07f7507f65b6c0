import type { Outside } from './addresses.ts'
import { ok, warn, type Finding } from './finding.ts'

const EVERYBODY = /^(?:0\.0\.0\.0|::)\/0$/
const LOCAL = /^(?:localhost|127\.[\d.]+|::1)$/

function checkListen ({ listen, tls, trustProxy }: Outside): Finding {
  const place = `${listen.host}:${listen.port}`
  if (tls !== null) return ok('listen', `${place}, with TLS`)
  if (LOCAL.test(listen.host)) return ok('listen', `${place}, which only this machine reaches`)
  return trustProxy.length > 0
    ? ok('listen', `${place}, plain, behind what trust_proxy names`)
    : warn('listen', `${place} is plain http, and more than this machine reaches it`, 'set listen.tls, or put what ends TLS in front and set trust_proxy')
}

function checkProxies ({ trustProxy }: Outside): Finding {
  const all = trustProxy.find(network => EVERYBODY.test(network))
  if (all !== undefined) return warn('trust_proxy', `${all} lets everybody say under which host, scheme and address a request came`, 'name the addresses of the proxies alone')
  return ok('trust_proxy', trustProxy.length === 0 ? 'none: X-Forwarded-* of nobody is believed' : trustProxy.join(', '))
}

/** What holds for the whole gateway. */
export function checkServer (outside: Outside): Finding[] {
  return [checkListen(outside), checkProxies(outside)]
}
