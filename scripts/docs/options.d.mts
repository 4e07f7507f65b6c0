import type { TSchema } from '@sinclair/typebox'

export function optionsMarkdown (schema: TSchema, settings?: {
  readonly prefix?: string
  readonly below?: Readonly<Record<string, TSchema>>
  readonly note?: (name: string) => string | null
}): string
