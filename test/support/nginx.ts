import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireTool } from '../../scripts/system.mjs'
import { freePorts } from './redis-process.ts'

interface Owner { teardown (work: () => unknown): unknown }

export interface Nginx {
  readonly port: number
  /** Lines of its error log. */
  errors (): Promise<string>
}

async function answers (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/**
 * Starts an nginx of its own in the foreground, with a folder of its own, and ends it with its owner.
 * @param http what stands in the `http` block, for the port and the folder where `files` are
 */
export async function startNginx (owner: Owner, http: (port: number, folder: string) => string, files: Readonly<Record<string, string>> = {}): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-oidc-nginx-'))
  const [port = 0] = await freePorts(1)
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${join(folder, name)};`).join('\n')
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  await writeFile(join(folder, 'nginx.conf'), `daemon off; master_process off; pid ${join(folder, 'pid')}; error_log ${join(folder, 'error.log')} info; ${user}\nevents {}\nhttp {\naccess_log off;\n${paths}\n${http(port, folder)}\n}\n`)
  const child = spawn(requireTool('nginx'), ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  owner.teardown(async () => {
    child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  })
  const errors = async (): Promise<string> => await readFile(join(folder, 'error.log'), 'utf8').catch(() => '')
  while (!await answers(port)) {
    if (child.exitCode !== null) throw new Error(`nginx does not start: ${await errors()}`)
    await new Promise(resolve => { setTimeout(resolve, 20) })
  }
  return { port, errors }
}
