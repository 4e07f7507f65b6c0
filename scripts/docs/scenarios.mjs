// Which of the numbered behaviours of the APISIX plugin (S001 to S452) a test names, and which docs/apisix.md explains.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const LAST = 452
/** Its numbers are examples. */
const OWN_TEST = 'apisix-scenarios.test.ts'
const HEADING = '## Numbered behaviours that do not apply'
/** One number, or from one to another: S312–S322, S312 to S322. */
const NUMBERS = /\bS(\d{3})\b(?:\s*(?:–|-|to)\s*S(\d{3})\b)?/g

export function readNumbers (text) {
  return [...text.matchAll(NUMBERS)].flatMap(([, from, to = from]) => Array.from({ length: Math.max(Number(to) - Number(from) + 1, 0) }, (_, index) => Number(from) + index))
}

/** Is it the name of a test? Elsewhere S256 is the method of PKCE. */
function isName (node) {
  return ts.isCallExpression(node.parent) && node.parent.arguments[0] === node && /(^|\.)test$/.test(node.parent.expression.getText())
}

/** Numbers in the texts of a test file; comments do not count. */
export function readTexts (source) {
  const found = new Set()
  const visit = node => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      for (const number of readNumbers(node.text)) if (number !== 256 || isName(node)) found.add(number)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('test.ts', source, ts.ScriptTarget.Latest, true))
  return found
}

/** Numbers in the first cells of the table below its heading. */
export function readExplained (markdown) {
  const start = markdown.indexOf(`\n${HEADING}\n`)
  const section = start === -1 ? '' : markdown.slice(start + 1).split(/\n## /)[0]
  const cells = section.split('\n').map(line => /^\| *(S\d{3}[^|]*)\| *([^|]*)\| *([^|]*\S) *\|$/.exec(line)).filter(row => row !== null)
  return new Set(cells.flatMap(([, numbers]) => readNumbers(numbers)))
}

/** Of a checkout: who shows what, and what nobody does. */
export function readScenarios (root) {
  const folder = join(root, 'test')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.test.ts') && name !== OWN_TEST)
  const tested = new Set(files.flatMap(name => [...readTexts(readFileSync(join(folder, name), 'utf8'))]))
  const explained = readExplained(readFileSync(join(root, 'docs/apisix.md'), 'utf8'))
  const all = Array.from({ length: LAST }, (_, index) => index + 1)
  return {
    tested: all.filter(number => tested.has(number)),
    explained: all.filter(number => explained.has(number)),
    missing: all.filter(number => !tested.has(number) && !explained.has(number)),
    unknown: [...tested, ...explained].filter(number => number < 1 || number > LAST)
  }
}

/** 1, 2, 3, 7 as S001–S003, S007. */
export function writeNumbers (numbers) {
  const name = number => `S${String(number).padStart(3, '0')}`
  const runs = numbers.reduce((before, number) => {
    const last = before.at(-1)
    return last !== undefined && last.to === number - 1 ? [...before.slice(0, -1), { from: last.from, to: number }] : [...before, { from: number, to: number }]
  }, [])
  return runs.map(({ from, to }) => from === to ? name(from) : `${name(from)}–${name(to)}`).join(', ')
}
