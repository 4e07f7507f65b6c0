/** Shorter values are part of many words. */
const MIN_LENGTH = 4

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => value !== null && typeof value === 'object'

/** Resolved values, each with the reference that stands in the file. */
function collect (written: unknown, resolved: unknown, found: Map<string, string>): void {
  if (typeof written === 'string' && typeof resolved === 'string') {
    if (written !== resolved && resolved !== '') found.set(resolved, written)
    return
  }
  if (!isObject(written) || !isObject(resolved)) return
  for (const [name, member] of Object.entries(written)) collect(member, resolved[name], found)
}

/** A function that puts `$ENV://NAME` back where its value stands: what came from a reference is not shown. */
export function concealer (written: unknown, resolved: unknown): (text: string) => string {
  const found = new Map<string, string>()
  collect(written, resolved, found)
  const longestFirst = [...found].sort(([a], [b]) => b.length - a.length)
  return text => found.get(text) ?? longestFirst
    .filter(([value]) => value.length >= MIN_LENGTH)
    .reduce((shown, [value, reference]) => shown.replaceAll(value, () => reference), text)
}

/** The same of every text in a value of JSON, before that writes what has quotes or line breaks otherwise. Names of members are left. */
export function concealIn<Value> (value: Value, conceal: (text: string) => string): Value {
  const concealed = (part: unknown): unknown => {
    if (typeof part === 'string') return conceal(part)
    if (Array.isArray(part)) return part.map(concealed)
    if (!isObject(part)) return part
    return Object.fromEntries(Object.entries(part).map(([name, member]) => [name, concealed(member)]))
  }
  return concealed(value) as Value
}
