import { RE2JS, RE2JSException } from 're2js'

/** A regular expression in RE2's syntax, which takes time in proportion to the text, whatever both are. */
export interface PathPattern {
  matches (text: string): boolean
}

export type ParsedPattern =
  | { readonly kind: 'pattern', readonly pattern: PathPattern }
  | { readonly kind: 'problem', readonly message: string }

const REASON = /^error parsing regexp: /

/** Compiles an expression, not anchored. */
export function parsePattern (source: string, { ignoresCase }: { readonly ignoresCase: boolean }): ParsedPattern {
  try {
    const compiled = RE2JS.compile(source, ignoresCase ? RE2JS.CASE_INSENSITIVE : 0)
    return { kind: 'pattern', pattern: { matches: text => compiled.test(text) } }
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    return { kind: 'problem', message: `is not a regular expression of RE2 (Go): ${error.message.replace(REASON, '')}` }
  }
}
