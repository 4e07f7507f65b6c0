import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { checkConfiguration } from 'fastify-oidc-gateway'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'docs/providers')
const environment = { CLIENT_SECRET: 'a client secret that is long enough', SESSION_SECRET: 'a session secret that is long enough' }
const pages = readdirSync(folder).filter(name => name !== 'README.md')

function blocksOf (page: string, language: string): string[] {
  const text = readFileSync(join(folder, page), 'utf8')
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].filter(([, found]) => found === language).map(([, , block = '']) => block)
}

async function problemsOf (yaml: string): Promise<string[]> {
  const checked = await checkConfiguration({ value: parse(yaml), positionOf: () => null }, { environment })
  return checked.kind === 'invalid' ? checked.problems.map(({ path, message }) => `${path.join('.')} ${message}`) : []
}

t.test('every page has a file that holds', async t => {
  t.ok(pages.length >= 8)
  for (const page of pages) {
    const files = blocksOf(page, 'yaml')
    t.ok(files.length > 0, page)
    for (const file of files) t.same(await problemsOf(file), [], `${page}: ${file.slice(0, 60)}`)
  }
  t.match(await problemsOf('routes: [{ uri: "*", upstream: "http://127.0.0.1:1" }]'), [/must begin with \//], 'and one that does not is found')
})

t.test('the index has every page', async t => {
  const index = readFileSync(join(folder, 'README.md'), 'utf8')
  for (const page of pages) t.ok(index.includes(`](${page})`), page)
})

/** Where the lines of doctor come from. */
const sources = ['packages/gateway/src/doctor', 'packages/oidc/src/provider']
  .flatMap(path => readdirSync(join(root, path)).map(name => readFileSync(join(root, path, name), 'utf8')))
  .join('\n')
  .replaceAll("\\'", "'")

/** Parts of a line that no value stands in: what the code has between its placeholders. */
function isSaid (part: string): boolean {
  return sources.includes(part) || part.split(/\b(?:404|accounts\.google\.com|0\.0\.0\.0:4180|4180|offline_access|urn:[\w:]+|session\.cookie_secure: true)\b/).every(piece => sources.includes(piece.trim()))
}

t.test('what the pages quote of doctor is what doctor says', async t => {
  let count = 0
  for (const page of pages) {
    for (const line of blocksOf(page, 'text').join('').split('\n').filter(line => /^(?:ok {2}|warn|FAIL) {2}/.test(line))) {
      count++
      const parts = line.slice(6).split(/…| {2,}— | {2,}/).map(part => part.trim()).filter(part => part !== '')
      for (const part of parts.flatMap(part => part.startsWith('logout at the provider ') ? ['logout at the provider', part.slice(23)] : [part])) t.ok(isSaid(part), `${basename(page)}: ${part}`)
    }
  }
  t.ok(count >= 20, `${count} lines`)
  t.notOk(isSaid('the provider is on holiday'))
})
