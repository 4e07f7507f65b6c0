import type { SummaryRow } from '../../bench/statistics.mjs'

export interface BenchRecord {
  readonly startedAt: string
  readonly machine: {
    readonly platform: string
    readonly node: string
    readonly cpu?: string
    readonly cores: number
    readonly memoryBytes: number
    readonly pinned: { readonly server: string, readonly rest: string } | null
    readonly loadBefore: readonly number[]
  }
  readonly options: { readonly connections: number, readonly sessions: number, readonly rounds: number, readonly duration: number, readonly warmUp: number }
  readonly load: string
  readonly sizes: { readonly sessionBytes: number, readonly accessTokenBytes: number } | null
  readonly skipped: ReadonlyArray<{ readonly name: string, readonly title: string, readonly reason: string }>
  readonly summary: readonly SummaryRow[]
}

export function performanceMarkdown (record: BenchRecord): string
