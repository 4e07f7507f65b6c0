import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t from 'tap'
import { Browser } from 'fastify-oidc-testing'
import { freePort } from '../support/free-port.ts'
import { exampleFolder, startProgram } from './running-example.ts'

const FOLDER = exampleFolder('mcp')

/** Somebody who does what the client asks for. */
async function openInBrowser (browser: Browser, address: string): Promise<string> {
  let page = await browser.navigate(address)
  if (page.body.includes('name="login"')) page = await browser.submit(page, { login: 'alice', password: 'any' })
  if (page.body.includes('name="decision"')) page = await browser.submit(page, { decision: 'allow' })
  return page.body
}

t.test('the mcp example: a client that is given a URL finds the provider, and asks for more when a tool needs more', async t => {
  // Of a resource the URI is known before anything listens.
  const port = await freePort()
  const origin = await startProgram(t, FOLDER, 'server.js', { PORT: String(port) })
  const client = spawn(process.execPath, ['client.js', `${origin}/mcp`], { cwd: FOLDER, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(client, 'exit')
  t.teardown(() => { client.kill('SIGKILL') })
  const browser = new Browser()
  const printed: string[] = []
  const asked: URL[] = []
  for await (const line of createInterface({ input: client.stdout })) {
    const address = /^open in a browser: (.*)$/.exec(line)?.[1]
    if (address === undefined) printed.push(line)
    else {
      asked.push(new URL(address))
      t.equal(await openInBrowser(browser, address), 'You can close this window.\n')
    }
  }
  t.strictSame(await ended, [0, null])
  const metadata = `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`
  const discovery = ['GET /.well-known/oauth-protected-resource/mcp 200', 'GET /.well-known/oauth-authorization-server 200']
  t.strictSame(printed.filter(line => !/^(?:GET|POST) \/mcp (?:200|202|405)$/.test(line)), [
    `POST /mcp 401 Bearer realm="apisix", scope="notes:read", ${metadata}`,
    ...discovery,
    ...discovery,
    'POST /token 200',
    'count_notes: alice has 0',
    `POST /mcp 403 Bearer realm="apisix", error="insufficient_scope", scope="notes:read notes:write", ${metadata}`,
    ...discovery,
    ...discovery,
    'POST /token 200',
    'add_note: added',
    'count_notes: alice has 1'
  ])
  const common = { resource: `${origin}/mcp`, client_id: 'notes-cli', code_challenge_method: 'S256', response_type: 'code' }
  t.match(asked.map(({ searchParams }) => Object.fromEntries(searchParams)), [{ ...common, scope: 'notes:read' }, { ...common, scope: 'notes:read notes:write' }])
  t.equal(asked.length, 2)
})
