import type { ProviderInspection } from 'fastify-oidc'
import { fail, ok, type Finding } from './finding.ts'

function checkAuthorization ({ authorization }: ProviderInspection): Finding[] {
  const check = 'authorization request'
  if (authorization === null) return []
  if (authorization.kind === 'failed') return [fail(check, authorization.message, authorization.remedy)]
  const { value } = authorization
  switch (value.kind) {
    case 'returned': return [ok(check, 'answered at the redirect URI: client and redirect URI are known there')]
    case 'sent_on': return [ok(check, `answered with ${value.status}, to ${value.host}: the sign-in page, as it seems`)]
    case 'page': return [ok(check, `answered with a page (${value.status}): whether it is for signing in, or says what is wrong, only a browser shows`)]
  }
}

function checkCredentials ({ credentials }: ProviderInspection): Finding[] {
  const check = 'client secret'
  if (credentials === null) return []
  if (credentials.kind === 'failed') return [fail(check, credentials.message, credentials.remedy)]
  return [ok(check, credentials.value === 'accepted' ? 'the token endpoint complained of nothing but the code, which was made up' : 'the token endpoint answered, and does not say what it makes of the client')]
}

/** What the provider made of requests that were tried. */
export function checkTrials (inspection: ProviderInspection): Finding[] {
  return [...checkAuthorization(inspection), ...checkCredentials(inspection)]
}
