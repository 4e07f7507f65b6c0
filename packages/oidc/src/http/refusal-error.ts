import { AudienceMismatchError, AudienceMissingError, ClaimsRefusedError, EmailRefusedError, GroupsRefusedError, InsufficientScopeError, ScopeExcludedError } from '../errors.ts'
import type { PolicyRefusal } from '../policy/refusal.ts'

function errorOf ({ option, unmet, names }: PolicyRefusal): Error {
  switch (option) {
    case 'required_scopes':
      if (unmet === 'none_of') return new ScopeExcludedError(names.join(', '))
      return new InsufficientScopeError(`${unmet === 'any_of' ? 'one of ' : ''}${names.join(', ')}`)
    case 'audience':
    case 'claim_validator.audience': return unmet === 'absent' ? new AudienceMissingError() : new AudienceMismatchError()
    case 'allowed_groups':
    case 'required_groups': return new GroupsRefusedError()
    case 'allowed_emails':
    case 'allowed_email_domains': return new EmailRefusedError()
    default: return new ClaimsRefusedError()
  }
}

const refusals = new WeakMap<Error, PolicyRefusal>()

/** What was found goes with the error, for the log. */
export function withRefusal (error: Error, refusal: PolicyRefusal): Error {
  refusals.set(error, refusal)
  return error
}

/** What the caller is told: the kind of requirement, and of scopes which. */
export const toRefusalError = (refusal: PolicyRefusal): Error => withRefusal(errorOf(refusal), refusal)

/** What a policy found; null: the error is another one. */
export function refusalIn (error: Error): PolicyRefusal | null {
  return refusals.get(error) ?? null
}
