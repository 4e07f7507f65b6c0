// Makes `npm start` and `npm test` work on a fresh clone with nothing but Node and npm.
// Plain Node without dependencies: it runs before anything is installed.
//   --build   also compiles (tsc -b)
//   --system  also finds, or installs, the programs that the tests need beyond npm
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { provideTools } from './system.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const stampFile = join(root, 'node_modules', '.bootstrap-stamp')
const workspace = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

function stop (message) {
  console.error(`bootstrap: ${message}`)
  process.exit(1)
}

function requireNode (range) {
  const wanted = range.replace(/^>=/, '').split('.').map(Number)
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > wanted[0] || (major === wanted[0] && minor >= (wanted[1] ?? 0))) return
  stop(`Node.js ${range} is required, this is ${process.version}`)
}

function manifests () {
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'bench/package.json']
  for (const folder of ['packages', 'examples']) {
    if (!existsSync(join(root, folder))) continue
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const file = join(folder, entry.name, 'package.json')
      if (entry.isDirectory() && existsSync(join(root, file))) files.push(file)
    }
  }
  return files.sort()
}

function fingerprint () {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`)
  for (const file of manifests()) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

// npm hands its own configuration down as npm_*; a pnpm inside must get only what says where and how to fetch.
// NODE_ENV=production would leave out the development dependencies, which build and run everything here.
function installEnvironment () {
  const fetching = /^(npm|pnpm)_config_(@.*:)?(registry|cache|cafile|ca|strict_ssl|proxy|https?_proxy|no_?proxy|offline|prefer_offline|userconfig|globalconfig)$/i
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => {
    return name !== 'NODE_ENV' && (!/^(npm|pnpm)_/i.test(name) || fetching.test(name))
  }))
}

function run (program, args, env = process.env) {
  const { error, signal, status } = spawnSync(program, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32' && program === 'npx'
  })
  if (error) stop(`${program}: ${error.message}`)
  if (signal) stop(`${program} was ended by ${signal}`)
  if (status !== 0) process.exit(status ?? 1)
}

function install () {
  const digest = fingerprint()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest) return
  const pnpm = workspace.packageManager.split('+')[0]
  console.log(`bootstrap: installing dependencies with ${pnpm}`)
  run('npx', ['--yes', pnpm, 'install', '--frozen-lockfile', '--prefer-offline', '--config.confirm-modules-purge=false'], installEnvironment())
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(stampFile, digest)
}

function build () {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const dry = spawnSync(process.execPath, [tsc, '-b', '--dry'], { cwd: root, encoding: 'utf8' })
  const stale = dry.status === 0 ? (dry.stdout.match(/would (build|update)/g) ?? []).length : 1
  if (stale === 0) return
  console.log(`bootstrap: compiling ${stale} ${stale === 1 ? 'project' : 'projects'}`)
  run(process.execPath, [tsc, '-b'])
}

requireNode(workspace.engines.node)
install()
if (process.argv.includes('--build')) build()
if (process.argv.includes('--system')) provideTools()
