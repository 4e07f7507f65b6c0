import type { TSchema } from '@sinclair/typebox'

export interface Words {
  readonly does: string
  readonly differs?: string
  readonly because?: string
}

export function readWords (): Record<string, Record<string, Words>>
export function readTags (source: string): Array<{ readonly line: number, readonly rows: string[] | null }>
export function readRowTests (root: string): { readonly tests: Map<string, Set<string>>, readonly problems: string[] }
export function rowsMarkdown (schema: TSchema, settings: { readonly root: string, readonly note?: (name: string) => string | null }): string
