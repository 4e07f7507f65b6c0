import { checkOptions, formatPath } from 'fastify-oidc-session-store'
import { checkConsumerRecord, consumerSchema, type ConsumerKey, type ConsumerRecord } from '../options/consumer-options.ts'

/** Where consumers are looked up. */
export interface ConsumerSource {
  /** What it answers need not be kept elsewhere. */
  readonly isLocal: boolean
  /** Another number: what was answered before may not hold any more. */
  readonly generation: number
  /** null: there is none. Throws, or rejects, where nobody can tell. */
  find (by: ConsumerKey, value: string): ConsumerRecord | null | Promise<ConsumerRecord | null>
  /** Rejects while it cannot answer. */
  ready (): void | Promise<void>
  close (): void | Promise<void>
}

/** What came from outside, where it is a consumer. Throws otherwise; what is thrown has no value in it. */
export function readConsumer (value: unknown): ConsumerRecord {
  const { options, problems } = checkOptions(consumerSchema, value)
  const [first] = problems.length > 0 ? problems : checkConsumerRecord(options)
  if (first !== undefined) throw new Error(`not a consumer: ${formatPath(first.path)} ${first.message}`.replace(':  ', ': '))
  return options
}
