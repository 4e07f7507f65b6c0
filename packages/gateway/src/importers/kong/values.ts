/** Form data are texts, whatever they mean, and what comes once may be a list of one. */
export function readList (value: unknown): string[] {
  return (value === null || value === undefined ? [] : [value].flat()).map(String)
}

/** The only one; null: there are none, or several. */
export function readOnly (value: unknown): string | null {
  const [only, ...more] = readList(value)
  return only === undefined || more.length > 0 ? null : only
}

/** null: it is neither. */
export function readFlag (value: unknown): boolean | null {
  if (value === true || value === 'true') return true
  return value === false || value === 'false' ? false : null
}

/** null: it is none. */
export function readNumber (value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : null
}

/** Nothing that anybody wrote. */
export const isUnset = (value: unknown): boolean => value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)

/** A claim as options here write it: a step with a dot in it stays one step. */
export function readPath (value: unknown): string | readonly string[] {
  const steps = readList(value)
  const [only] = steps
  return steps.length === 1 && only !== undefined && !only.includes('.') ? only : steps
}
