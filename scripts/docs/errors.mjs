// The exports of an errors.ts in, a Markdown table out. What an error means is the comment above its export.
import { readFileSync } from 'node:fs'

function comments (source) {
  const found = /\/\*\*\s*((?:(?!\*\/)[^])*?)\s*\*\/\s*export const (\w+)/g
  return new Map([...source.matchAll(found)].map(([, text, name]) => [name, text.replace(/\s*\n\s*\*?\s*/g, ' ')]))
}

function readError (name, type) {
  if (typeof type !== 'function') return null
  const { code, statusCode, message } = new type() // eslint-disable-line new-cap -- the exports are classes
  return typeof code === 'string' ? { name, code, statusCode, message } : null
}

function cell (text) {
  return text.replace(/%[sdj]/g, '…').replace(/\s*\n\s*/g, ' ').replace(/\|/g, '\\|')
}

/** One row an error, in the order of the source. */
export function errorsMarkdown (module, sourceFile) {
  const source = readFileSync(sourceFile, 'utf8')
  const meanings = comments(source)
  const errors = Object.entries(module).map(([name, type]) => readError(name, type)).filter(error => error !== null)
    .sort((a, b) => source.indexOf(`const ${a.name} `) - source.indexOf(`const ${b.name} `))
  const rows = errors.map(({ name, code, statusCode, message }) =>
    `| \`${code}\` | ${statusCode ?? ''} | ${cell(message)} | ${cell(meanings.get(name) ?? '')} |`)
  return ['| code | status | message | meaning |', '|---|---|---|---|', ...rows].join('\n')
}
