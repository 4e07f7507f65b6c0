import t from 'tap'
import { parseConfiguration, type ConfigurationFormat, type ParsedSource, type Path } from 'fastify-oidc-gateway'

const YAML = `# a comment
listen:
  port: 80
routes:
  - uri: /a
    upstream: &there
      nodes: { "127.0.0.1:80": 1 }
  - upstream: *there
    "odd.name": [1, { deep: true }]
`

const JSON_TEXT = `{
  "listen": { "port": 80 },
  "routes": [
    { "uri": "/a", "upstream": { "nodes": { "127.0.0.1:80": 1 } } },
    { "upstream": { "nodes": { "127.0.0.1:80": 1 } }, "odd.name": [1, { "deep": true }] }
  ]
}`

const TOML = `# a comment
listen.port = 80
[[routes]]
uri = "/a"
[routes.upstream.nodes]
"127.0.0.1:80" = 1
[[routes]]
"odd.name" = [1, { deep = true }]
upstream = { nodes = { "127.0.0.1:80" = 1 } }
`

const MEANING = {
  listen: { port: 80 },
  routes: [
    { uri: '/a', upstream: { nodes: { '127.0.0.1:80': 1 } } },
    { upstream: { nodes: { '127.0.0.1:80': 1 } }, 'odd.name': [1, { deep: true }] }
  ]
}

function parsed (source: ParsedSource) {
  if (source.kind === 'broken') throw new Error(source.problems.map(({ message }) => message).join())
  return source.document
}

function broken (text: string, format: ConfigurationFormat) {
  const source = parseConfiguration(text, format)
  return source.kind === 'broken' ? source.problems : []
}

t.test('YAML, JSON and TOML mean the same, and each member has its place', async t => {
  const places: ReadonlyArray<readonly [Path, Record<ConfigurationFormat, readonly [number, number]>]> = [
    [[], { yaml: [1, 1], json: [1, 1], toml: [1, 1] }],
    [['listen', 'port'], { yaml: [3, 3], json: [2, 15], toml: [2, 8] }],
    [['routes', '0', 'uri'], { yaml: [5, 5], json: [4, 7], toml: [4, 1] }],
    [['routes', '0', 'upstream', 'nodes', '127.0.0.1:80'], { yaml: [7, 16], json: [4, 45], toml: [6, 1] }],
    [['routes', '1'], { yaml: [8, 5], json: [5, 5], toml: [7, 1] }],
    [['routes', '1', 'odd.name', '1', 'deep'], { yaml: [9, 23], json: [5, 73], toml: [8, 20] }],
    [['routes', '1', 'uri', 'missing'], { yaml: [8, 5], json: [5, 5], toml: [7, 1] }]
  ]
  for (const [format, text] of [['yaml', YAML], ['json', JSON_TEXT], ['toml', TOML]] as const) {
    const document = parsed(parseConfiguration(text, format))
    t.same(document.value, MEANING, format)
    for (const [path, expected] of places) {
      const [line, column] = expected[format]
      t.same(document.positionOf(path), { line, column }, `${format} ${path.join('/')}`)
    }
  }
})

t.test('a key that stands twice is a problem with its place', async t => {
  t.match(broken('a: 1\nb: 2\na: 3\n', 'yaml'), [{ position: { line: 3, column: 1 } }])
  t.match(broken('{\n  "a": 1,\n  "a": 2\n}', 'json'), [{ position: { line: 3, column: 3 } }])
  t.match(broken('a = 1\na = 2\n', 'toml'), [{ position: { line: 2 } }])
})

t.test('text that is not of the format is a problem with its place, and is not repeated', async t => {
  t.match(broken('a: [1, 2\nb: 3\n', 'yaml')[0]?.position, { line: 2 })
  t.match(broken('a = ]\n', 'toml'), [{ position: { line: 1, column: 5 } }])
  const [yamlInJson] = broken('{ client_secret: hunter2 }', 'json')
  t.match(yamlInJson?.message, /not JSON/)
  t.notMatch(yamlInJson?.message, /hunter2/)
  t.match(broken('a: 1\n---\nb: 2\n', 'yaml'), [{ message: /document/ }])
})

t.test('a key named __proto__ is a member like any other', async t => {
  for (const [format, text] of [['yaml', '__proto__: { polluted: true }'], ['json', '{ "__proto__": { "polluted": true } }'], ['toml', '[__proto__]\npolluted = true\n[a]\n__proto__.polluted = true']] as const) {
    const { value } = parsed(parseConfiguration(text, format))
    t.ok(Object.hasOwn(value as object, '__proto__'), format)
    t.equal(Object.getPrototypeOf(value), Object.prototype, format)
    t.notOk('polluted' in {}, format)
  }
})

t.test('a file that means very much is refused, quickly', async t => {
  const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 9; level++) bomb.push(`a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}]`)
  const before = performance.now()
  t.match(broken(bomb.join('\n'), 'yaml'), [{ message: /too large/ }])
  t.match(broken('a: &a [*a]\n', 'yaml'), [{ message: /too large/ }])
  t.ok(performance.now() - before < 2000)
  t.match(broken(`a: "${'x'.repeat(1024 * 1024)}"`, 'yaml'), [{ message: /larger than 1048576 bytes/ }])
  t.match(broken(`a = ${'{ a = '.repeat(60)}1${' }'.repeat(60)}`, 'toml'), [{}])
})
