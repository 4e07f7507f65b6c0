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
