// Which numbered behaviours of APISIX (S001 to S452) and of OAuth2 Proxy (O001 to O233) a test names, and which the documentation explains;
// and which advisories of OAuth2 Proxy, and requirements beyond it (W1 to W19), have a test.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const APISIX = { letter: 'S', last: 452, page: 'docs/apisix.md', heading: '## Numbered behaviours that do not apply', security: [] }
const OAUTH2_PROXY = {
  letter: 'O',
  last: 233,
  page: 'docs/oauth2-proxy.md',
  heading: '## By number',
  /** No explanation is enough for these: what they say has to be shown. */
  security: [7, 8, 18, 20, 45, 59, 62, 67, 70, 72, 74, 79, 83, 89, 90, 100, 103, 104, 110, 115, 120, 147, 148, 149, 150, 154, 155, 164, 166, 172, 174, 175, 178, 179, 192, 200, 201, 202, 203, 205, 208, 210, 226, 229]
}
/** Each under its names: one of them in a test is enough. */
const ADVISORIES = [
  ['GHSA-qqxw-m5fj-f7gv', 'CVE-2020-5233'],
  ['GHSA-j7px-6hwj-hpjg', 'CVE-2020-11053'],
  ['GHSA-5m6c-jp6f-2vcv', 'CVE-2020-4037'],
  ['GHSA-4mf2-f3wh-gvf2', 'CVE-2021-21291'],
  ['GHSA-652x-m2gr-hppm', 'CVE-2021-21411'],
  ['GHSA-7rh7-c77v-6434', 'CVE-2025-54576'],
  ['GHSA-vjrc-mh2v-45x6', 'CVE-2025-64484'],
  ['GHSA-f24x-5g9q-753f', 'CVE-2026-34454'],
  ['GHSA-5hvv-m4w4-gf6v', 'CVE-2026-34457'],
  ['GHSA-7x63-xv5r-3p2x', 'CVE-2026-40575'],
  ['GHSA-pxq7-h93f-9jrg', 'CVE-2026-41059'],
  ['GHSA-c5c4-8r6x-56w3', 'CVE-2026-40574'],
  ['CVE-2017-1000069'],
  ['CVE-2017-1000070']
]
const REQUIREMENTS = Array.from({ length: 19 }, (_, index) => [`W${index + 1}`])
/** Their numbers are examples. */
const OWN_TESTS = new Set(['apisix-scenarios.test.ts', 'oauth2-proxy-scenarios.test.ts'])

/** One number, or from one to another: S312–S322, S312 to S322. */
export function readNumbers (text, letter = APISIX.letter) {
  const numbers = new RegExp(`\\b${letter}(\\d{3})\\b(?:\\s*(?:–|-|to)\\s*${letter}(\\d{3})\\b)?`, 'g')
  return [...text.matchAll(numbers)].flatMap(([, from, to = from]) => Array.from({ length: Math.max(Number(to) - Number(from) + 1, 0) }, (_, index) => Number(from) + index))
}

/** Is it the name of a test? Elsewhere S256 is the method of PKCE. */
function isName (node) {
  return ts.isCallExpression(node.parent) && node.parent.arguments[0] === node && /(^|\.)test$/.test(node.parent.expression.getText())
}

function visitTexts (source, see) {
  const visit = node => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) see(node)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('test.ts', source, ts.ScriptTarget.Latest, true))
}

/** Numbers in the texts of a test file; comments do not count. */
export function readTexts (source, letter = APISIX.letter) {
  const found = new Set()
  visitTexts(source, node => {
    for (const number of readNumbers(node.text, letter)) if (letter !== 'S' || number !== 256 || isName(node)) found.add(number)
  })
  return found
}

/** Names of advisories and requirements in the texts of a test file that say something about them. */
export function readNames (source) {
  const found = new Set()
  visitTexts(source, ({ text }) => {
    for (const [name] of text.matchAll(/\b(?:GHSA(?:-[a-z0-9]{4}){3}|CVE-\d{4}-\d+|W\d{1,2})\b/g)) if (text.length > name.length) found.add(name)
  })
  return found
}

/** Numbers in the first cells of the table below its heading. */
export function readExplained (markdown, { letter, heading } = APISIX) {
  const start = markdown.indexOf(`\n${heading}\n`)
  const section = start === -1 ? '' : markdown.slice(start + 1).split(/\n## /)[0]
  const row = new RegExp(`^\\| *(${letter}\\d{3}[^|]*)\\| *([^|]*)\\| *([^|]*\\S) *\\|$`)
  return new Set(section.split('\n').map(line => row.exec(line)).filter(cells => cells !== null).flatMap(([, numbers]) => readNumbers(numbers, letter)))
}

function readTests (root) {
  const folder = join(root, 'test')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.test.ts') && !OWN_TESTS.has(name))
  return files.map(name => readFileSync(join(folder, name), 'utf8'))
}

function readList (root, list) {
  const tested = new Set(readTests(root).flatMap(source => [...readTexts(source, list.letter)]))
  const explained = readExplained(readFileSync(join(root, list.page), 'utf8'), list)
  const all = Array.from({ length: list.last }, (_, index) => index + 1)
  return {
    tested: all.filter(number => tested.has(number)),
    explained: all.filter(number => explained.has(number)),
    missing: all.filter(number => !tested.has(number) && (!explained.has(number) || list.security.includes(number))),
    unknown: [...tested, ...explained].filter(number => number < 1 || number > list.last)
  }
}

/** Of a checkout: who shows what of APISIX, and what nobody does. */
export function readScenarios (root) {
  return readList(root, APISIX)
}

/** The same of OAuth2 Proxy. */
export function readProxyScenarios (root) {
  return readList(root, OAUTH2_PROXY)
}

/** Advisories and requirements: how many have a test, and the names of those that have none. */
export function readAdvisories (root) {
  const found = new Set(readTests(root).flatMap(source => [...readNames(source)]))
  const judge = groups => ({ tested: groups.filter(names => names.some(name => found.has(name))).length, missing: groups.filter(names => !names.some(name => found.has(name))).map(names => names.join(' ')) })
  return { advisories: judge(ADVISORIES), requirements: judge(REQUIREMENTS) }
}

/** 1, 2, 3, 7 as S001–S003, S007. */
export function writeNumbers (numbers, letter = APISIX.letter) {
  const name = number => `${letter}${String(number).padStart(3, '0')}`
  const runs = numbers.reduce((before, number) => {
    const last = before.at(-1)
    return last !== undefined && last.to === number - 1 ? [...before.slice(0, -1), { from: last.from, to: number }] : [...before, { from: number, to: number }]
  }, [])
  return runs.map(({ from, to }) => from === to ? name(from) : `${name(from)}–${name(to)}`).join(', ')
}
