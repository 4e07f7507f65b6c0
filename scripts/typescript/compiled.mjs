// JavaScript of a TypeScript file, kept in .tap/compiled until the file changes.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = join(ROOT, '.tap/compiled')
const OPTIONS = { target: 'es2023', module: 'esnext', verbatimModuleSyntax: true, isolatedModules: true, inlineSourceMap: true, inlineSources: true }

const digest = text => createHash('sha256').update(text).digest('hex')

async function compile (file, source) {
  const { default: typescript } = await import('typescript')
  const { options } = typescript.convertCompilerOptionsFromJson(OPTIONS, ROOT)
  return typescript.transpileModule(source, { fileName: file, compilerOptions: options }).outputText
}

async function keep (place, text) {
  const draft = `${place}.${process.pid}.${digest(String(process.hrtime.bigint())).slice(0, 8)}`
  await mkdir(FOLDER, { recursive: true })
  await writeFile(draft, text)
  await rename(draft, place)
}

async function read (place) {
  try {
    return await readFile(place, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return ''
    throw error
  }
}

/** The JavaScript of a file whose text is `source`. */
export async function compiled (file, source) {
  const stamp = `// ${digest(JSON.stringify([OPTIONS, source]))}\n`
  const place = join(FOLDER, `${digest(relative(ROOT, file)).slice(0, 32)}.js`)
  const kept = await read(place)
  if (kept.startsWith(stamp)) return kept.slice(stamp.length)
  const text = await compile(file, source)
  await keep(place, stamp + text)
  return text
}

/** Compiles what has changed in these folders, so that no two test processes load the compiler for it. */
export async function compileFolders (folders) {
  for (const folder of folders) {
    const names = await readdir(join(ROOT, folder), { recursive: true })
    for (const name of names) {
      const file = join(ROOT, folder, name)
      if (name.endsWith('.ts') && !name.includes('node_modules')) await compiled(file, await readFile(file, 'utf8'))
    }
  }
}
