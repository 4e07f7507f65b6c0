import t from 'tap'
import { fileURLToPath } from 'node:url'
import { Type } from '@sinclair/typebox'
import { readRowTests, readTags, readWords, rowsMarkdown } from '../scripts/docs/apisix-rows.mjs'
import { rows, table } from './oidc/attribute-table.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const names = rows.map(({ name }) => name)

t.test('every row of the attribute table has a test, and every tag is above one and names a row', async t => {
  const { tests, problems } = readRowTests(root)
  t.same(names.filter(name => !tests.has(name)), [], 'rows without a test: write `// rows: NAME` above the one that shows it')
  t.same([...tests.keys()].filter(name => !names.includes(name)), [], 'tags that name no row')
  t.same(problems, [])
})

t.test('docs/apisix.md speaks of every row once, and of nothing else', async t => {
  const topics = Object.values(readWords())
  t.same(topics.flatMap(topic => Object.keys(topic)).sort(), [...names].sort())
  for (const [name, { does, differs, because, ...others }] of topics.flatMap(topic => Object.entries(topic))) {
    t.match(does, /^["`A-Z]/, `${name}: says what it does`)
    t.equal(differs === undefined, because === undefined, `${name}: a difference has its reason`)
    t.same(others, {}, name)
  }
})

t.test('what differs by the fixture differs in the documentation', async t => {
  const words = Object.assign({}, ...Object.values(readWords())) as Record<string, { differs?: string }>
  for (const name of table.differences.flatMap(({ rows }) => rows)) t.type(words[name]?.differs, 'string', name)
})

t.test('a tag stands right above a test', async t => {
  const source = "// rows: a, b.c\nt.test('x', async t => {\n  // rows: d\n  await t.test('y')\n})\n// rows: e\n\nt.test('z')\n"
  t.same(readTags(source), [{ line: 1, rows: ['a', 'b.c'] }, { line: 3, rows: ['d'] }, { line: 6, rows: null }])
})

t.test('a row has its default, its words, its difference and its tests', async t => {
  const schema = Type.Object({ timeout: Type.Integer({ default: 3 }), use_pkce: Type.Boolean({ default: false }), session: Type.Object({ storage: Type.String() }, { default: {} }) })
  const lines = rowsMarkdown(schema, { root, note: name => name === 'session.storage' ? '*Not yet.*' : null }).split('\n')
  t.match(lines.find(line => line.startsWith('| `timeout` ')), /^\| `timeout` \| `3` \| Seconds [^|]+ \| It counts [^|]+ Here: [^|]+\. \| [^|]*\[provider-outage\]\(\.\.\/test\/oidc\/provider-outage\.test\.ts\)[^|]* \|$/)
  t.match(lines.find(line => line.startsWith('| `use_pkce` ')), /^\| `use_pkce` \| `false` \| [^|]+ \| same \| \[/)
  t.match(lines.find(line => line.startsWith('| `session` ')), /^\| `session` \| {2}\| /)
  t.match(lines.find(line => line.startsWith('| `session.storage` ')), /^\| `session\.storage` \| {2}\| [^|]+\*Not yet\.\* \|/)
})
