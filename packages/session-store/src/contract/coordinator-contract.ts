import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EpochSeconds, RevocationTarget } from '../session.ts'
import { coordinatorCase, eventually, mustLock, type CoordinatorCase } from './coordinator-scene.ts'
import { sampleSession } from './sample-session.ts'

const LONG_MS = 8000
const SHORT_MS = 150
// Far more than a push takes, far less than a limit that was waited out.
const PROMPT_MS = 2000

async function elapsedMs (work: Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await work
  return performance.now() - startMs
}

const locks: readonly CoordinatorCase[] = [
  coordinatorCase('a lock has one holder, on whatever instance', async ({ here, there }) => {
    const lock = await mustLock(here, 'a', LONG_MS)
    assert.equal(await here.lock('a', LONG_MS), null)
    assert.equal(await there.lock('a', LONG_MS), null)
    const other = await mustLock(there, 'b', LONG_MS)
    await lock.release()
    const next = await mustLock(there, 'a', LONG_MS)
    assert.equal(await here.lock('a', LONG_MS), null)
    await next.release()
    await other.release()
  }),
  coordinatorCase('of 100 who lock at once one gets it', async ({ here, there }) => {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, turn) => (turn % 2 === 0 ? here : there).lock('a', LONG_MS)))
    assert.equal(answers.filter(lock => lock !== null).length, 1)
  }),
  coordinatorCase('names like those of a prototype are names', async ({ here }) => {
    for (const key of ['__proto__', 'constructor', 'toString', '', 'a:b', 'ключ']) {
      const lock = await mustLock(here, key, LONG_MS)
      assert.equal(await here.lock(key, LONG_MS), null)
      await lock.release()
      assert.equal(await here.takeResult(key), null)
    }
  }),
  coordinatorCase('release wakes all who wait, long before their limit', async ({ here, there }) => {
    const lock = await mustLock(here, 'a', LONG_MS)
    const waiting = [here, there, here, there].map(coordinator => elapsedMs(coordinator.waitForRelease('a', LONG_MS)))
    await sleep(SHORT_MS)
    await lock.release()
    for (const waitedMs of await Promise.all(waiting)) assert.ok(waitedMs < PROMPT_MS, `waited ${waitedMs} ms`)
  }),
  coordinatorCase('nobody waits for a lock that is free', async ({ here, there }) => {
    const waitedMs = await elapsedMs(Promise.all([here.waitForRelease('free', LONG_MS), there.waitForRelease('free', LONG_MS)]))
    assert.ok(waitedMs < PROMPT_MS, `waited ${waitedMs} ms`)
  }),
  coordinatorCase('who waits gives up at its limit, and the lock stays held', async ({ here, there }) => {
    const lock = await mustLock(here, 'a', LONG_MS)
    const waitedMs = await elapsedMs(there.waitForRelease('a', SHORT_MS))
    assert.ok(waitedMs >= SHORT_MS - 20 && waitedMs < PROMPT_MS, `waited ${waitedMs} ms`)
    assert.equal(await there.lock('a', LONG_MS), null)
    await lock.release()
  }),
  coordinatorCase('a holder that dies frees its lock after the lock\'s life', async ({ here, there }) => {
    await mustLock(here, 'a', SHORT_MS)
    const waitedMs = await elapsedMs(there.waitForRelease('a', PROMPT_MS))
    assert.ok(waitedMs < PROMPT_MS, `waited ${waitedMs} ms`)
    await eventually('the lock is free', async () => await there.lock('a', LONG_MS) !== null)
  }),
  coordinatorCase('releasing twice does nothing', async ({ here, there }) => {
    const lock = await mustLock(here, 'a', LONG_MS)
    await lock.release()
    await lock.release()
    const next = await mustLock(there, 'a', LONG_MS)
    await lock.release()
    assert.equal(await here.lock('a', LONG_MS), null)
    await next.release()
  }),
  coordinatorCase('a release that comes after the lock\'s life does not free another\'s', async ({ here, there }) => {
    const late = await mustLock(here, 'a', SHORT_MS)
    await eventually('the lock changes hands', async () => await there.lock('a', LONG_MS) !== null)
    await late.release()
    assert.equal(await here.lock('a', LONG_MS), null)
    assert.equal(await there.lock('a', LONG_MS), null)
  })
]

const results: readonly CoordinatorCase[] = [
  coordinatorCase('a result is there for all, more than once', async ({ here, there }) => {
    await here.publishResult('a', 'sealed', LONG_MS)
    for (const coordinator of [here, there, there]) assert.equal(await coordinator.takeResult('a'), 'sealed')
    assert.equal(await there.takeResult('b'), null)
  }),
  coordinatorCase('who was woken finds the result that was published before the release', async ({ here, there }) => {
    const lock = await mustLock(here, 'a', LONG_MS)
    const woken = there.waitForRelease('a', LONG_MS).then(() => there.takeResult('a'))
    await here.publishResult('a', 'sealed', LONG_MS)
    await lock.release()
    assert.equal(await woken, 'sealed')
  }),
  coordinatorCase('a newer result takes the place of the older, and its life', async ({ here, there }) => {
    await here.publishResult('a', 'first', SHORT_MS)
    await there.publishResult('a', 'second', LONG_MS)
    assert.equal(await here.takeResult('a'), 'second')
    await sleep(2 * SHORT_MS)
    assert.equal(await here.takeResult('a'), 'second')
  }),
  coordinatorCase('a result is gone after its life', async ({ here, there }) => {
    await here.publishResult('a', 'sealed', SHORT_MS)
    await here.publishResult('b', 'sealed', LONG_MS)
    await eventually('the result is gone', async () => await there.takeResult('a') === null)
    assert.equal(await there.takeResult('b'), 'sealed')
  }),
  coordinatorCase('a result of 100 KB comes back whole', async ({ here, there }) => {
    const sealed = 'x'.repeat(100 * 1024)
    await here.publishResult('a', sealed, LONG_MS)
    assert.equal(await there.takeResult('a'), sealed)
  })
]

const marks: readonly CoordinatorCase[] = [
  coordinatorCase('a mark by id ends that session, whenever it was issued', async ({ here, there, time }) => {
    const session = sampleSession()
    const other = sampleSession({ subject: session.subject })
    assert.equal(await there.hasEnded(session), false)
    await here.end({ id: session.id }, session.issuedAt - 1000, time.now() + 100)
    assert.equal(await here.hasEnded(session), true)
    await eventually('the other instance knows', () => there.hasEnded(session))
    assert.equal(await here.hasEnded(other), false)
    assert.equal(await there.hasEnded(other), false)
  }),
  coordinatorCase('a mark by subject ends what was issued at or before its instant', async ({ here, there, time }) => {
    const session = sampleSession({ issuedAt: time.now() })
    const { issuer, subject } = session
    await here.end({ issuer, subject }, time.now(), time.now() + 100)
    await eventually('the other instance knows', () => there.hasEnded(session))
    for (const coordinator of [here, there]) {
      assert.equal(await coordinator.hasEnded(session), true, 'in the same second the logout wins')
      assert.equal(await coordinator.hasEnded({ ...session, id: 'older', issuedAt: time.now() - 1 }), true)
      assert.equal(await coordinator.hasEnded({ ...session, id: 'later', issuedAt: time.now() + 1 }), false)
      assert.equal(await coordinator.hasEnded({ ...session, subject: 'other' }), false)
      assert.equal(await coordinator.hasEnded({ ...session, issuer: 'https://other.example' }), false)
    }
  }),
  coordinatorCase('a mark by provider session ends that one alone', async ({ here, there, time }) => {
    const session = sampleSession({ issuedAt: time.now(), providerSessionId: 'sid' })
    await here.end({ issuer: session.issuer, providerSessionId: 'sid' }, time.now(), time.now() + 100)
    await eventually('the other instance knows', () => there.hasEnded(session))
    for (const coordinator of [here, there]) {
      assert.equal(await coordinator.hasEnded({ ...session, providerSessionId: null }), false)
      assert.equal(await coordinator.hasEnded({ ...session, providerSessionId: 'another' }), false)
      assert.equal(await coordinator.hasEnded({ ...session, issuer: 'https://other.example' }), false)
      assert.equal(await coordinator.hasEnded({ ...session, issuedAt: time.now() + 1 }), false)
    }
  }),
  coordinatorCase('an older mark does not take back a newer one', async ({ here, there, time }) => {
    const session = sampleSession({ issuedAt: time.now() })
    const target = { issuer: session.issuer, subject: session.subject }
    await here.end(target, time.now(), time.now() + 100)
    await here.end(target, time.now() - 50, time.now() + 10)
    await eventually('the other instance knows', () => there.hasEnded(session))
    time.advance(50)
    assert.equal(await here.hasEnded(session), true)
    assert.equal(await there.hasEnded(session), true)
  }),
  coordinatorCase('a mark is kept until its time has come', async ({ here, there, time }) => {
    const session = sampleSession({ issuedAt: time.now(), providerSessionId: 'sid' })
    const { id, issuer, subject } = session
    for (const target of [{ id }, { issuer, subject }, { issuer, providerSessionId: 'sid' }] satisfies RevocationTarget[]) await here.end(target, time.now(), time.now() + 100)
    await eventually('the other instance knows', () => there.hasEnded(session))
    time.advance(99)
    assert.equal(await here.hasEnded(session), true)
    assert.equal(await there.hasEnded(session), true)
    time.advance(1)
    assert.equal(await here.hasEnded(session), false)
    assert.equal(await there.hasEnded(session), false)
  }),
  coordinatorCase('listeners hear of an end on every instance until they are taken off', async ({ here, there, time }) => {
    const heard: Array<readonly [string, RevocationTarget, EpochSeconds]> = []
    const stop = here.onEnded((target, before) => { heard.push(['here', target, before]) })
    there.onEnded((target, before) => { heard.push(['there', target, before]) })
    await here.end({ id: 'first' }, time.now(), time.now() + 100)
    await eventually('both have heard', () => heard.length >= 2)
    const first = { id: 'first' }
    assert.deepEqual([...heard].sort((a, b) => a[0].localeCompare(b[0])), [['here', first, time.now()], ['there', first, time.now()]])
    stop()
    stop()
    await there.end({ issuer: 'https://op.example', subject: 'second' }, time.now(), time.now() + 100)
    await eventually('the one that is left has heard', () => heard.length >= 3)
    assert.deepEqual(heard.slice(2), [['there', { issuer: 'https://op.example', subject: 'second' }, time.now()]])
  }),
  coordinatorCase('when a listener hears of an end, the mark is set', async ({ here, time }) => {
    const session = sampleSession()
    let ended: boolean | Promise<boolean> = false
    here.onEnded(() => { ended = here.hasEnded(session) })
    await here.end({ id: session.id }, time.now(), time.now() + 100)
    await eventually('the mark is seen', async () => await ended)
  }),
  coordinatorCase('ready says that the others can be reached', async ({ here, there }) => {
    await here.ready()
    await there.ready()
  }),
  coordinatorCase('close wakes who waits, and may be called twice', async ({ here }) => {
    await mustLock(here, 'a', LONG_MS)
    const waitedMs = elapsedMs(here.waitForRelease('a', LONG_MS))
    await here.close()
    assert.ok(await waitedMs < PROMPT_MS)
    await here.close()
  })
]

/**
 * What every `SessionCoordinator` promises, for any test runner.
 * @example
 * for (const { name, run } of sessionCoordinatorContract) test(name, () => run({ createPair: async ({ clock }) => [await connect(clock), await connect(clock)] }))
 */
export const sessionCoordinatorContract: readonly CoordinatorCase[] = [...locks, ...results, ...marks]
