import type { Clock, EpochSeconds } from 'fastify-oidc-session-store'
import { attempt, failed, type Attempt } from './attempt.ts'
import { inOneLine } from './fault.ts'
import type { ProviderHttp } from './http.ts'

/** The discovery document as it came, whatever it says. */
export interface DiscoveryAnswer {
  readonly document: Readonly<Record<string, unknown>>
  /** How far the provider's clock is ahead of ours, in seconds, by the `Date` of its answer; null: it does not say. */
  readonly clockAhead: number | null
  readonly elapsedMs: number
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => value !== null && typeof value === 'object' && !Array.isArray(value)

/** A cache on the way keeps the provider's `Date` and says how old it is (RFC 9111, section 5.1). */
function clockAheadOf (headers: Headers, now: EpochSeconds): number | null {
  const date = Date.parse(headers.get('date') ?? '')
  const age = Number(headers.get('age') ?? 0)
  return Number.isNaN(date) ? null : Math.round(date / 1000) + (Number.isFinite(age) ? age : 0) - now
}

function refusalOf (status: number, location: string | null): Attempt<never> | null {
  if (status >= 300 && status < 400 && location !== null) return failed(`answers with a redirect to ${inOneLine(location)}`, 'redirects are not followed: write the address where the document is into discovery')
  return status === 200 ? null : failed(`answers with status ${status}`, 'check discovery: it ends in /.well-known/openid-configuration, behind the issuer')
}

/** Asks for the discovery document (OpenID Connect Discovery 1.0, section 4). */
export async function readDiscoveryAnswer (http: ProviderHttp, url: string, clock: Clock): Promise<Attempt<DiscoveryAnswer>> {
  const startedAt = performance.now()
  const asked = await attempt(async () => await http.fetch(url, { headers: { accept: 'application/json' } }))
  if (asked.kind === 'failed') return asked
  const { value: answer } = asked
  const refusal = refusalOf(answer.status, answer.headers.get('location'))
  if (refusal !== null) return refusal
  const elapsedMs = Math.round(performance.now() - startedAt)
  const read = await attempt(async () => await answer.json() as unknown)
  if (read.kind === 'failed' || !isObject(read.value)) return failed('answers with what is not a JSON object', 'check discovery: that is a page, or the document of something else')
  return { kind: 'done', value: { document: read.value, clockAhead: clockAheadOf(answer.headers, clock()), elapsedMs } }
}
