import type { OptionProblem } from 'fastify-oidc-session-store'

const ENVIRONMENT = /^\$env:\/\/([^/]+)(?:\/(.+))?$/i
const MANAGER = /^\$secret:\/\//i

function readEnvironment (name: string, key: string | undefined, environment: NodeJS.ProcessEnv): { value: string } | { problem: string } {
  const value = environment[name]
  if (value === undefined) return { problem: `refers to the environment variable ${name}, which is not set` }
  if (key === undefined) return { value }
  try {
    const member = (JSON.parse(value) as Record<string, unknown> | null)?.[key]
    if (typeof member === 'string' || typeof member === 'number') return { value: String(member) }
  } catch { /* said below: the value itself must not be repeated */ }
  return { problem: `refers to ${key} in the environment variable ${name}, which is not a JSON object with that member` }
}

function resolveText (text: string, environment: NodeJS.ProcessEnv): { value: string } | { problem: string } {
  if (MANAGER.test(text)) return { problem: 'refers to a secret manager, which is not available in this version: use $ENV://NAME' }
  const reference = ENVIRONMENT.exec(text)
  return reference?.[1] === undefined ? { value: text } : readEnvironment(reference[1], reference[2], environment)
}

/**
 * Replaces `$ENV://NAME` and `$env://NAME/json-key` at any depth. What cannot be resolved is a problem: a
 * literal reference must never become a secret.
 */
export function resolveReferences (input: unknown, environment: NodeJS.ProcessEnv = process.env): { value: unknown, problems: OptionProblem[] } {
  const problems: OptionProblem[] = []
  function walk (value: unknown, path: readonly string[]): unknown {
    if (typeof value === 'string') {
      const resolved = resolveText(value, environment)
      if ('value' in resolved) return resolved.value
      problems.push({ path, message: resolved.problem })
      return value
    }
    if (Array.isArray(value)) return value.map((member, index) => walk(member, [...path, String(index)]))
    if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, walk(member, [...path, key])]))
    }
    return value
  }
  return { value: walk(input, []), problems }
}
