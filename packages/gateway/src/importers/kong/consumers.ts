import { dissolved, elsewhere, judgeMembers, leftOut, same, type Judge } from '../apisix/members.ts'
import type { Ledger } from '../report.ts'
import { namesOf, type Entity, type KongSource } from './source.ts'

const CREDENTIALS = 'credentials of other plugins have no counterpart, and do not authenticate anybody here'
const CONSUMER: Readonly<Record<string, Judge>> = {
  id: same,
  username: same,
  custom_id: same,
  tags: same,
  acls: elsewhere,
  plugins: elsewhere,
  created_at: leftOut('it is for people and tools'),
  updated_at: leftOut('it is for people and tools'),
  type: leftOut('there is one kind of consumers'),
  ...Object.fromEntries(['keyauth_credentials', 'basicauth_credentials', 'hmacauth_credentials', 'jwt_secrets', 'oauth2_credentials', 'mtls_auth_credentials'].map(name => [name, leftOut(CREDENTIALS)]))
}

function groupsOf (consumer: Entity, { acls }: KongSource): string[] {
  const names = namesOf(consumer)
  return acls.filter(({ consumer: owner }) => owner !== null && names.includes(owner)).map(({ value }) => String(value.group))
}

/** Consumers as `consumer.list` has them. */
export function translateConsumers (source: KongSource, isMapped: boolean, ledger: Ledger): ReadonlyArray<Record<string, unknown>> {
  for (const acl of source.acls) judgeMembers(acl, { group: same, id: dissolved('has no effect'), tags: leftOut('it is for people'), consumer: same, created_at: leftOut('it is for people and tools') }, ledger)
  return source.consumers.map(consumer => {
    if (isMapped) judgeMembers(consumer, CONSUMER, ledger)
    else ledger.approximate(consumer.path, 'is left out: consumer_claim is not set, and nobody is mapped to it')
    const { id, username, custom_id: customId, tags } = consumer.value
    const groups = groupsOf(consumer, source)
    const written = { id, username, custom_id: customId, tags: Array.isArray(tags) && tags.length > 0 ? tags : undefined, groups: groups.length > 0 ? groups : undefined }
    return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined && value !== null))
  })
}
