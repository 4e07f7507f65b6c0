import type { TSchema } from '@sinclair/typebox'

export function isPlainObject (value: unknown): value is Record<string, unknown> {
  if (value === null || typeof value !== 'object') return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Copies plain data; functions and class instances are kept as they are. */
export function clonePlain (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clonePlain)
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, clonePlain(member)]))
}

/**
 * Puts defaults where nothing was written, in place. TypeBox's own `Value.Default` merges a default with
 * what was written: of a list shorter than its default the rest of the default would stay, and a list in
 * place of a group would vanish.
 */
export function fillDefaults (schema: TSchema, value: unknown): unknown {
  const filled = value === undefined ? clonePlain(schema.default) : value
  if (Array.isArray(filled) && schema.type === 'array') return filled.map(item => fillDefaults(schema.items as TSchema, item))
  if (!isPlainObject(filled) || schema.type !== 'object') return filled
  for (const [name, member] of Object.entries((schema.properties ?? {}) as Record<string, TSchema>)) {
    const inner = fillDefaults(member, Object.hasOwn(filled, name) ? filled[name] : undefined)
    if (inner !== undefined) filled[name] = inner
  }
  return filled
}
