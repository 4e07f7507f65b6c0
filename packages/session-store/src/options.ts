import { Type, type Static, type TObject, type TOptional, type TSchema, type TProperties } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { distance } from 'fastest-levenshtein'
import { OptionsInvalidError } from './errors.ts'
import { clonePlain, fillDefaults, isPlainObject } from './option-defaults.ts'

/** An option that may be left out and is always there after parsing. */
export type TDefault<T extends TSchema> = TOptional<T> & { readonly defaulted: true }

/** Gives an option its default. */
export function withDefault<T extends TSchema> (schema: T, value: unknown): TDefault<T> {
  return Type.Optional({ ...schema, default: value }) as unknown as TDefault<T>
}

/** A nested group of options; its own defaults hold even when the group is left out. */
export function group<P extends TProperties> (properties: P, description: string): TDefault<TObject<P>> {
  return withDefault(Type.Object(properties, { additionalProperties: false, description }), {})
}

type Simplify<T> = { [K in keyof T]: T[K] }
type PresentKeys<P> = { [K in keyof P]: P[K] extends { readonly defaulted: true } ? K : P[K] extends TOptional<TSchema> ? never : K }[keyof P]

/** What options are after `parseOptions`: those with a default are present. */
export type Resolved<T extends TSchema> = T extends TObject<infer P>
  ? Simplify<{ readonly [K in PresentKeys<P>]: Resolved<P[K]> } & { readonly [K in Exclude<keyof P, PresentKeys<P>>]?: Resolved<P[K]> }>
  : Static<T>

/** One thing that is wrong with a configuration. */
export interface OptionProblem {
  /** Where, by member names and indexes: `['session', 'secret']`. */
  readonly path: readonly string[]
  /** What was expected, without the path. */
  readonly message: string
}

function freezeDeep<T> (value: T): T {
  if (Array.isArray(value) || isPlainObject(value)) {
    for (const member of Object.values(value)) freezeDeep(member)
    Object.freeze(value)
  }
  return value
}

/** The known name that was probably meant, or null. */
export function nearestName (name: string, known: readonly string[]): string | null {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '')
  let best: { name: string, edits: number } | null = null
  for (const candidate of known) {
    const edits = distance(plain(name), plain(candidate))
    if (best === null || edits < best.edits) best = { name: candidate, edits }
  }
  return best !== null && best.edits <= Math.max(2, Math.floor(name.length / 3)) ? best.name : null
}

/** `session.redis.port`, `routes[0].uri`. */
export function formatPath (path: readonly string[]): string {
  return path.map((segment, index) => /^\d+$/.test(segment) ? `[${segment}]` : index === 0 ? segment : `.${segment}`).join('')
}

/** One line for a person. */
export function formatProblem ({ path, message }: OptionProblem): string {
  return path.length === 0 ? message : `${formatPath(path)} ${message}`
}

function segments (pointer: string): string[] {
  return pointer.split('/').slice(1).map(segment => segment.replace(/~1/g, '/').replace(/~0/g, '~'))
}

function typeName (value: unknown): string {
  if (value === undefined) return 'missing'
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function unknownOption (path: readonly string[], root: TSchema): string {
  const known = Object.keys(memberSchemas(schemaAt(root, path.slice(0, -1))))
  const nearest = nearestName(path.at(-1) ?? '', known)
  return nearest === null ? 'is not a known option' : `is not a known option; did you mean ${nearest}?`
}

function memberSchemas (schema: TSchema | null): Record<string, TSchema> {
  return (schema?.properties ?? {}) as Record<string, TSchema>
}

/** Of a choice between shapes the one that has members. */
function withMembers (schema: TSchema): TSchema {
  return (schema.anyOf as TSchema[] | undefined)?.find(({ properties }) => properties !== undefined) ?? schema
}

function schemaAt (written: TSchema | null, path: readonly string[]): TSchema | null {
  const [head, ...rest] = path
  const schema = written === null ? null : withMembers(written)
  if (schema === null || head === undefined) return schema
  const next = (schema.type === 'array' ? schema.items : memberSchemas(schema)[head]) as TSchema | undefined
  return schemaAt(next ?? null, rest)
}

/** `a string, an array or false`, where a choice is more than one of texts. */
function shapeNames (members: readonly TSchema[]): string | null {
  if (members.every(({ const: literal }) => literal !== undefined) || !members.every(({ type }) => typeof type === 'string')) return null
  const names = members.map(({ const: literal, type }) => literal === undefined ? `${/^[aeio]/.test(String(type)) ? 'an' : 'a'} ${String(type)}` : JSON.stringify(literal))
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].join(' or ')
}

function expected (schema: TSchema, value: unknown): string | null {
  const shapes = schema.anyOf === undefined ? null : shapeNames(schema.anyOf as TSchema[])
  if (shapes !== null) return `must be ${shapes}, not ${typeName(value)}`
  if (schema.const !== undefined) return `must be ${JSON.stringify(schema.const)}`
  const literals = (schema.anyOf as TSchema[] | undefined)?.map(member => member.const as unknown).filter(literal => literal !== undefined)
  if (literals !== undefined && literals.length > 0) {
    const choices = `must be one of ${literals.map(literal => JSON.stringify(literal)).join(', ')}`
    return literals.some(literal => typeof literal === typeof value) ? choices : `${choices}, not ${typeName(value)}`
  }
  const article = /^[aeio]/.test(String(schema.type)) ? 'an' : 'a'
  return typeof schema.type === 'string' ? `must be ${article} ${schema.type}, not ${typeName(value)}` : null
}

/** The value is never repeated: it may be a secret. */
function describe (error: ValueError, path: readonly string[], root: TSchema): string {
  switch (error.type) {
    case ValueErrorType.ObjectRequiredProperty: return 'is required'
    case ValueErrorType.ObjectAdditionalProperties: return unknownOption(path, root)
    case ValueErrorType.StringMinLength: return `is too short: at least ${error.schema.minLength as number} characters`
    case ValueErrorType.StringMaxLength: return `is too long: at most ${error.schema.maxLength as number} characters`
    case ValueErrorType.StringPattern: return `has the wrong form${typeof error.schema.description === 'string' ? ` (${error.schema.description})` : ''}`
    case ValueErrorType.IntegerMinimum:
    case ValueErrorType.NumberMinimum: return `must be ${error.schema.minimum as number} or more`
    case ValueErrorType.IntegerMaximum:
    case ValueErrorType.NumberMaximum: return `must be ${error.schema.maximum as number} or less`
    case ValueErrorType.ArrayMinItems: return `needs at least ${error.schema.minItems as number} of them`
    default: return expected(error.schema, error.value) ?? error.message.charAt(0).toLowerCase() + error.message.slice(1)
  }
}

function isShapeOf ({ type, const: literal }: TSchema, value: unknown): boolean {
  if (literal !== undefined) return false
  const shape = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
  return type === shape
}

/** What is wrong with a choice between shapes is what is wrong with the shape that was meant. */
function unfold (error: ValueError): ValueError[] {
  if (error.type !== ValueErrorType.Union) return [error]
  const meant = error.errors[(error.schema.anyOf as TSchema[]).findIndex(member => isShapeOf(member, error.value))]
  return meant === undefined ? [error] : [...meant].flatMap(unfold)
}

/** Every problem of a configuration, the first one per option, and the options with their defaults, frozen. */
export function checkOptions<T extends TSchema> (schema: T, input: unknown): { options: Resolved<T>, problems: OptionProblem[] } {
  const options = fillDefaults(schema, clonePlain(input))
  const problems = new Map<string, OptionProblem>()
  if (!Value.Check(schema, options)) {
    for (const error of [...Value.Errors(schema, options)].flatMap(unfold)) {
      const path = segments(error.path)
      if (!problems.has(error.path)) problems.set(error.path, { path, message: describe(error, path, schema) })
    }
  }
  return { options: freezeDeep(options) as Resolved<T>, problems: [...problems.values()] }
}

/** The error that a boot stops with. */
export function optionsError (name: string, problems: readonly OptionProblem[]): Error {
  return new OptionsInvalidError(name, problems.map(problem => `  - ${formatProblem(problem)}`).join('\n'))
}

/**
 * Checks options, fills in defaults and freezes the result. The caller's object is left as it is.
 * @throws FST_OIDC_OPTIONS_INVALID with every problem at once
 */
export function parseOptions<T extends TSchema> (name: string, schema: T, input: unknown): Resolved<T> {
  const { options, problems } = checkOptions(schema, input)
  if (problems.length > 0) throw optionsError(name, problems)
  return options
}
