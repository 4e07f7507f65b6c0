import { LIST_FORMS } from './list-rules.ts'
import { readRequirement, type RequirementForm, type WrittenRequirement } from './requirement.ts'
import type { RoutePolicy } from './schema.ts'

const CHOICE: RequirementForm = { bare: 'any_of', hasBlanks: true }
const FORMS = { ...LIST_FORMS, allowed_emails: CHOICE, allowed_email_domains: CHOICE } as const

/** One line, such as `all of a, b; none of c`. */
function describe (written: WrittenRequirement, form: RequirementForm): string {
  const { allOf, anyOf, noneOf } = readRequirement(written, form).requirement
  const alternatives = anyOf.map(names => names.join(' '))
  const parts: ReadonlyArray<readonly [string, readonly string[]]> = [['all of ', allOf], ['one of ', alternatives], ['none of ', noneOf]]
  return parts.filter(([, names]) => names.length > 0).map(([say, names]) => `${names.length === 1 && say !== 'none of ' ? '' : say}${names.join(', ')}`).join('; ')
}

/** A route's, or what came of it. */
type DescribedPolicy = Omit<RoutePolicy, 'allowed_emails_file'> & { readonly allowed_emails_file?: string | false | undefined }

/** What a policy requires of callers, by option and for a person; nothing where being known is enough. */
export function describeRequirements (policy: DescribedPolicy): ReadonlyArray<readonly [option: string, required: string]> {
  const lists = (Object.keys(FORMS) as Array<keyof typeof FORMS>).flatMap((option): Array<readonly [string, string]> => {
    const written = policy[option]
    return written === undefined || written === false ? [] : [[option, describe(written, FORMS[option])]]
  })
  const { allowed_emails_file: file, required_claims: claims, acr_values: acr, max_age: maxAge, auth_methods: methods } = policy
  return [
    ...lists,
    ...typeof file === 'string' ? [['allowed_emails_file', `somebody in ${file}`] as const] : [],
    ...claims === undefined || claims === false ? [] : [['required_claims', 'a JSON Schema'] as const],
    ...acr === undefined || acr === false ? [] : [['acr_values', describe(typeof acr === 'string' ? acr.split(' ') : acr, CHOICE)] as const],
    ...typeof maxAge === 'number' ? [['max_age', `${maxAge} seconds`] as const] : [],
    ...methods === undefined ? [] : [['auth_methods', describe(methods, CHOICE)] as const]
  ]
}
