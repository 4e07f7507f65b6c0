export interface RoundResult {
  readonly requestsPerSecond: number
  readonly cpuUsPerRequest: number | null
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rssBytes: number | null
}

export interface Sizes {
  readonly upstreamBytes: number
  readonly cookieBytes: number
  readonly setCookieBytes: number
}

export interface SummaryRow extends Partial<Sizes> {
  readonly name: string
  readonly title: string
  readonly group: string
  readonly note: string | null
  readonly requestsPerSecond: number
  readonly requestsPerSecondRange: readonly [number, number]
  readonly ratio: number
  readonly ratioRange: readonly [number, number]
  readonly cpuUsPerRequest: number | null
  readonly cpuRatio: number | null
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p99MsRange: readonly [number, number]
  readonly p99Ratio: number
  readonly rssBytes: number | null
}

export interface Contestant {
  readonly name: string
  readonly title: string
  readonly group: string
  readonly note?: string
  readonly sizes?: Sizes
}

export function median (values: readonly number[]): number
export function summarize (contestants: readonly Contestant[], rounds: ReadonlyArray<Readonly<Record<string, RoundResult>>>): SummaryRow[]
