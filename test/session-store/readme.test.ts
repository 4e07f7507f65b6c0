import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { Clock, SessionStore } from 'fastify-oidc-session-store'
import { sessionStoreContract } from 'fastify-oidc-session-store/contract'

interface FileStoreModule { createFileStore (options: { folder: string, secret: string, clock: Clock }): SessionStore }

const readme = readFileSync(new URL('../../packages/session-store/README.md', import.meta.url), 'utf8')
const example = /```ts\n(\/\/ file-store\.ts\n[^]*?)```/.exec(readme)?.[1] ?? ''

t.test('the store of the README passes the contract, as it says', async t => {
  const folder = t.testdir({ 'file-store.ts': example })
  const { createFileStore } = await import(pathToFileURL(join(folder, 'file-store.ts')).href) as FileStoreModule
  for (const [place, { name, run }] of sessionStoreContract.entries()) {
    const sessions = join(folder, `sessions-${place}`)
    mkdirSync(sessions)
    await t.resolves(run({ createStore: ({ clock }) => createFileStore({ folder: sessions, secret: 'a secret for the tests', clock }) }), name)
  }
})
