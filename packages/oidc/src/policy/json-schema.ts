import { Ajv, type ErrorObject } from 'ajv'

/** Holds claims against a JSON Schema; null: they do. A sentence for the log, without a value. */
export type ClaimCheck = (claims: object) => string | null

/** A schema that can be asked, or why it is none. */
export type CompiledSchema =
  | { readonly kind: 'check', readonly check: ClaimCheck }
  | { readonly kind: 'problem', readonly message: string }

const MAX_TEXT = 300
/** What the validator reads by itself: the dialects that schemas of the attribute table are written in. */
const DIALECT = /^https?:\/\/json-schema\.org\/draft-0[467]\/schema#?$/

const inOneLine = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_TEXT)

function describe (error: ErrorObject | undefined): string {
  const { keyword, instancePath = '', message = 'does not hold', params } = error ?? {}
  const what = keyword === 'required' ? `property "${String(params?.missingProperty)}" is required` : message
  return inOneLine(`${instancePath} ${what}`.trim())
}

/** Formats are not checked, unknown keywords say nothing; a reference leads nowhere but into the schema itself. */
function compile ({ $schema: dialect, ...schema }: Readonly<Record<string, unknown>>): ClaimCheck {
  const ajv = new Ajv({ strict: false, validateFormats: false, ownProperties: true, unicodeRegExp: false, logger: false })
  const isKnown = dialect === undefined || (typeof dialect === 'string' && DIALECT.test(dialect))
  const validate = ajv.compile(isKnown ? schema : { $schema: dialect, ...schema })
  // A promise of an answer would be taken for a yes.
  if ('$async' in validate) throw new Error('$async schemas are not supported')
  return claims => {
    try {
      return validate(claims) === true ? null : describe(validate.errors?.[0])
    } catch (error) {
      // A schema that refers to itself goes as deep as the claims do.
      if (error instanceof RangeError) return 'the claims are nested too deep'
      throw error
    }
  }
}

function tryCompile (schema: Readonly<Record<string, unknown>>): CompiledSchema {
  try {
    return { kind: 'check', check: compile(schema) }
  } catch (error) {
    return { kind: 'problem', message: inOneLine((error as Error).message) }
  }
}

const MAX_KEPT = 1000
const compiled = new Map<string, CompiledSchema>()

/** Compiled once, however many routes have it: that takes some milliseconds. */
export function compileSchema (schema: Readonly<Record<string, unknown>>): CompiledSchema {
  const text = JSON.stringify(schema)
  const known = compiled.get(text) ?? tryCompile(schema)
  if (compiled.size >= MAX_KEPT) compiled.clear()
  compiled.set(text, known)
  return known
}
