import t from 'tap'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly license?: string
  readonly type?: string
  readonly engines?: Record<string, string>
  readonly files?: readonly string[]
  readonly exports?: Record<string, string | Record<string, string>>
  readonly bin?: Record<string, string>
}

function readManifest (folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

const workspace = readManifest(root)
const packages = readdirSync(join(root, 'packages')).map(name => join(root, 'packages', name)).filter(folder => existsSync(join(folder, 'package.json')))
  .map(folder => ({ folder, manifest: readManifest(folder) }))

function entries (manifest: Manifest): string[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([name, target]) => typeof target === 'string' ? [] : [`${manifest.name}${name.slice(1)}`])
}

t.test('the packages agree on what a user sees of them', async t => {
  const versions = new Set(packages.map(({ manifest }) => manifest.version))
  t.equal(versions.size, 1, 'one version')
  for (const { manifest } of packages) {
    t.match(manifest, { license: 'MIT', type: 'module', engines: workspace.engines, description: /./ }, manifest.name)
  }
})

t.test('what a package exports and runs is built, and is among its files', async t => {
  for (const { folder, manifest } of packages) {
    const targets = Object.values(manifest.exports ?? {}).flatMap(target => typeof target === 'string' ? [target] : Object.values(target))
    for (const target of [...targets, ...Object.values(manifest.bin ?? {})]) {
      const path = target.replace(/^\.\//, '')
      t.ok(existsSync(join(folder, path)), `${manifest.name}: ${path} exists`)
      t.ok(path === 'package.json' || (manifest.files ?? []).some(file => path === file || path.startsWith(`${file}/`)), `${manifest.name}: ${path} is packed`)
    }
    for (const program of Object.values(manifest.bin ?? {})) t.match(readFileSync(join(folder, program), 'utf8'), /^#!\/usr\/bin\/env node\n/)
  }
})

t.test('every entry can be imported as an installed package is, without the sources', async t => {
  const names = packages.flatMap(({ manifest }) => entries(manifest))
  const script = `for (const name of ${JSON.stringify(names)}) if (Object.keys(await import(name)).length === 0) throw new Error(name + ' exports nothing')`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: root, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } })
  t.equal(status, 0, stderr)
})

t.test('the declarations of every entry hold for a user who has them alone', async t => {
  const names = packages.flatMap(({ manifest }) => entries(manifest))
  const consumer = join(t.testdir(), 'consumer.ts')
  writeFileSync(consumer, names.map((name, index) => `export * as entry${index} from '${name}'`).join('\n'))
  const program = ts.createProgram([consumer], {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')]
  })
  const ours = program.getSourceFiles().filter(({ fileName }) => fileName === consumer || fileName.startsWith(join(root, 'packages')))
  t.ok(ours.some(({ fileName }) => fileName.endsWith('/packages/oidc/dist/index.d.ts')), 'the declarations are read, not the sources')
  const problems = ours.flatMap(file => ts.getPreEmitDiagnostics(program, file)).map(({ file, messageText }) =>
    `${relative(root, file?.fileName ?? '')}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
  t.same(problems, [])
})
