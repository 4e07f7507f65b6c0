import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { compiled } from './compiled.mjs'

/** Others' modules are neither mocked nor covered, and each hook of tap's would ask the main thread about each of them. */
async function loadStraight (url, format) {
  return { format, source: format === 'module' ? await readFile(fileURLToPath(url)) : null, shortCircuit: true }
}

async function loadTypeScript (url, context, nextLoad) {
  const file = fileURLToPath(url)
  const source = await compiled(file, await readFile(file, 'utf8'))
  // The hooks that follow, coverage among them, must see what runs.
  return { ...await nextLoad(url, { ...context, format: 'module', source }), format: 'module', source }
}

export async function load (url, context, nextLoad) {
  if (!url.startsWith('file:')) return await nextLoad(url, context)
  if (url.endsWith('.ts')) return await loadTypeScript(url, context, nextLoad)
  const isOthers = url.includes('/node_modules/') && ['module', 'commonjs'].includes(context.format)
  return isOthers ? await loadStraight(url, context.format) : await nextLoad(url, context)
}
