/** A text of the YAML after its variables are put in. */
export interface Substituted {
  readonly text: string
  /** The variable that all of it came from; null: it stands there itself. */
  readonly variable: string | null
}

/** `$$` is a dollar sign; `${NAME:-text}` has a text for where NAME is not set or empty, `${NAME-text}` for where it is not set. */
const REFERENCE = /\$\$|\$\{([A-Za-z_]\w*)(?:(:?[-=+])([^}]*))?\}|\$([A-Za-z_]\w*)/g
const WHOLE = /^\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))$/

function choose (value: string | undefined, operator: string | undefined, otherwise: string): string | null {
  const isThere = value !== undefined && !(operator?.startsWith(':') === true && value === '')
  if (operator?.endsWith('+') === true) return isThere ? otherwise : ''
  if (isThere) return value
  return operator === undefined ? null : otherwise
}

/**
 * Puts variables of the environment in. One that is not set is a problem, where OAuth2 Proxy would read an empty text; digits such as `$1` are left alone.
 * So is what looks like a variable with a default and is a placeholder, `${your-okta-domain}`: its variable is not set.
 */
export function substitute (text: string, environment: NodeJS.ProcessEnv): Substituted | { readonly problem: string } {
  const missing: string[] = []
  const substituted = text.replace(REFERENCE, (all, braced: string | undefined, operator: string | undefined, otherwise: string | undefined, bare: string | undefined) => {
    const name = braced ?? bare
    if (name === undefined) return '$'
    const chosen = choose(environment[name], operator, otherwise ?? '')
    if (chosen === null) missing.push(name)
    return operator === '-' && environment[name] === undefined && name.toLowerCase() === 'your' ? all : chosen ?? ''
  })
  if (missing[0] !== undefined) return { problem: `names the variable ${missing[0]}, which is not set` }
  const [, braced, bare] = WHOLE.exec(text) ?? []
  return { text: substituted, variable: braced ?? bare ?? null }
}
