import { NO_BEARER, OF_TOKENS, put, requireClaims, row, takes, type Context, type Row } from './row.ts'
import { isUnset, readList, readNumber, readOnly, readPath } from './values.ts'

const SAYS_OR = 'several entries mean *or*: `any_of`. `all_of` asks for all of them'

/** Several entries mean *or* in Kong, and blanks in one mean *and*. Answers whether that can be said here. */
function putChoice (target: string, value: unknown, { path, ledger, block }: Context, isScope: boolean): boolean {
  const entries = readList(value)
  const [only = '', ...more] = entries
  const comma = isScope ? entries.find(entry => /,(?:\s|$)/.test(entry)) : undefined
  const blank = isScope || more.length === 0 ? undefined : entries.find(entry => /\s/.test(entry.trim()))
  if (comma !== undefined) ledger.refuse(path, `has a comma in ${JSON.stringify(comma)}, which Kong takes for a part of the name: give each an entry of its own`)
  else if (blank !== undefined) ledger.refuse(path, `has ${JSON.stringify(blank)} among several, of which Kong wants every word: write all_of and any_of in a native file`)
  else {
    put(block, target, more.length === 0 ? { all_of: only.split(/\s+/).filter(word => word !== '') } : { any_of: entries })
    return true
  }
  return false
}

const tellChoice = (target: string, entries: readonly string[]): string => entries.length === 1
  ? `is ${target} here`
  : `is ${target}: { any_of: [${entries.join(', ')}] } here, for several entries mean "or" in Kong: one of them is enough. Write { all_of: [${entries.join(', ')}] } if all of them are meant`

export const scopesRequired = row('scopes_required', { kind: 'varies', target: 'required_scopes', says: SAYS_OR }, (value, context) => {
  const { path, ledger } = context
  if (isUnset(value)) ledger.exact(path, 'is empty')
  else if (putChoice('required_scopes', value, context, true)) ledger.exact(path, tellChoice('required_scopes', readList(value)))
})

const sameClaim = (a: unknown, b: unknown): boolean => JSON.stringify(readList(a)) === JSON.stringify(readList(b))

/** Kong has two claims of groups, one for what is required and one for others; here there is one. */
function hasOtherGroups ({ groups_claim: required, authenticated_groups_claim: authenticated }: Context['config']): boolean {
  return !isUnset(authenticated) && !sameClaim(isUnset(required) ? ['groups'] : required, authenticated)
}

export const groupsRequired = row('groups_required', { kind: 'varies', target: 'allowed_groups', says: SAYS_OR }, (value, context) => {
  const { path, ledger, config } = context
  if (isUnset(value)) ledger.exact(path, 'is empty')
  else if (hasOtherGroups(config)) ledger.refuse(path, 'reads another claim than authenticated_groups_claim says, and here there is one claim of groups: write required_claims in a native file')
  else if (putChoice('allowed_groups', value, context, false)) ledger.exact(path, tellChoice('allowed_groups', readList(value)))
})

export const groupsClaim = row('groups_claim', { kind: 'exact', target: 'groups_claim', says: 'with `groups_required`; a list is a path, here as there' }, (value, { path, ledger, config, block }) => {
  if (isUnset(value) || isUnset(config.groups_required)) return ledger.exact(path, 'has no effect: groups_required is not written')
  put(block, 'groups_claim', readPath(value))
  ledger.exact(path, 'is groups_claim here')
})

export const audience = row('audience_required', { kind: 'varies', target: 'audience', says: `for bearer tokens; ${SAYS_OR}` }, (value, context) => {
  const { path, ledger, config } = context
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  if (!takes({ config }, ...OF_TOKENS)) return ledger.refuse(path, `is for bearer tokens here, and ${NO_BEARER}; for sessions write required_claims in a native file`)
  if (putChoice('audience', value, context, false)) ledger.approximate(path, `${tellChoice('audience', readList(value))}; it is asked of bearer tokens alone, for those of a session were issued for this client`)
})

export const audienceClaim = row('audience_claim', { kind: 'varies', target: 'claim_validator.audience.claim', says: 'one name' }, (value, { path, ledger, config, block }) => {
  const [only, ...more] = readList(value)
  if (only === undefined || isUnset(config.audience_required) || (only === 'aud' && more.length === 0)) return ledger.exact(path, 'has no effect')
  if (more.length > 0) return ledger.refuse(path, 'is a path, which has no counterpart: write required_claims in a native file')
  put(block, 'claim_validator.audience.claim', only)
  ledger.exact(path, 'is claim_validator.audience.claim here')
})

export const maxAge = row('max_age', { kind: 'approximated', target: 'max_age', says: 'a visit that is too late logs in again' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  const seconds = readNumber(value)
  if (seconds === null || seconds < 1) return ledger.refuse(path, 'must be a number of seconds, from 1 on: a login for each visit is force_reauthorize in a native file')
  block.max_age = Math.floor(seconds)
  ledger.approximate(path, 'is max_age here: a visit whose login is too long ago logs in again, and a bearer token gets 401 with a challenge')
})

export const domains = row('domains', { kind: 'approximated', target: 'required_claims', says: 'the claim `hd` has to be one of them' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  requireClaims(block, { properties: { hd: { enum: readList(value) } }, required: ['hd'] })
  ledger.approximate(path, 'is required_claims here: hd has to be one of them, of a session in the ID token first')
})

export const claimsForbidden = row('claims_forbidden', { kind: 'approximated', target: 'required_claims', says: 'in none of a session\'s tokens, nor in the userinfo' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  requireClaims(block, { not: { anyOf: readList(value).map(name => ({ required: [name] })) } })
  ledger.approximate(path, 'is required_claims here: none of the claims may be there, in any token of a session or in the userinfo')
})

/** A list is steps of a path in Kong, and not a choice. */
export function claimPath (name: string, target: string): Row {
  return row(name, { kind: 'exact', target, says: 'a list is a path, here as there' }, (value, { path, ledger, block }) => {
    if (isUnset(value)) return ledger.exact(path, 'is empty')
    const steps = readList(value)
    put(block, target, readPath(value))
    ledger.exact(path, `is ${target} here${steps.length > 1 ? ': a path of several steps, and not several claims' : ''}`)
  })
}

export const consumerClaim = row('consumer_claim', { kind: 'exact', target: 'consumer.claims', says: 'of a session the ID token decides, then the access token' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  put(block, 'consumer.claims', [readPath(value)])
  ledger.exact(path, 'is consumer.claims here: of a session the ID token decides, then the access token, then the userinfo')
})

export const consumerClaims = row('consumer_claims', { kind: 'exact', target: 'consumer.claims', says: 'paths; the first that leads to a consumer decides' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  put(block, 'consumer.claims', [value].flat().map(readPath))
  ledger.exact(path, 'is consumer.claims here')
})

export const anonymous = row('anonymous', { kind: 'approximated', target: 'consumer.anonymous', says: 'for users who are no consumer, and where `unauth_action` is `pass` for requests without credentials; never for a credential that does not hold' }, (value, { path, ledger, block }) => {
  if (isUnset(value)) return ledger.exact(path, 'is empty')
  put(block, 'consumer.anonymous', readOnly(value))
  ledger.approximate(path, 'is consumer.anonymous here: users who are no consumer become it, a request without a login only where unauth_action is pass, and a token that does not hold never')
})
