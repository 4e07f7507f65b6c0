import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { launchBrowser, newPage } from './support/browser.ts'
import { freePort } from '../support/free-port.ts'

const program = fileURLToPath(new URL('../../examples/demo/dist/main.js', import.meta.url))

interface Demo {
  readonly address: string
  readonly process: ChildProcess
  /** Everything that was printed. */
  printed (): string
}

/** What `npm start` runs; resolves when it says what to open. */
async function startDemo (t: Test): Promise<Demo> {
  const demo = spawn(process.execPath, [program], { env: { ...process.env, NODE_OPTIONS: '', PORT: String(await freePort()) }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => { demo.kill('SIGKILL') })
  let text = ''
  demo.stderr.on('data', (chunk: Buffer) => { text += chunk.toString() })
  const address = await new Promise<string>((resolve, reject) => {
    demo.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = /Open\s+(http:\S+)/.exec(text)?.[1]
      if (found !== undefined) resolve(found)
    })
    demo.once('exit', code => { reject(new Error(`the demo ended with ${code}: ${text}`)) })
  })
  return { address, process: demo, printed: () => text }
}

t.test('somebody opens the printed address, logs in, is shown who they are, logs out and is asked to log in again', async t => {
  const demo = await startDemo(t)
  t.match(demo.printed(), /alice/, 'it says which user to type')
  const page = await newPage(t, await launchBrowser(t))
  const foreign: string[] = []
  page.on('request', request => { if (new URL(request.url()).hostname !== '127.0.0.1') foreign.push(request.url()) })

  await page.goto(`${demo.address}reports?year=2026`)
  await page.fill('input[name=login]', 'alice')
  await page.fill('input[name=password]', 'any')
  await page.click('button[type=submit]')
  await page.waitForLoadState()
  if (/interaction/.test(page.url())) await page.click('button[type=submit]')
  await page.waitForURL(url => url.href.startsWith(demo.address))
  t.equal(page.url(), `${demo.address}reports?year=2026`, 'back at what was asked for')
  const shown = await page.textContent('body') ?? ''
  t.match(shown, 'alice')
  t.match(shown, '/reports?year=2026')
  t.match(shown, 'X-ID-Token'.toLowerCase(), 'the upstream was told')
  t.notMatch(shown, /oidc=/, 'and does not get the session cookie')

  await page.reload()
  t.match(await page.textContent('body'), 'alice', 'the session goes on')

  await page.click('a[href="/logout"], form[action="/logout"] button')
  await page.waitForSelector('input[name=login]')
  t.match(page.url(), /\/interaction\//, 'asked to log in again')
  await page.goto(demo.address)
  await page.waitForSelector('input[name=login]')
  t.same(foreign, [], 'nothing came from elsewhere')
})

t.test('the demo stops cleanly', async t => {
  const demo = await startDemo(t)
  demo.process.kill('SIGINT')
  const [code] = await once(demo.process, 'exit') as [number | null]
  t.equal(code, 0)
})
