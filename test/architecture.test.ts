import t from 'tap'
import { fileURLToPath } from 'node:url'
import { checkArrows, checkBounds, checkCycles, checkDeclared, checkFastify, checkFiles, checkFloors } from './architecture/rules.ts'
import { readPackages, readSource, type Package } from './architecture/source-tree.ts'

const packages = readPackages(fileURLToPath(new URL('../packages', import.meta.url)))

t.test('the packages were found and read', async t => {
  t.ok(packages.length >= 6)
  t.ok(packages.every(({ files }) => files.some(({ path }) => path === 'index.ts')), 'each has an index.ts')
  t.ok(packages.find(({ folder }) => folder === 'oidc')?.files.some(({ imports }) => imports.length > 0), 'imports are seen')
})

t.test('no package imports or declares one above it', async t => t.same(checkArrows(packages), []))
t.test('the packages have no cycle', async t => t.same(checkCycles(packages), []))
t.test('every imported package is declared', async t => t.same(checkDeclared(packages), []))
t.test('no relative import leaves its package', async t => t.same(checkBounds(packages), []))
t.test('inside the core, imports go to the own folder or a lower floor', async t => t.same(checkFloors(packages), []))
t.test('inside the core, Fastify is known at the door only', async t => t.same(checkFastify(packages), []))
t.test('files are short, default exports are plugins, index.ts only exports again', async t => t.same(checkFiles(packages), []))

function fakePackage (folder: string, files: Record<string, string>, manifest: Partial<Package> = {}): Package {
  return {
    folder,
    name: folder === 'oidc' ? 'fastify-oidc' : `fastify-oidc-${folder}`,
    dependencies: [],
    peerDependencies: [],
    devDependencies: [],
    ...manifest,
    files: Object.entries(files).map(([path, text]) => readSource(path, text))
  }
}

t.test('a package that imports one above it is found', async t => {
  const tree = [
    fakePackage('oidc', { 'index.ts': "import type { x } from 'fastify-oidc-proxy'" }),
    fakePackage('proxy', { 'index.ts': "export * from 'fastify-oidc'" }, { dependencies: ['fastify-oidc'] }),
    fakePackage('session-store', {}, { devDependencies: ['fastify-oidc'] }),
    fakePackage('attic', {})
  ]
  t.same(checkArrows(tree), [
    'attic has no place among the arrows',
    'session-store/package.json may not depend on fastify-oidc',
    'oidc/src/index.ts may not import fastify-oidc-proxy'
  ])
})

t.test('a cycle between packages is found', async t => {
  const tree = [
    fakePackage('oidc', {}, { dependencies: ['fastify-oidc-proxy'] }),
    fakePackage('proxy', {}, { peerDependencies: ['fastify-oidc'] })
  ]
  t.same(checkCycles(tree), ['cycle: fastify-oidc -> fastify-oidc-proxy -> fastify-oidc'])
})

t.test('an import that nobody declared is found, in every form', async t => {
  const tree = [fakePackage('proxy', {
    'a.ts': "import x from 'undeclared'\nexport { y } from '@scope/undeclared/sub'\nconst z = await import('lazy')\ntype T = import('typed').T",
    'b.ts': "import { join } from 'node:path'\nimport fastify from 'fastify'\nimport type { WebSocket } from 'ws'",
    'c.ts': "import { WebSocket } from 'ws'"
  }, { peerDependencies: ['fastify'], devDependencies: ['@types/ws'] })]
  t.same(checkDeclared(tree), ['undeclared', '@scope/undeclared', 'lazy', 'typed'].map(name => `proxy/src/a.ts imports ${name}, which package.json does not name`)
    .concat('proxy/src/c.ts imports ws, which package.json does not name'))
})

t.test('a relative import out of the package is found', async t => {
  const tree = [fakePackage('proxy', { 'http/a.ts': "import '../b.ts'\nimport '../../../oidc/src/index.ts'\nimport '../../package.json'" })]
  t.same(checkBounds(tree), [
    'proxy/src/http/a.ts leaves its package with ../../../oidc/src/index.ts',
    'proxy/src/http/a.ts leaves its package with ../../package.json'
  ])
})

t.test('an import to a higher or an equal floor is found', async t => {
  const tree = [fakePackage('oidc', {
    'http/guard.ts': "import './decision.ts'\nimport '../login/start.ts'\nimport type { x } from '../plugin.ts'",
    'session/sessions.ts': "import '../provider/provider.ts'\nimport type { x } from '../cookie/jar.ts'",
    'augment.ts': "import type { x } from './http/request-oidc.ts'",
    'utils.ts': ''
  })]
  t.same(checkFloors(tree), [
    'oidc/src/utils.ts has no floor',
    'oidc/src/http/guard.ts (floor 6) may not import plugin.ts (floor 9)',
    'oidc/src/session/sessions.ts (floor 4) may not import cookie/jar.ts (floor 4)'
  ])
})

t.test('Fastify in an inner room is found', async t => {
  const inner = "import type { FastifyRequest } from 'fastify'"
  const tree = [fakePackage('oidc', { 'login/start.ts': inner, 'http/guard.ts': inner, 'session/renewal.ts': "import fp from 'fastify-plugin'" })]
  t.same(checkFastify(tree), ['oidc/src/login/start.ts may not know fastify', 'oidc/src/session/renewal.ts may not know fastify-plugin'])
})

t.test('a long file, a stray default export and a busy index.ts are found', async t => {
  const long = 'export const x = 1\n'.repeat(300)
  const tree = [fakePackage('proxy', {
    'long.ts': long,
    'options/schema.ts': long,
    'a.ts': 'export default function a () {}',
    'b.ts': 'const b = 1\nexport { b as default }',
    'plugin.ts': 'const plugin = 1\nexport default plugin',
    'index.ts': "import './augment.ts'\nexport { default } from './plugin.ts'\nexport const version = '1'"
  })]
  t.same(checkFiles(tree), [
    'proxy/src/long.ts has 300 lines',
    'proxy/src/a.ts has a default export',
    'proxy/src/b.ts has a default export',
    'proxy/src/index.ts does more than export again'
  ])
})
