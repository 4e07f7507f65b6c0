import { formatProblem, type OptionProblem } from 'fastify-oidc-session-store'
import type { Path, Position } from './positions.ts'

/** One thing that is wrong with a gateway's configuration. */
export interface ConfigurationProblem extends OptionProblem {
  /** Where it stands in the file; null when it did not come from a file. */
  readonly position: Position | null
}

/** A problem at a place that is written like `listen.tls.cert`. */
export function problemAt (path: Path, message: string): OptionProblem {
  return { path, message }
}

/** Puts a part's problems under the part's own path. */
export function under (prefix: Path, problems: readonly OptionProblem[]): OptionProblem[] {
  return problems.map(({ path, message }) => ({ path: [...prefix, ...path], message }))
}

const byPosition = (a: ConfigurationProblem, b: ConfigurationProblem): number =>
  (a.position?.file ?? '').localeCompare(b.position?.file ?? '') || (a.position?.line ?? 0) - (b.position?.line ?? 0) || (a.position?.column ?? 0) - (b.position?.column ?? 0)

/** Adds the places, keeps the first problem of each member, and sorts by place. */
export function locate (problems: readonly OptionProblem[], positionOf: (path: Path) => Position | null): ConfigurationProblem[] {
  const first = new Map<string, ConfigurationProblem>()
  for (const problem of problems) {
    const key = JSON.stringify(problem.path)
    if (!first.has(key)) first.set(key, { ...problem, position: positionOf(problem.path) })
  }
  return [...first.values()].sort(byPosition)
}

/** `gateway.yaml:12:7  routes[0].uri is required`, a line for each. */
export function formatProblems (problems: readonly ConfigurationProblem[], file: string | null): string {
  return problems.map(problem => {
    const place = file === null || problem.position === null ? file : `${problem.position.file ?? file}:${problem.position.line}:${problem.position.column}`
    return place === null ? formatProblem(problem) : `${place}  ${formatProblem(problem)}`
  }).join('\n')
}
