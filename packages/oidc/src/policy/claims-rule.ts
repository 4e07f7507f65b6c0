import { mergeClaims } from './claim-path.ts'
import { compileSchema } from './json-schema.ts'
import { NO_RULE, type RuleReader } from './rule.ts'

const option = 'required_claims'

export const readClaimsRule: RuleReader = ({ required_claims: schema }) => {
  if (schema === undefined) return NO_RULE
  const problem = (message: string) => ({ rules: [], problems: [{ path: [option], message }] })
  if (Object.keys(schema).length === 0) return problem('is empty, and would let everyone in: say what is required, or leave it out')
  const compiled = compileSchema(schema)
  if (compiled.kind === 'problem') return problem(`is not a JSON Schema: ${compiled.message}`)
  return {
    rules: [{
      judge ({ sources }) {
        const detail = compiled.check(mergeClaims(sources))
        return detail === null ? null : { option, unmet: 'schema', names: [], found: [], detail }
      }
    }],
    problems: []
  }
}
