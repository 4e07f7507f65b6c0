import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { PGlite } from '@electric-sql/pglite'
import { createManualClock, sampleSession, sessionStoreContract } from 'fastify-oidc-session-store/contract'
import { createPostgresStore } from './postgres-store.js'

const secret = 'a secret for the tests'
const db = await PGlite.create()
await db.exec(readFileSync(new URL('schema.sql', import.meta.url), 'utf8'))
after(() => db.close())

async function createStore ({ clock } = {}) {
  await db.exec('TRUNCATE oidc_sessions, oidc_ends')
  return createPostgresStore({ db, secret, clock })
}

for (const { name, run } of sessionStoreContract) {
  test(name, () => run({ createStore }))
}

// What the contract cannot see from outside: each test below is about the database.

async function dump () {
  const tables = await Promise.all(['oidc_sessions', 'oidc_ends'].map(table => db.query(`SELECT * FROM ${table}`)))
  return tables.flatMap(({ rows }) => rows).flatMap(Object.values).map(value => Buffer.from(value instanceof Uint8Array ? value : `${value}`).toString('latin1')).join('\n')
}

test('the database holds no token, subject, e-mail or handle', async () => {
  const store = await createStore()
  const session = sampleSession()
  const { handle } = await store.create(session, session.createdAt + 3600)
  await store.revoke({ issuer: session.issuer, subject: session.subject }, session.issuedAt - 1)
  const dumped = await dump()
  for (const text of [handle, session.id, session.subject, session.providerSessionId, session.issuer, session.accessToken, session.cold.refreshToken, session.cold.idToken, session.idTokenClaims.email]) {
    assert.ok(!dumped.includes(text) && !dumped.includes(Buffer.from(text).toString('base64url')), text)
  }
  assert.ok(dumped.includes(`${session.issuedAt}`), 'what is there is found')
})

test('a row that somebody changed does not open', async () => {
  const store = await createStore()
  const session = sampleSession()
  const end = session.createdAt + 3600
  for (const change of ['expires_at = expires_at + 1', 'issued_at = issued_at + 1', 'revision = 7', "belongs_to = '{}'", "session = session || '\\x00'"]) {
    const { handle } = await store.create(session, end)
    assert.notEqual(await store.get(handle), null)
    await db.exec(`UPDATE oidc_sessions SET ${change}`)
    assert.equal(await store.get(handle), null, change)
  }
})

test('sessions and revocations survive a change of the secret', async () => {
  const store = await createStore()
  const rotated = createPostgresStore({ db, secret: 'the next secret', fallbacks: [secret] })
  const session = sampleSession()
  const [kept, ended] = [await store.create(session, session.createdAt + 3600), await store.create(sampleSession(), session.createdAt + 3600)]
  assert.deepEqual((await rotated.get(kept.handle)).session, session)
  assert.equal(await rotated.revoke({ id: ended.session.id }, 0), 1)
  assert.equal(await createPostgresStore({ db, secret: 'another secret' }).get(kept.handle), null)
})

test('what is over is swept', async () => {
  const time = createManualClock()
  const store = await createStore({ clock: time.now })
  await store.create(sampleSession(), time.now() + 10)
  await store.revoke({ id: 'any' }, time.now())
  time.advance(86400)
  await store.create(sampleSession(), time.now() + 10)
  const { rows: [counted] } = await db.query('SELECT (SELECT count(*)::int FROM oidc_sessions) AS sessions, (SELECT count(*)::int FROM oidc_ends) AS ends')
  assert.deepEqual(counted, { sessions: 1, ends: 0 })
})

test('a database that fails is an outage, never "no session"', async () => {
  const cause = new Error('the connection broke')
  const store = createPostgresStore({ db: { query: () => Promise.reject(cause) }, secret })
  const stored = { handle: 'A'.repeat(43), revision: 1, expiresAt: 0, session: sampleSession() }
  const calls = [
    store.create(stored.session, 0), store.get(stored.handle), store.update(stored, stored.session, 0), store.touch(stored, 0), store.destroy(stored),
    store.destroyIfUnchanged(stored), store.revoke({ id: 'any' }, 0), store.inspect('all').next(), store.ready()
  ]
  for (const call of calls) await assert.rejects(call, { code: 'FST_OIDC_STORE_UNAVAILABLE', statusCode: 503, cause })
})
