import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkOidcOptions, optionsSchema, parseOidcOptions } from 'fastify-oidc'
import { rows, table, type Change, type Facts, type Row } from './attribute-table.ts'
import { SECRET } from './support.ts'

interface Schema {
  readonly [keyword: string]: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly anyOf?: ReadonlyArray<Schema & { readonly const: string }>
}

const file = (path: string): string => readFileSync(new URL(`../../packages/oidc/${path}`, import.meta.url), 'utf8')
const source = JSON.parse(JSON.stringify(optionsSchema)) as Schema
const published = JSON.parse(file('schema.json')) as Schema
const minimal = { client_id: 'app', client_secret: 'a secret of the client', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET } }

function find (schema: Schema, name: string): { readonly at: Schema | undefined, readonly required: boolean } {
  const path = name.split('.')
  const group = path.slice(0, -1).reduce<Schema | undefined>((at, segment) => at?.properties?.[segment], schema)
  const last = path.at(-1) ?? ''
  return { at: group?.properties?.[last], required: group?.required?.includes(last) ?? false }
}

const KEYWORDS = ['type', 'default', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'pattern', 'items'] as const

/** What our schema says of a row, in the form of the table. */
function factsOf (schema: Schema, name: string): Partial<Facts> {
  const { at: written, required } = find(schema, name)
  // Where more shapes are taken here, the row's own is among them.
  const at = written?.anyOf?.find(({ type }) => type === 'array') ?? written
  const said = Object.fromEntries(KEYWORDS.filter(keyword => at?.[keyword] !== undefined).map(keyword => [keyword, at?.[keyword]]))
  // Of a group it says that its members have defaults of their own.
  if (said.type === 'object') delete said.default
  return { ...said, required, ...(at?.anyOf === undefined ? {} : { type: 'string', enum: at.anyOf.map(({ const: value }) => value).sort() }) }
}

function changesOf (name: string, list: readonly Change[]): Partial<Facts> {
  return Object.assign({}, ...list.filter(({ rows }) => rows.includes(name)).map(({ change }) => change)) as Partial<Facts>
}

function expected ({ name, engine, ...facts }: Row, written: unknown): Partial<Facts> {
  const all = { ...facts, ...changesOf(name, table.differences), ...changesOf(name, table.bounds) }
  const fallback = all.default ?? (engine !== undefined && written === engine ? engine : undefined)
  return { ...all, ...(fallback === undefined ? {} : { default: fallback }), ...(all.enum === undefined ? {} : { enum: [...all.enum].sort() }) }
}

t.test('every row of the attribute table is an option of that name, place, type, default and range', async t => {
  t.strictSame([table.published.length, table.later.length, new Set(rows.map(({ name }) => name)).size], [82, 21, 103])
  for (const [where, schema] of [['options/schema.ts', source], ['schema.json', published]] as const) {
    for (const row of rows) {
      const facts = factsOf(schema, row.name)
      t.strictSame(facts, expected(row, facts.default), `${where}: ${row.name}`)
      t.type(find(schema, row.name).at?.description, 'string', `${where}: ${row.name} is described`)
    }
  }
})

t.test('three rows differ, and the documentation says which', async t => {
  t.strictSame(table.differences.map(({ rows, change }) => [...rows, ...Object.keys(change)]), [['ssl_verify', 'default'], ['session.redis.ssl_verify', 'default'], ['client_secret', 'required']])
  const guide = readFileSync(new URL('../../docs/apisix.md', import.meta.url), 'utf8')
  for (const { rows: [name = ''] } of table.differences) t.ok(guide.includes(`\`${name}\``), name)
})

t.test('what is written of a difference differs, and says why', async t => {
  for (const { rows: names, change, reason } of [...table.differences, ...table.bounds]) {
    t.match(reason, /\w+ \w+/)
    for (const name of names) {
      const row = rows.find(row => row.name === name)
      for (const [keyword, value] of Object.entries(change)) t.notSame(row?.[keyword as keyof Facts], value, `${name}: ${keyword}`)
    }
  }
})

function member (root: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], root)
}

t.test('the defaults hold where nothing is written (S004)', async t => {
  const options = parseOidcOptions(minimal)
  for (const { name, type, ...row } of rows) {
    if (type === 'object' || member(options, name.split('.').slice(0, -1).join('.')) === undefined) continue
    const fallback = changesOf(name, table.differences).default ?? row.default
    if (fallback !== undefined) t.strictSame(member(options, name), fallback, name)
  }
  t.strictSame(['access_token_expires_in', 'refresh_session_interval', 'redirect_uri', 'session.idling_timeout', 'session.rolling_timeout', 'required_scopes'].map(name => member(options, name)), Array.from({ length: 6 }, () => undefined))
  t.equal(options.security_profile, 'apisix')
  t.equal(member(options, 'session.absolute_timeout'), 86400)
  t.equal(options.set_raw_id_token_header, false)
})

const OTHERS: Readonly<Record<string, unknown>> = { string: 7, integer: 'seven', boolean: 'no', object: 'text', array: 7 }

/** Values that a row does not take, each with what the boot says. */
function refusedBy (facts: Partial<Facts>): Array<[value: unknown, says: RegExp]> {
  const { type = '', minimum, maximum, minLength, maxLength, minItems } = facts
  const wrong: Array<[unknown, RegExp]> = facts.enum === undefined
    ? [[OTHERS[type], /^must be an? (?:(?:string|integer|boolean|object|array)(?:, an | or an )?)+, not a (?:string|number)$/]]
    : [[7, /^must be one of "/], ['none of them', /^must be one of "/]]
  if (type === 'integer') wrong.push([1.5, /^must be an integer/])
  if (minimum !== undefined) wrong.push([minimum - 1, new RegExp(`^must be ${minimum} or more$`)])
  if (maximum !== undefined) wrong.push([maximum + 1, new RegExp(`^must be ${maximum} or less`)])
  if (minLength !== undefined) wrong.push(['x'.repeat(minLength - 1), new RegExp(`^is too short: at least ${minLength} character`)])
  if (maxLength !== undefined) wrong.push(['x'.repeat(maxLength + 1), /^is too long/])
  if (minItems !== undefined) wrong.push([[], /^/])
  if (type === 'array') wrong.push([[7], /^must be a string, not a number$/])
  if (facts.pattern !== undefined) wrong.push(['\n;', /^has the wrong form/])
  return wrong
}

t.test('each row with a value that it does not take stops the boot, told by its path and what was expected', async t => {
  for (const row of rows) {
    for (const [value, says] of refusedBy(factsOf(source, row.name))) {
      const [root = '', ...path] = row.name.split('.')
      const written = path.reduceRight<unknown>((inner, segment) => ({ [segment]: inner }), value)
      const all = { ...minimal, [root]: root === 'session' && path.length > 0 ? { secret: SECRET, ...(written as object) } : written }
      const { problems } = checkOidcOptions(all)
      const told = problems.filter(({ path }) => path.join('.').startsWith(row.name))
      t.ok(told.some(({ message }) => says.test(message)), `${row.name} = ${JSON.stringify(value)}: ${told.map(({ message }) => message).join('; ')}`)
    }
  }
})

t.test('the README of the package has every row', async t => {
  const readme = file('README.md')
  for (const { name } of rows) t.ok(readme.includes(`\n### \`${name}\`\n`), name)
})
