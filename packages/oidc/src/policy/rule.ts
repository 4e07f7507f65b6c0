import type { CacheTally, OptionProblem } from 'fastify-oidc-session-store'
import type { AuthMethod } from './auth-methods.ts'
import type { EmailFile } from './email-file.ts'
import type { ProtectedResource } from './protected-resource.ts'
import type { PolicyRefusal } from './refusal.ts'
import type { PolicyOptions } from './schema.ts'
import type { PolicySubject } from './subject.ts'

/** One requirement, ready to be asked. It looks at the caller alone: not at the request, and not at the clock. */
export interface Rule {
  /** null: the caller meets it. */
  judge (subject: PolicySubject): PolicyRefusal | null
}

/** What rules have to know of the plugin, whatever a route says. */
export interface PolicyGround {
  readonly acceptsBearer: boolean
  /** Ways that the options make possible. */
  readonly authMethods: readonly AuthMethod[]
  readonly audienceClaim: string
  /** Does `claim_validator.audience` ask for anything? */
  readonly validatesAudience: boolean
  /** What `allowed_emails_file` names; null: nothing, or nobody has read it. */
  readonly emailFile: EmailFile | null
  /** What is guarded, where it says so itself; null: it does not. */
  readonly resource: ProtectedResource | null
  /** Of the verdicts of all policies on this ground. */
  readonly verdicts: CacheTally
}

/** What became of an option: nothing where it is not written. */
export interface ReadRule {
  readonly rules: readonly Rule[]
  readonly problems: readonly OptionProblem[]
}

/** Makes rules of what is written; a row of the compiler's table. */
export type RuleReader = (options: PolicyOptions, ground: PolicyGround) => ReadRule

export const NO_RULE: ReadRule = { rules: [], problems: [] }
