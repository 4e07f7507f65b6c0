// Programs that the tests need and npm does not bring.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

export const tools = {
  chromium: {
    title: 'Chromium',
    purpose: 'the browser of the end-to-end tests',
    variable: 'CHROMIUM_PATH',
    programs: ['chromium', 'chromium-browser', 'google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'],
    packages: { apt: 'chromium', dnf: 'chromium', pacman: 'chromium', apk: 'chromium', brew: '--cask chromium' }
  },
  redis: {
    title: 'Redis',
    purpose: 'the server that keeps sessions in tests',
    variable: 'REDIS_SERVER_PATH',
    programs: ['redis-server'],
    packages: { apt: 'redis-server', dnf: 'redis', pacman: 'redis', apk: 'redis', brew: 'redis' }
  },
  nginx: {
    title: 'nginx',
    purpose: 'the server in front, as the guide configures it',
    variable: 'NGINX_PATH',
    programs: ['nginx', '/usr/sbin/nginx'],
    version: '-v',
    packages: { apt: 'nginx-light', dnf: 'nginx', pacman: 'nginx', apk: 'nginx', brew: 'nginx' }
  }
}

function isProgram (file, version = '--version') {
  try {
    accessSync(file, constants.X_OK)
  } catch {
    return false
  }
  // Ubuntu has a script under the browser's name that only tells to install a snap.
  return spawnSync(file, [version], { stdio: 'ignore', timeout: 30_000 }).status === 0
}

function locate (program, version) {
  if (isAbsolute(program)) return isProgram(program, version) ? program : null
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(folder, program)
    if (folder !== '' && isProgram(file, version)) return file
  }
  return null
}

/** The path of a tool's program: what its variable names, else the first on the PATH; null when there is none. */
export function findTool (name) {
  const { title, variable, programs, version } = tools[name]
  const named = process.env[variable]
  if (named) {
    if (isProgram(named, version)) return named
    throw new Error(`${variable} is ${named}, which is no ${title} that runs here`)
  }
  for (const program of programs) {
    const file = locate(program, version)
    if (file !== null) return file
  }
  return null
}

/** As `findTool`, but a tool that is missing is an error that says what to type. */
export function requireTool (name) {
  const file = findTool(name)
  if (file !== null) return file
  const { title, purpose, variable } = tools[name]
  throw new Error(`${title} (${purpose}) is missing. Type:\n\n  ${installCommand(name)}\n\nor name the program of an installed one in ${variable}.`)
}

function installCommand (name) {
  const { title, variable, packages } = tools[name]
  const sudo = process.getuid?.() === 0 ? '' : 'sudo '
  const managers = {
    apt: ['apt-get', `${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends ${packages.apt}`],
    dnf: ['dnf', `${sudo}dnf install -y ${packages.dnf}`],
    pacman: ['pacman', `${sudo}pacman -S --noconfirm ${packages.pacman}`],
    apk: ['apk', `${sudo}apk add ${packages.apk}`],
    brew: ['brew', `brew install ${packages.brew}`]
  }
  const known = Object.values(managers).find(([program]) => locate(program) !== null)
  return known?.[1] ?? `export ${variable}=/path/to/${title.toLowerCase()}`
}

function hasApt () {
  if (process.platform !== 'linux' || locate('apt-get') === null) return false
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

function apt (...args) {
  const { status, stdout = '', stderr = '' } = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  if (status !== 0) console.error(`${stdout}${stderr}`.split('\n').slice(-20).join('\n'))
  return status === 0
}

function installWithApt (names) {
  const packages = names.map(name => tools[name].packages.apt)
  console.log(`bootstrap: installing ${packages.join(', ')} with apt-get (once, up to a few minutes)`)
  // An update fails as a whole when one foreign source is down; the package may be known all the same.
  apt('update')
  apt('install', '-y', '--no-install-recommends', ...packages)
}

/** Finds every tool or installs it; ends the process with the command to type where it can do neither. */
export function provideTools () {
  try {
    const missing = Object.keys(tools).filter(name => findTool(name) === null)
    if (missing.length === 0) return
    if (hasApt() && process.getuid?.() === 0) installWithApt(missing)
    for (const name of missing) requireTool(name)
  } catch (error) {
    console.error(`bootstrap: ${error.message}`)
    process.exit(1)
  }
}
