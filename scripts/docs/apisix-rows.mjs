// The rows of the attribute table as Markdown: name and default from the schema, words from apisix-rows.yaml, tests by their tags.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const TAG = /^\s*\/\/ rows: (.*)$/

/** Topic, then row, then its words. */
export function readWords () {
  return parse(readFileSync(fileURLToPath(new URL('apisix-rows.yaml', import.meta.url)), 'utf8'))
}

/** Rows by the tags above the tests of one file; null: the tag stands above something else. */
export function readTags (source) {
  const lines = source.split('\n')
  return lines.flatMap((line, index) => {
    const rows = TAG.exec(line)?.[1]
    if (rows === undefined) return []
    const isAboveTest = /\btest\(/.test(lines[index + 1] ?? '')
    return [{ line: index + 1, rows: isAboveTest ? rows.split(',').map(row => row.trim()) : null }]
  })
}

/** Tests by row: the files below test/. */
export function readRowTests (root) {
  const folder = join(root, 'test')
  const tests = new Map()
  const problems = []
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.test.ts')).sort()) {
    for (const { line, rows } of readTags(readFileSync(join(folder, file), 'utf8'))) {
      if (rows === null) problems.push(`test/${file}:${line}: no test below it`)
      for (const row of rows ?? []) tests.set(row, new Set([...tests.get(row) ?? [], file.replaceAll('\\', '/')]))
    }
  }
  return { tests, problems }
}

function find (schema, name) {
  const [segment, ...rest] = name.split('.')
  const member = schema.properties?.[segment]
  return rest.length === 0 || member === undefined ? member : find(member, rest.join('.'))
}

function fallbackOf (schema, name) {
  const { default: value, type } = find(schema, name) ?? {}
  return value === undefined || type === 'object' ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

const upper = text => text.charAt(0).toUpperCase() + text.slice(1)
const cell = text => text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ').trim()

function link (file) {
  return `[${file.replace(/\.test\.ts$/, '').replace(/^oidc\//, '')}](../test/${file})`
}

function line (name, words, { schema, tests, note }) {
  const differs = words.differs === undefined ? 'same' : `${upper(words.differs)}. Here: ${words.because}.`
  const does = [words.does, note(name)].filter(Boolean).join(' ')
  return `| \`${name}\` | ${[fallbackOf(schema, name), does, differs, [...tests.get(name) ?? []].map(link).join(', ')].map(cell).join(' | ')} |`
}

/** One table a topic. */
export function rowsMarkdown (schema, { root, note = () => null }) {
  const { tests } = readRowTests(root)
  return Object.entries(readWords()).map(([topic, rows]) => [
    `### ${topic}`,
    '',
    '| row | default | here | in APISIX | tests |',
    '|---|---|---|---|---|',
    ...Object.entries(rows).map(([name, words]) => line(name, words, { schema, tests, note }))
  ].join('\n')).join('\n\n')
}
