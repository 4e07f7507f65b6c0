import t, { type Test } from 'tap'
import type { Memories } from 'fastify-oidc'
import { startRedis } from '../support/redis-server.ts'
import { until } from '../support/redis-process.ts'
import { bearerApp, claimsFor, createAuthority, get } from './bearer-parts.ts'
import { optionsFor, protectedApp, type Application } from './support.ts'

const NOWHERE = { clientId: 'app', clientSecret: 'a secret of the client', discovery: 'http://127.0.0.1:9/.well-known/openid-configuration' }
const visitor = { subject: 'alice', idTokenClaims: { sub: 'alice', groups: ['users'] } }

/** Two applications that open each other's sessions. */
async function pair (t: Test, session: object = {}): Promise<[Application, Application]> {
  const options = optionsFor(NOWHERE, { session: session as never, required_groups: ['users'] })
  return [await protectedApp(t, options), await protectedApp(t, options)]
}

const memoriesOf = ({ app }: Application): Memories => structuredClone(app.oidc.memories)

async function visit ({ app }: Application, cookie: string, times: number): Promise<void> {
  for (let time = 0; time < times; time++) if ((await app.inject({ url: '/', headers: { cookie } })).statusCode !== 200) throw new Error('the session does not hold')
}

t.test('a session is opened, read for claims and headers, and held against a policy once, however often it comes', async t => {
  const [there, here] = await pair(t)
  await Promise.all([there.app.ready(), here.app.ready()])
  const cookie = await there.app.oidc.issueCookie(visitor)
  await visit(here, cookie, 5)
  t.same(memoriesOf(here), {
    sessionReads: null,
    openedSessions: { hits: 4, misses: 1 },
    identities: { hits: 4, misses: 1 },
    policyDecisions: { hits: 4, misses: 1 },
    bearerTokens: { hits: 0, misses: 0 }
  })
  await here.app.inject({ url: '/', headers: { cookie: 'oidc=made-up' } })
  t.equal(here.app.oidc.memories.openedSessions?.misses, 1, 'what does not open is not counted')
})

t.test('with Redis and a client cache, reads are counted beside', async t => {
  const redis = await startRedis(t)
  const [there, here] = await pair(t, { storage: 'redis', redis: { port: redis.port, client_cache: true } })
  await Promise.all([there.app.ready(), here.app.ready()])
  const cookie = await there.app.oidc.issueCookie(visitor)
  await until('Redis tells of changes', async () => {
    await visit(here, cookie, 1)
    return (here.app.oidc.memories.sessionReads?.hits ?? 0) > 0
  })
  const before = memoriesOf(here)
  await visit(here, cookie, 3)
  const after = memoriesOf(here)
  t.equal((after.sessionReads?.hits ?? 0) - (before.sessionReads?.hits ?? 0), 3)
  t.equal((after.openedSessions?.hits ?? 0) - (before.openedSessions?.hits ?? 0), 3)
  t.equal(after.openedSessions?.misses, 1)
  t.match(after.identities, { misses: 1 })
})

t.test('with Redis and none, each read asks and none opens again', async t => {
  const redis = await startRedis(t)
  const [there, here] = await pair(t, { storage: 'redis', redis: { port: redis.port, client_cache: false } })
  await Promise.all([there.app.ready(), here.app.ready()])
  await visit(here, await there.app.oidc.issueCookie(visitor), 4)
  t.match(memoriesOf(here), { sessionReads: null, openedSessions: { hits: 3, misses: 1 } })
})

t.test('a bearer token is looked at once, whether it is good or not', async t => {
  const authority = await createAuthority(t)
  authority.knows = token => token === 'good' ? { active: true, token_type: 'Bearer', ...claimsFor(authority) } : undefined
  const application = await bearerApp(t, authority, { cache_segment: 'memories' })
  for (const token of ['good', 'good', 'bad', 'bad', 'good']) await get(application.app, token)
  t.match(memoriesOf(application), { sessionReads: null, openedSessions: null, bearerTokens: { hits: 3, misses: 2 }, identities: { hits: 2, misses: 1 } })
  t.equal(authority.introspected.length, 2)
})
