import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import type { Import, Package, SourceFile } from './source-tree.ts'

/** A rule that does not hold, as a sentence that names the file. */
export type Violation = string

/** Which packages a package may know, by folder: what the arrows reach, directly or over others. */
const REACHES: Readonly<Record<string, readonly string[]>> = {
  'session-store': [],
  'cookie-store': ['session-store'],
  'redis-store': ['session-store'],
  oidc: ['cookie-store', 'redis-store', 'session-store'],
  proxy: ['oidc', 'cookie-store', 'redis-store', 'session-store'],
  'forward-auth': ['oidc', 'cookie-store', 'redis-store', 'session-store'],
  testing: ['oidc', 'cookie-store', 'redis-store', 'session-store'],
  gateway: ['forward-auth', 'proxy', 'redis-store', 'oidc', 'cookie-store', 'session-store']
}

/** The floors of the core: a file knows its own folder and lower floors. */
const FLOORS: Readonly<Record<string, number>> = {
  'index.ts': 10,
  'plugin.ts': 9,
  'augment.ts': 9,
  core: 8,
  routes: 7,
  http: 6,
  login: 5,
  consumer: 5,
  basic: 5,
  session: 4,
  bearer: 4,
  cookie: 4,
  provider: 3,
  options: 2,
  policy: 1,
  'errors.ts': 0,
  'events.ts': 0,
  'flights.ts': 0,
  'memories.ts': 0
}

const KNOWS_FASTIFY = new Set(['http', 'routes', 'cookie', 'core', 'plugin.ts', 'augment.ts', 'index.ts'])
const MAX_LINES = 300
const TABLE = /(^|[/-])(schema|errors|table)\.ts$/

function packageName (specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

function isRelative ({ specifier }: Import): boolean {
  return specifier.startsWith('.') || specifier.startsWith('/')
}

function eachImport (packages: readonly Package[], check: (from: Package, file: SourceFile, imported: Import) => Violation | null): Violation[] {
  return packages.flatMap(from => from.files.flatMap(file => file.imports.map(imported => check(from, file, imported)).filter(violation => violation !== null)))
}

/** Packages import, and declare, only packages that their arrows reach. */
export function checkArrows (packages: readonly Package[]): Violation[] {
  const folderOf = new Map(packages.map(({ name, folder }) => [name, folder]))
  const allowed = (from: Package, name: string): boolean => {
    const folder = folderOf.get(name)
    return folder === undefined || folder === from.folder || (REACHES[from.folder] ?? []).includes(folder)
  }
  const strangers = packages.filter(({ folder }) => REACHES[folder] === undefined).map(({ folder }) => `${folder} has no place among the arrows`)
  const declared = packages.flatMap(from => [...from.dependencies, ...from.peerDependencies, ...from.devDependencies]
    .filter(name => !allowed(from, name))
    .map(name => `${from.folder}/package.json may not depend on ${name}`))
  const imported = eachImport(packages, (from, file, { specifier }) =>
    allowed(from, packageName(specifier)) ? null : `${from.folder}/src/${file.path} may not import ${specifier}`)
  return [...strangers, ...declared, ...imported]
}

/** The declared dependencies between packages have no cycle. */
export function checkCycles (packages: readonly Package[]): Violation[] {
  const byName = new Map(packages.map(member => [member.name, member]))
  const done = new Set<string>()
  const cycles: Violation[] = []
  const visit = (member: Package, trail: readonly string[]): void => {
    if (trail.includes(member.name)) {
      cycles.push(`cycle: ${[...trail.slice(trail.indexOf(member.name)), member.name].join(' -> ')}`)
      return
    }
    if (done.has(member.name)) return
    done.add(member.name)
    for (const name of [...member.dependencies, ...member.peerDependencies, ...member.devDependencies]) {
      const next = byName.get(name)
      if (next !== undefined) visit(next, [...trail, member.name])
    }
  }
  for (const member of packages) visit(member, [])
  return cycles
}

/** What is imported is declared. A type may come from `@types/…` among the devDependencies. */
export function checkDeclared (packages: readonly Package[]): Violation[] {
  return eachImport(packages, (from, file, imported) => {
    const name = packageName(imported.specifier)
    if (isRelative(imported) || isBuiltin(imported.specifier)) return null
    if ([...from.dependencies, ...from.peerDependencies].includes(name)) return null
    if (imported.typeOnly && from.devDependencies.includes(`@types/${name.replace(/^@/, '').replace('/', '__')}`)) return null
    return `${from.folder}/src/${file.path} imports ${name}, which package.json does not name`
  })
}

/** No relative import leaves the sources of its package. */
export function checkBounds (packages: readonly Package[]): Violation[] {
  return eachImport(packages, (from, file, imported) => {
    if (!isRelative(imported)) return null
    const target = posix.join(posix.dirname(file.path), imported.specifier)
    return target.startsWith('..') || imported.specifier.startsWith('/') ? `${from.folder}/src/${file.path} leaves its package with ${imported.specifier}` : null
  })
}

function room (path: string): string {
  return path.split('/')[0] ?? path
}

/** Inside the core, imports go to the own folder or a lower floor. */
export function checkFloors (packages: readonly Package[]): Violation[] {
  const core = packages.filter(({ folder }) => folder === 'oidc')
  const homeless = core.flatMap(({ files }) => files.filter(({ path }) => FLOORS[room(path)] === undefined).map(({ path }) => `oidc/src/${path} has no floor`))
  const upward = eachImport(core, (from, file, imported) => {
    if (!isRelative(imported)) return null
    const target = posix.join(posix.dirname(file.path), imported.specifier)
    const own = FLOORS[room(file.path)] ?? Infinity
    const other = FLOORS[room(target)] ?? -Infinity
    return room(target) === room(file.path) || other < own ? null : `oidc/src/${file.path} (floor ${own}) may not import ${target} (floor ${other})`
  })
  return [...homeless, ...upward]
}

/** Inside the core, only the rooms at the door know Fastify. */
export function checkFastify (packages: readonly Package[]): Violation[] {
  return eachImport(packages.filter(({ folder }) => folder === 'oidc'), (from, file, { specifier }) =>
    ['fastify', 'fastify-plugin'].includes(packageName(specifier)) && !KNOWS_FASTIFY.has(room(file.path)) ? `oidc/src/${file.path} may not know ${specifier}` : null)
}

/** Files stay short, default exports are plugins, and `index.ts` is a list of exports. */
export function checkFiles (packages: readonly Package[]): Violation[] {
  return packages.flatMap(({ folder, files }) => files.flatMap(file => {
    const name = `${folder}/src/${file.path}`
    const violations: Violation[] = []
    if (file.lines >= MAX_LINES && !TABLE.test(file.path)) violations.push(`${name} has ${file.lines} lines`)
    if (file.hasDefaultExport && !['plugin.ts', 'index.ts'].includes(posix.basename(file.path))) violations.push(`${name} has a default export`)
    if (file.path === 'index.ts' && !file.onlyReExports) violations.push(`${name} does more than export again`)
    return violations
  }))
}
