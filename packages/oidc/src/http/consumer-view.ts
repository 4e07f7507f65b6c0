import type { MappedConsumer } from '../consumer/consumer-mapping.ts'
import { headerValue, joinGroups } from '../options/header-value.ts'

/** What names somebody whether or not they are a consumer. */
export interface Credential {
  /** By `consumer.credential_claim`. */
  readonly id: string
}

export type IdentityHeaders = Readonly<Record<string, string>>

/** Which consumer somebody is, and what an upstream is told of it: shared by the requests of a session revision, or a token. */
export class ConsumerView {
  readonly consumer: MappedConsumer | null
  readonly #headers: IdentityHeaders
  #base: IdentityHeaders | null = null
  #merged: IdentityHeaders

  constructor (consumer: MappedConsumer | null, headers: IdentityHeaders) {
    this.consumer = consumer
    this.#headers = headers
    this.#merged = headers
  }

  /** These, beside those that were there. */
  headersBeside (base: IdentityHeaders): IdentityHeaders {
    if (this.#base !== base) {
      this.#base = base
      this.#merged = Object.freeze({ ...base, ...this.#headers })
    }
    return this.#merged
  }
}

/** Under Kong's names; what is not known is not there. */
export function consumerHeaders (consumer: MappedConsumer | null, credential: Credential | null, groups: readonly string[]): IdentityHeaders {
  const written: Array<readonly [name: string, value: string | null]> = [
    ['x-consumer-id', consumer?.id ?? null],
    ['x-consumer-username', consumer?.username ?? null],
    ['x-consumer-custom-id', consumer?.custom_id ?? null],
    ['x-consumer-groups', joinGroups(consumer?.groups ?? [], ', ')],
    ['x-credential-identifier', credential?.id ?? null],
    ['x-authenticated-groups', joinGroups(groups, ', ')],
    ['x-anonymous-consumer', consumer?.isAnonymous === true ? 'true' : null]
  ]
  return Object.freeze(Object.fromEntries(written.flatMap(([name, value]) => {
    const text = headerValue(value)
    return text === null ? [] : [[name, text]]
  })))
}
