// TypeBox schema in, Markdown out: one heading an option, groups before their members.

const PATTERNS = {
  '^https?://': 'URL',
  '^/': 'path',
  '^(https?:/)?/': 'URL or path',
  '-----BEGIN ': 'PEM'
}

function code (value) {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``
}

function plural (name) {
  if (name === 'any') return 'anything'
  return /^(one of|[^ ]+ or )/.test(name) ? `(${name})` : name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`
}

function unionName (members) {
  const values = members.filter(member => 'const' in member)
  const others = members.filter(member => !('const' in member)).map(typeName)
  const oneOf = values.length > 1 ? [`one of ${values.map(({ const: value }) => code(value)).join(', ')}`] : values.map(({ const: value }) => code(value))
  return [...new Set([...others, ...oneOf])].join(' or ')
}

/** Shapes that a page of their own explains. */
const GRAMMARS = {
  requirement: '[requirement](../../docs/policy.md#requirements)',
  choice: '[requirement](../../docs/policy.md#requirements) without `all_of`',
  alternatives: '[requirement](../../docs/policy.md#requirements) of `any_of` alone',
  claim: '[claim](../../docs/policy.md#claims)'
}

function typeName (schema) {
  if (schema.grammar in GRAMMARS) return GRAMMARS[schema.grammar]
  if (schema.anyOf) return unionName(schema.anyOf)
  if ('const' in schema) return code(schema.const)
  if (schema.type === 'array') return `list of ${plural(typeName(schema.items))}`
  if (schema.type === 'string' && schema.pattern in PATTERNS) return PATTERNS[schema.pattern]
  return { Function: 'function', object: 'object' }[schema.type] ?? schema.type ?? 'any'
}

function limits (schema) {
  const { minimum, exclusiveMinimum, maximum, minLength, minItems, pattern } = schema
  const words = []
  if (minimum !== undefined && maximum !== undefined) words.push(`${minimum} to ${maximum}`)
  else if (minimum !== undefined) words.push(`${minimum} or more`)
  else if (maximum !== undefined) words.push(exclusiveMinimum === undefined ? `${maximum} or less` : `more than ${exclusiveMinimum}, ${maximum} or less`)
  else if (exclusiveMinimum !== undefined) words.push(`more than ${exclusiveMinimum}`)
  if (minLength > 1) words.push(`${minLength} characters or more`)
  if (minItems > 0) words.push(minItems === 1 ? 'not empty' : `${minItems} entries or more`)
  if (pattern !== undefined && !(pattern in PATTERNS)) words.push(`matching ${code(pattern)}`)
  return words
}

function unit ({ type, description = '' }) {
  if (type !== 'integer' && type !== 'number') return []
  const name = /\b(milliseconds|seconds|bytes)\b/i.exec(description)?.[1]
  return name === undefined ? [] : [name.toLowerCase()]
}

function facts (schema, required) {
  const type = [typeName(schema), ...limits(schema), ...unit(schema)].join(', ')
  const sentence = `${type.charAt(0).toUpperCase()}${type.slice(1)}.`
  if (schema.default !== undefined && !(schema.type === 'object')) return `${sentence} Default: ${schema.default === '' ? 'empty' : code(schema.default)}.`
  return required ? `${sentence} Required.` : sentence
}

function membersOf (schema) {
  if (schema.grammar in GRAMMARS) return null
  if (schema.type === 'array') return membersOf(schema.items)
  if (schema.anyOf) return schema.anyOf.map(membersOf).find(members => members !== null) ?? null
  return schema.properties && Object.keys(schema.properties).length > 0 ? schema : null
}

function option (name, schema, required, settings) {
  const text = [`### \`${name}\``, facts(schema, required), schema.description, settings.note(name)].filter(Boolean)
  const inner = settings.below[name] ?? membersOf(schema)
  const path = schema.type === 'array' ? `${name}[]` : name
  return inner === null ? text : [...text, ...options(inner, path, settings)]
}

function options (schema, prefix, settings) {
  return Object.entries(schema.properties).flatMap(([name, member]) =>
    option(prefix === '' ? name : `${prefix}.${name}`, member, (schema.required ?? []).includes(name), settings))
}

/**
 * Every option of a schema as Markdown.
 * `below` has the schemas of members that the schema itself leaves open, by option name; `note` may add a sentence to an option.
 */
export function optionsMarkdown (schema, { prefix = '', below = {}, note = () => null } = {}) {
  return options(schema, prefix, { below, note }).join('\n\n')
}
