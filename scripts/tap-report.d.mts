export interface TapOutcome {
  readonly counts: { readonly passed: number, readonly failed: number } | null
  /** What was skipped or marked as to do. */
  readonly undone: ReadonlyArray<{ readonly file: string, readonly name: string, readonly kind: 'skip' | 'todo', readonly reason: string }>
}
export function createTapReport (write: (line: string) => void, options?: { readonly comments?: 'of failed' | 'of all' }): { line (line: string): void, end (): TapOutcome }
