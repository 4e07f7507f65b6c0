import type { ClaimSources } from './claim-path.ts'

/** What providers write for yes, and what is as if it were not there. */
const VERIFIED = new Set<unknown>([true, 'true', 1, '1', null, undefined])

const fold = (value: unknown): unknown => typeof value === 'string' ? value.toLowerCase() : value

/** Does any source say that the address is not verified (OpenID Connect Core 1.0, section 5.1)? Anybody could have written it then. Without the claim none does. */
export function isEmailUnverified (sources: ClaimSources): boolean {
  return sources.some(source => !VERIFIED.has(fold(source()?.email_verified)))
}
