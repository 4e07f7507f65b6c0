import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { handleOf } from '../oidc/session-parts.ts'
import type { Application } from '../oidc/support.ts'
import { startCluster } from '../support/redis-cluster.ts'
import { startSentinel } from '../support/redis-sentinel.ts'
import { createCrowd, type Crowd, type Visitor } from './support/crowd.ts'
import { startCrowdProvider } from './support/crowd-provider.ts'
import { startInstance, visit } from './support/instances.ts'

const GATHERED = 240
const EVERY_MS = 15
const BEFORE_MS = 6000
const AFTER_MS = 6000
/** In this time an instance follows the sentinels; what a former master takes meanwhile only `min-replicas-to-write` can refuse. */
const FOLLOW_MS = 200
const LOST_AFTER_MS = 30_000

type Redis = Record<string, unknown>

/** From here on everybody is served again, by every instance. */
async function recovered (instances: readonly Application[], crowd: Crowd): Promise<void> {
  const limitMs = performance.now() + LOST_AFTER_MS
  let quietSinceMs = performance.now()
  while (performance.now() - quietSinceMs < 1500) {
    const before = crowd.outage.count
    await sleep(100)
    if (crowd.outage.count > before || crowd.outage.count === 0) quietSinceMs = performance.now()
    if (performance.now() > limitMs) throw new Error('it does not recover by itself')
  }
  await Promise.all(instances.map(({ app }) => app.oidc.ready()))
}

interface Outcome { readonly lost: Record<string, number>, readonly survived: number, readonly endsChecked: number }

/** Asks an instance that was not there before, so that nothing that anybody remembers helps. */
async function takeStock (t: Test, at: Application, crowd: Crowd): Promise<Outcome> {
  const lost: Record<string, number> = { create: 0, touch: 0, renew: 0 }
  let [survived, endsChecked] = [0, 0]
  const lose = (visitor: Visitor, what: string): void => {
    lost[visitor.last.kind] = (lost[visitor.last.kind] ?? 0) + 1
    if (!crowd.isYoung(visitor.last)) t.fail(`${what}, last written by ${visitor.last.kind} ${crowd.since(visitor.last.answeredMs)} ms after the failure, gone ${crowd.since(visitor.goneMs ?? NaN)}`)
  }
  for (const visitor of crowd.visitors) {
    if (visitor.logout !== null) {
      const { statusCode } = await visit(at, visitor.cookie)
      if (statusCode !== 401) t.fail(`a session that was ended by ${visitor.logout.kind} ${crowd.since(visitor.logout.doneMs ?? NaN)} ms after the failure is answered ${statusCode}`)
      continue
    }
    const stored = await at.app.oidcSessionStore.get(handleOf(visitor.cookie))
    if (stored === null) { lose(visitor, 'a session is gone'); continue }
    if (visitor.end !== null) {
      endsChecked++
      if (stored.expiresAt < visitor.end) lose(visitor, 'the end of a session was not moved')
    }
    const { statusCode } = await visit(at, visitor.cookie)
    if (statusCode === 200) survived++
    else lose(visitor, `a session is answered ${statusCode}`)
  }
  return { lost, survived, endsChecked }
}

async function failUnderLoad (t: Test, redis: Redis, fail: () => Promise<void>): Promise<void> {
  const provider = await startCrowdProvider(t)
  provider.tokenLife = 4
  const instances = [await startInstance(t, provider, { redis }), await startInstance(t, provider, { redis })]
  const crowd = createCrowd({ instances, provider, everyMs: EVERY_MS })
  await crowd.gather(GATHERED)
  t.teardown(crowd.stop)
  crowd.start()
  await sleep(BEFORE_MS)
  t.same(crowd.faults, [], 'nothing is wrong before')
  t.equal(crowd.outage.count, 0)
  crowd.failed()
  const failedMs = performance.now()
  await fail()
  const failoverMs = performance.now() - failedMs
  await recovered(instances, crowd)
  await sleep(AFTER_MS)
  await crowd.stop()

  t.same(crowd.faults, [], 'nobody with a session was nobody, and nobody who left came back')
  const outcome = await takeStock(t, await startInstance(t, provider, { redis }), crowd)
  const left = crowd.visitors.filter(({ logout }) => logout !== null)
  for (const kind of ['route', 'revoke', 'backchannel']) t.ok((crowd.counts[`logout by ${kind}`] ?? 0) > 5, `enough logouts by ${kind}`)
  for (const kind of ['create', 'touch', 'renew']) t.ok((crowd.counts[kind] ?? 0) > 20, `enough of ${kind}`)
  t.ok(outcome.survived > 50)
  t.ok(outcome.endsChecked > 10)
  t.comment(`another master after ${(failoverMs / 1000).toFixed(1)} s; 503 for ${((crowd.outage.lastMs - crowd.outage.firstMs) / 1000).toFixed(1)} s (${crowd.outage.count} answers)`)
  t.comment(`told: ${JSON.stringify(crowd.counts)}`)
  t.comment(`young writes lost: ${JSON.stringify(outcome.lost)}; sessions alive at the end: ${outcome.survived}; logouts checked: ${left.length}; ends checked: ${outcome.endsChecked}; refresh tokens taken: ${provider.refreshes.taken}, used twice: ${provider.refreshes.reused}`)
}

t.setTimeout(240_000)

for (const how of ['kill', 'pause'] as const) {
  t.test(`under load the master that Sentinel named is gone (${how})`, async t => {
    const set = await startSentinel(t)
    await failUnderLoad(t, { sentinels: set.sentinels, master_name: set.masterName }, async () => {
      const master = await set.master()
      await master[how]()
      await set.replaced(master)
      // It still takes itself for the master, and nobody may ask it any more.
      await sleep(FOLLOW_MS)
      if (how === 'pause') master.resume()
    })
  })
}

t.test('under load a master of a cluster is killed', async t => {
  const cluster = await startCluster(t, { replicas: true })
  await failUnderLoad(t, { cluster: cluster.nodes }, async () => {
    const [master] = cluster.masters
    if (master === undefined) throw new Error('no master')
    await master.kill()
    await cluster.replaced(master)
  })
})
