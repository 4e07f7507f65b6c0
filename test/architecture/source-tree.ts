import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import ts from 'typescript'

/** One `import`, `export … from`, `import()` or `import('…')` type. */
export interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
}

export interface SourceFile {
  /** Below `src/`, with forward slashes: `http/guard.ts`. */
  readonly path: string
  readonly lines: number
  readonly imports: readonly Import[]
  readonly hasDefaultExport: boolean
  /** Whether every statement is `export … from` or a bare `import '…'`. */
  readonly onlyReExports: boolean
}

export interface Package {
  /** Below `packages/`. */
  readonly folder: string
  readonly name: string
  /** By field of package.json. */
  readonly dependencies: readonly string[]
  readonly peerDependencies: readonly string[]
  readonly devDependencies: readonly string[]
  readonly files: readonly SourceFile[]
}

function isTypeOnly (statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly
  return statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
}

function importsOf (source: ts.SourceFile): Import[] {
  const found: Import[] = []
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ specifier: node.moduleSpecifier.text, typeOnly: isTypeOnly(node) })
    }
    const argument = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword ? node.arguments[0] : undefined
    if (argument !== undefined && ts.isStringLiteralLike(argument)) found.push({ specifier: argument.text, typeOnly: false })
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      found.push({ specifier: node.argument.literal.text, typeOnly: true })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function isDefaultExport (statement: ts.Statement): boolean {
  if (ts.isExportAssignment(statement)) return true
  if (ts.isExportDeclaration(statement) && statement.exportClause !== undefined) {
    const { exportClause } = statement
    const names = ts.isNamedExports(exportClause) ? exportClause.elements.map(element => element.name) : [exportClause.name]
    return names.some(name => name.text === 'default')
  }
  return ts.canHaveModifiers(statement) && (ts.getModifiers(statement) ?? []).some(modifier => modifier.kind === ts.SyntaxKind.DefaultKeyword)
}

function isReExport (statement: ts.Statement): boolean {
  if (ts.isExportDeclaration(statement)) return statement.moduleSpecifier !== undefined
  return ts.isImportDeclaration(statement) && statement.importClause === undefined
}

/** Reads what the rules need to know of one file. */
export function readSource (path: string, text: string): SourceFile {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  return {
    path,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    imports: importsOf(source),
    hasDefaultExport: source.statements.some(isDefaultExport),
    onlyReExports: source.statements.every(isReExport)
  }
}

interface Manifest {
  readonly name: string
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
}

/** Every package below a folder, with its parsed sources. */
export function readPackages (folder: string): Package[] {
  return readdirSync(folder).filter(name => existsSync(join(folder, name, 'package.json'))).map(name => {
    const manifest = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as Manifest
    const src = join(folder, name, 'src')
    const paths = existsSync(src) ? readdirSync(src, { recursive: true, encoding: 'utf8' }) : []
    return {
      folder: name,
      name: manifest.name,
      dependencies: [...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.optionalDependencies ?? {})],
      peerDependencies: Object.keys(manifest.peerDependencies ?? {}),
      devDependencies: Object.keys(manifest.devDependencies ?? {}),
      files: paths.filter(path => path.endsWith('.ts')).map(path => readSource(path.split(sep).join(posix.sep), readFileSync(join(src, path), 'utf8')))
    }
  })
}
