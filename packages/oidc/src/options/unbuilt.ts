import type { OptionProblem } from 'fastify-oidc-session-store'

const MESSAGE = 'is not available in this version'

/** Names that later versions know. */
const COMING = ['auth_methods']

function readPath (root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => value === null || typeof value !== 'object' ? undefined : (value as Record<string, unknown>)[name], root)
}

/** Options that are written and would do nothing: a boot error, never ignored. */
export function findUnbuilt (input: unknown): OptionProblem[] {
  const problems: OptionProblem[] = []
  for (const name of COMING) {
    if (readPath(input, [name]) !== undefined) problems.push({ path: [name], message: MESSAGE })
  }
  return problems
}
