import { causesOf, inOneLine, ProviderFault } from './fault.ts'

/** What came of one step towards the provider. */
export type Attempt<T> =
  | { readonly kind: 'done', readonly value: T }
  /** `remedy`: what to change; null: nothing that is known. Both are in one line, bounded, and without tokens. */
  | { readonly kind: 'failed', readonly message: string, readonly remedy: string | null }

export function failed (message: string, remedy: string | null): Attempt<never> {
  return { kind: 'failed', message, remedy }
}

/** Why a step failed, from what it threw. */
export function failedBy (error: unknown): Attempt<never> {
  const fault = causesOf(error).find(cause => cause instanceof ProviderFault) ?? new ProviderFault(error)
  return failed(inOneLine(fault.message), fault.remedy)
}

export async function attempt<T> (work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { kind: 'done', value: await work() }
  } catch (error) {
    return failedBy(error)
  }
}
