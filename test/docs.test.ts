import t from 'tap'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { Type } from '@sinclair/typebox'
import { optionsMarkdown } from '../scripts/docs/options.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

function documents (): string[] {
  const folders = ['packages', 'examples'].filter(folder => existsSync(join(root, folder)))
  const readmes = folders.flatMap(folder => readdirSync(join(root, folder)).map(name => join(root, folder, name, 'README.md')))
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map(name => join(root, 'docs', name))
  return [join(root, 'README.md'), ...readmes, ...docs].filter(file => file.endsWith('.md') && existsSync(file))
}

interface Block {
  readonly file: string
  /** Of the fence, from 1. */
  readonly line: number
  readonly language: string
  /** What stands behind the language. */
  readonly info: string
  readonly text: string
}

function blocks (file: string): Block[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  const found: Block[] = []
  let open: { readonly at: number, readonly indent: string, readonly language: string, readonly info: string } | null = null
  for (const [at, line] of lines.entries()) {
    const fence = /^(\s*)```\s*([a-z]*)\s*(.*)$/.exec(line)
    if (fence === null) continue
    if (open === null) open = { at, indent: fence[1] ?? '', language: fence[2] ?? '', info: fence[3] ?? '' }
    else {
      found.push({ file, line: open.at + 1, language: open.language, info: open.info, text: lines.slice(open.at + 1, at).join('\n') })
      open = null
    }
  }
  return found
}

/** A block may use `app` without making it. */
const AMBIENT = `import type { FastifyInstance } from 'fastify'
import 'fastify-oidc'
declare global { const app: FastifyInstance }
`

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
  types: ['node'],
  module: ts.ModuleKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  customConditions: ['fastify-oidc-source'],
  strict: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  allowJs: true,
  checkJs: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  erasableSyntaxOnly: true
}

/** What the compiler says against blocks, each as `README.md:12: …`. The folder must lie in the repository, so that packages resolve. */
function compile (folder: string, checked: readonly Block[]): string[] {
  const origins = new Map<string, Block>()
  for (const [index, block] of checked.entries()) {
    const path = join(folder, `block-${index}.${['js', 'mjs'].includes(block.language) ? 'js' : 'ts'}`)
    writeFileSync(path, block.text)
    origins.set(path, block)
  }
  const ambient = join(folder, 'ambient.d.ts')
  writeFileSync(ambient, AMBIENT)
  const program = ts.createProgram([ambient, ...origins.keys()], { ...OPTIONS, typeRoots: [join(root, 'node_modules/@types')] })
  return [...origins].flatMap(([path, block]) => ts.getPreEmitDiagnostics(program, program.getSourceFile(path)).map(({ file, start, messageText }) => {
    const line = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1
    return `${relative(root, block.file)}:${block.line + line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  }))
}

t.test('option tables, error tables and the JSON Schema say what the code says', async t => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/docs.mjs'), '--check'], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } })
  t.equal(status, 0, stderr)
})

const wrong: Block = { file: join(root, 'WRONG.md'), line: 10, language: 'ts', info: '', text: "import fastify from 'fastify'\nconst port: number = 'text'\nawait fastify().listen({ port })\napp.get('/', async () => 'hello')" }
const code = documents().flatMap(blocks).filter(({ language }) => ['ts', 'typescript', 'js', 'mjs'].includes(language))
const exempt = code.filter(({ info }) => info.startsWith('no-check'))
// One program for all: most of its time goes into the types of what the blocks import.
const problems = compile(t.testdir(), [...code.filter(block => !exempt.includes(block)), wrong])

t.test('every ts and js block of the documentation compiles', async t => {
  for (const { file, line, info } of exempt) t.match(info, /^no-check: .{10}/, `${relative(root, file)}:${line} gives a reason`)
  t.ok(code.length > 0)
  t.same(problems.filter(problem => !problem.startsWith('WRONG.md')), [])
})

t.test('a block that does not compile is found, at its line', async t => {
  const [first, ...others] = problems.filter(problem => problem.startsWith('WRONG.md'))
  t.match(first, /^WRONG\.md:12: Type 'string' is not assignable to type 'number'/)
  t.same(others, [])
})

t.test('links between documents lead somewhere', async t => {
  for (const file of documents()) {
    const text = readFileSync(file, 'utf8').replace(/```[^]*?```/g, '')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^([a-z]+:|#)/.test(target)) continue
      t.ok(existsSync(join(file, '..', target.replace(/#.*$/, ''))), `${relative(root, file)} links to ${target}`)
    }
  }
})

t.test('an option is documented with its type, limits, unit, default and members', async t => {
  const schema = Type.Object({
    timeout: Type.Optional(Type.Integer({ minimum: 1, maximum: 600, default: 3, description: 'How long, in seconds.' })),
    colour: Type.Union([Type.Literal('red'), Type.Literal('green')]),
    nodes: Type.Array(Type.Object({ host: Type.String({ minLength: 2 }) }), { minItems: 1, description: 'Where.' }),
    open: Type.Optional(Type.Unsafe({ description: 'Anything, or an object.' }))
  })
  const below = { open: Type.Object({ inner: Type.Boolean() }) }
  const note = (name: string) => name === 'colour' ? 'Not yet.' : null
  t.equal(optionsMarkdown(schema, { below, note }), [
    '### `timeout`', 'Integer, 1 to 600, seconds. Default: `3`.', 'How long, in seconds.',
    '### `colour`', 'One of `red`, `green`. Required.', 'Not yet.',
    '### `nodes`', 'List of objects, not empty. Required.', 'Where.',
    '### `nodes[].host`', 'String, 2 characters or more. Required.',
    '### `open`', 'Any.', 'Anything, or an object.',
    '### `open.inner`', 'Boolean. Required.'
  ].join('\n\n'))
})
