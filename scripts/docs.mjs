// Writes what the documentation takes from the code: option tables, error tables, the JSON Schema of the core's options, the figures of the bench.
// Reads dist, so build first.
//   --check   writes nothing; exits 1 and says what is out of date
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rowsMarkdown } from './docs/apisix-rows.mjs'
import { errorsMarkdown } from './docs/errors.mjs'
import { kongMarkdown } from './docs/kong-rows.mjs'
import { oauth2ProxyMarkdown } from './docs/oauth2-proxy-rows.mjs'
import { optionsMarkdown } from './docs/options.mjs'
import { performanceMarkdown } from './docs/performance.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const check = process.argv.includes('--check')
const problems = []

async function load (...path) {
  return await import(pathToFileURL(join(root, 'packages', ...path)).href)
}

function read (file) {
  return existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8').replace(/\r\n/g, '\n') : null
}

function firstDifference (before, after) {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const line = now.findIndex((text, index) => text !== old[index])
  const at = line === -1 ? now.length : line
  return `${at + 1}\n  - ${old[at] ?? '(nothing)'}\n  + ${now[at] ?? '(nothing)'}`
}

function put (file, text) {
  const before = read(file)
  if (before === text) return
  if (check) problems.push(before === null ? `${file} is missing` : `${file} is out of date from line ${firstDifference(before, text)}`)
  else {
    writeFileSync(join(root, file), text)
    console.log(`docs: wrote ${file}`)
  }
}

function fill (text, mark, content, file) {
  const [start, end] = [`<!-- ${mark}:start -->`, `<!-- ${mark}:end -->`]
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from === -1 || to < from) {
    problems.push(`${file} has no ${start} … ${end}`)
    return text
  }
  return `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`
}

/** Says of an option of the core that its behaviour is not built: the boot check itself is asked, with nothing else set. */
async function unbuiltNote (folder) {
  if (!existsSync(join(root, 'packages', folder, 'src', 'options', 'unbuilt.ts'))) return () => null
  const { findUnbuilt } = await load(folder, 'dist', 'options', 'unbuilt.js')
  return name => {
    const input = name.split('.').reduceRight((value, member) => ({ [member]: value }), Symbol(name))
    return findUnbuilt(input).length === 0 ? null : '*Not available in this version: anything but the default stops the boot.*'
  }
}

/** Where the options of a package stand in its dist; a package that is not listed has none. */
const schemas = {
  'session-store': async folder => optionsMarkdown((await load(folder, 'dist', 'session-schema.js')).sessionSchema, { prefix: 'session' }),
  'cookie-store': async folder => optionsMarkdown((await load(folder, 'dist', 'options.js')).optionsSchema),
  'redis-store': async folder => optionsMarkdown((await load(folder, 'dist', 'options.js')).optionsSchema),
  oidc: async folder => optionsMarkdown((await load(folder, 'dist', 'options', 'schema.js')).optionsSchema, { note: await unbuiltNote(folder) }),
  proxy: async folder => optionsMarkdown((await load(folder, 'dist', 'options.js')).proxyOptionsSchema),
  'forward-auth': async folder => optionsMarkdown((await load(folder, 'dist', 'options.js')).forwardAuthOptionsSchema),
  gateway: async folder => {
    const { gatewaySchema, upstreamSchema } = await load(folder, 'dist', 'configuration', 'schema.js')
    return optionsMarkdown(gatewaySchema, { below: { 'routes[].upstream': upstreamSchema } })
  }
}

async function document (folder) {
  const file = `packages/${folder}/README.md`
  const before = read(file)
  if (before === null) return problems.push(`${file} is missing`)
  let text = before
  if (schemas[folder] !== undefined) text = fill(text, 'options', await schemas[folder](folder), file)
  if (existsSync(join(root, 'packages', folder, 'src', 'errors.ts'))) {
    text = fill(text, 'errors', errorsMarkdown(await load(folder, 'dist', 'errors.js'), join(root, 'packages', folder, 'src', 'errors.ts')), file)
  }
  return put(file, text)
}

for (const { name } of readdirSync(join(root, 'packages'), { withFileTypes: true }).filter(entry => entry.isDirectory())) await document(name)

const { optionsSchema } = await load('oidc', 'dist', 'options', 'schema.js')
const apisix = 'docs/apisix.md'
put(apisix, fill(read(apisix) ?? '', 'rows', rowsMarkdown(optionsSchema, { root, note: await unbuiltNote('oidc') }), apisix))
const { ROWS } = await load('gateway', 'dist', 'importers', 'oauth2-proxy', 'table.js')
const oauth2Proxy = 'docs/oauth2-proxy.md'
const { ROWS: KONG_ROWS } = await load('gateway', 'dist', 'importers', 'kong', 'table.js')
const kong = 'docs/kong.md'
put(kong, fill(read(kong) ?? '', 'rows', kongMarkdown(KONG_ROWS), kong))
put(oauth2Proxy, fill(read(oauth2Proxy) ?? '', 'rows', oauth2ProxyMarkdown(ROWS), oauth2Proxy))
const performance = 'docs/performance.md'
put(performance, fill(read(performance) ?? '', 'figures', performanceMarkdown(JSON.parse(read('bench/results/reference.json'))), performance))
put('packages/oidc/schema.json', `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', title: 'Options of fastify-oidc', ...optionsSchema }, null, 2)}\n`)

if (problems.length > 0) {
  console.error(`docs: ${problems.join('\ndocs: ')}`)
  if (check) console.error('docs: `pnpm docs` writes them')
  process.exitCode = 1
}
