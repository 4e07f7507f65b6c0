import type { SummaryRow } from './statistics.mjs'

export function drawRatios (summary: ReadonlyArray<Pick<SummaryRow, 'title' | 'group' | 'ratio' | 'ratioRange'>>, words: { readonly title: string, readonly subtitle: string }): string
