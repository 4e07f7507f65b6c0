// Load from wrk: some microseconds a request, so that it leaves its core to the upstream.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('rotate.lua', import.meta.url))

function render (headers) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return `GET / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n\0`
}

/** The same function for every call: writes the requests of a contestant once. */
export function createWrk (program, folder) {
  const files = new Map()

  function fileOf ({ name, headerSets }) {
    const known = files.get(name)
    if (known !== undefined) return known
    const file = join(folder, `${name}.requests`)
    writeFileSync(file, headerSets.map(headers => render(headers)).join(''))
    files.set(name, file)
    return file
  }

  return async function fire (target, { connections, duration }) {
    const child = spawn(program, ['-t1', `-c${connections}`, `-d${duration}s`, '--timeout', '10s', '-s', SCRIPT, target.origin, '--', fileOf(target)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', text => { output += text })
    const status = await new Promise((resolve, reject) => { child.once('close', resolve).once('error', reject) })
    const line = output.split('\n').find(text => text.startsWith('{'))
    if (status !== 0 || line === undefined) throw new Error(`wrk ended with ${status}: ${output}`)
    const { requests, durationUs, p50Us, p99Us, non2xx, errors } = JSON.parse(line)
    return { requests, seconds: durationUs / 1e6, p50Ms: p50Us / 1000, p99Ms: p99Us / 1000, non2xx, errors }
  }
}
