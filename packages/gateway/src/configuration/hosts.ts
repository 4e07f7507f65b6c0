/** Host patterns: `app.example.com`, `*.example.com`, and `*` for any. */
const LABEL = /^[a-z0-9_-]{1,63}$/
const ADDRESS = /^\[[0-9a-f:.]+\]$/
const HEADER = /^(?<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

export const ANY_HOST = '*'

/** What is wrong with a pattern, or null. */
export function hostProblem (pattern: string): string | null {
  if (pattern.includes(':') && !pattern.startsWith('[')) return 'must be a host without scheme and port'
  const name = pattern.toLowerCase().replace(/^\*\./, '')
  return ADDRESS.test(name) || name.split('.').every(label => LABEL.test(label)) ? null : 'must be a host name, or *. and a host name'
}

/** The name in a Host header as patterns spell it; empty when there is none that can be read. */
export function hostOf (header: string | undefined): string {
  const name = HEADER.exec(header?.toLowerCase() ?? '')?.groups?.name ?? ''
  return name.endsWith('.') ? name.slice(0, -1) : name
}

export function hostMatches (pattern: string, host: string): boolean {
  if (pattern === ANY_HOST) return true
  return pattern.startsWith('*.') ? host.length >= pattern.length && host.endsWith(pattern.slice(1)) : host === pattern
}

/** Of two patterns that match, the larger is closer: a name before a wildcard, a long wildcard before a short one. */
export function hostCloseness (pattern: string): number {
  if (pattern === ANY_HOST) return 0
  return pattern.startsWith('*.') ? pattern.length : Number.MAX_SAFE_INTEGER
}

/** Whether some host fits both. */
export function hostsOverlap (a: string, b: string): boolean {
  if (a === ANY_HOST || b === ANY_HOST) return true
  if (a.startsWith('*.') && b.startsWith('*.')) return a.endsWith(b.slice(1)) || b.endsWith(a.slice(1))
  return hostMatches(a, b) || hostMatches(b, a)
}
