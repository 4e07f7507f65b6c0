import type { OptionProblem } from 'fastify-oidc-session-store'
import { compileSchema, type ClaimCheck } from '../policy/json-schema.ts'
import type { ResolvedOptions } from './schema.ts'

/** A schema that cannot be compiled stops the boot. */
export function checkClaimSchema ({ claim_schema: schema }: Pick<ResolvedOptions, 'claim_schema'>): OptionProblem[] {
  const read = schema === undefined ? null : compileSchema(schema)
  return read?.kind === 'problem' ? [{ path: ['claim_schema'], message: `is not a JSON Schema: check claim_schema failed: ${read.message}` }] : []
}

/** null: every claim will do. */
export function claimCheckOf ({ claim_schema: schema }: Pick<ResolvedOptions, 'claim_schema'>): ClaimCheck | null {
  const read = schema === undefined ? null : compileSchema(schema)
  if (read === null) return null
  return read.kind === 'check' ? read.check : () => read.message
}
