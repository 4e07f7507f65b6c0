import { spawnSync } from 'node:child_process'
import { mock } from 'node:test'
import t from 'tap'
import { createProcessCoordinator, sharedProcessCoordinator } from 'fastify-oidc-session-store'
import { createManualClock, sampleSession } from 'fastify-oidc-session-store/contract'
import { createEndMarks } from '../../packages/session-store/src/end-marks.ts'
import { createProcessResults } from '../../packages/session-store/src/process-results.ts'

t.test('results are bounded by their number, the oldest go first', async t => {
  const coordinator = createProcessCoordinator({ maxResults: 3 })
  t.teardown(() => coordinator.close())
  for (const key of ['a', 'b', 'c', 'd', 'e']) await coordinator.publishResult(key, `result ${key}`, 60_000)
  const left = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(key => coordinator.takeResult(key)))
  t.same(left, [null, null, 'result c', 'result d', 'result e'])
})

t.test('a result that is published again is not the oldest any more, and is counted once', async t => {
  const coordinator = createProcessCoordinator({ maxResults: 2 })
  t.teardown(() => coordinator.close())
  await coordinator.publishResult('a', 'first', 60_000)
  await coordinator.publishResult('b', 'b', 60_000)
  await coordinator.publishResult('a', 'second', 60_000)
  await coordinator.publishResult('c', 'c', 60_000)
  t.same([await coordinator.takeResult('a'), await coordinator.takeResult('b'), await coordinator.takeResult('c')], ['second', null, 'c'])
})

t.test('results are bounded by their bytes, and one that is larger than all is not kept', async t => {
  const coordinator = createProcessCoordinator({ maxResultBytes: 1000 })
  t.teardown(() => coordinator.close())
  await coordinator.publishResult('a', 'x'.repeat(400), 60_000)
  await coordinator.publishResult('b', 'x'.repeat(400), 60_000)
  t.not(await coordinator.takeResult('a'), null)
  await coordinator.publishResult('c', 'x'.repeat(400), 60_000)
  t.equal(await coordinator.takeResult('a'), null)
  t.not(await coordinator.takeResult('c'), null)
  await coordinator.publishResult('large', 'x'.repeat(2000), 60_000)
  t.equal(await coordinator.takeResult('large'), null)
  await coordinator.publishResult('d', 'x'.repeat(400), 60_000)
  t.not(await coordinator.takeResult('d'), null, 'the bytes of what was dropped are free again')
})

t.test('a result that was taken too late gives its bytes back', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset() })
  const results = createProcessResults({ maxCount: 10, maxBytes: 100 })
  results.put('a', 'x'.repeat(80), 0)
  t.equal(results.take('a'), null)
  results.put('b', 'x'.repeat(80), 60_000)
  results.put('c', 'x'.repeat(10), 60_000)
  t.equal(results.take('b'), 'x'.repeat(80))
})

t.test('a listener that throws keeps no other from hearing', async t => {
  const coordinator = createProcessCoordinator()
  t.teardown(() => coordinator.close())
  const heard: string[] = []
  const session = sampleSession()
  coordinator.onEnded(() => { throw new Error('listener') })
  coordinator.onEnded(({ ...target }) => { heard.push(JSON.stringify(target)) })
  await t.rejects(coordinator.end({ id: session.id }, 0, Infinity), AggregateError)
  t.same(heard, [JSON.stringify({ id: session.id })])
  t.equal(coordinator.hasEnded(session), true)
})

t.test('one function can listen twice, and is taken off once at a time', async t => {
  const coordinator = createProcessCoordinator()
  t.teardown(() => coordinator.close())
  let heard = 0
  const listener = (): void => { heard++ }
  const stop = coordinator.onEnded(listener)
  coordinator.onEnded(listener)
  await coordinator.end({ id: 'a' }, 0, Infinity)
  stop()
  stop()
  await coordinator.end({ id: 'b' }, 0, Infinity)
  t.equal(heard, 3)
})

t.test('hasEnded answers at once', async t => {
  const coordinator = createProcessCoordinator()
  t.teardown(() => coordinator.close())
  t.equal(coordinator.hasEnded(sampleSession()), false)
})

t.test('marks are swept when their time has come', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset() })
  const time = createManualClock()
  const marks = createEndMarks(time.now)
  marks.add({ id: 'short' }, 0, time.now() + 50)
  marks.add({ id: 'long' }, 0, time.now() + 500)
  marks.add({ issuer: 'i', subject: 's' }, 0, time.now() + 50)
  marks.add({ issuer: 'i', providerSessionId: 's' }, 0, time.now() + 50)
  t.equal(marks.size, 4)
  time.advance(60)
  mock.timers.tick(60_000)
  t.equal(marks.size, 1)
  time.advance(500)
  mock.timers.tick(60_000)
  t.equal(marks.size, 0)
  marks.add({ id: 'next' }, 0, time.now() + 50)
  time.advance(60)
  mock.timers.tick(60_000)
  t.equal(marks.size, 0, 'the sweeper starts again')
})

t.test('all of one process share one coordinator, and nobody can close it for the others', async t => {
  const coordinator = sharedProcessCoordinator()
  t.equal(sharedProcessCoordinator(), coordinator)
  const session = sampleSession()
  await coordinator.end({ id: session.id }, 0, session.issuedAt + 1000)
  await coordinator.close()
  t.equal(sharedProcessCoordinator().hasEnded(session), true)
})

t.test('a coordinator keeps no process alive', async t => {
  const program = `
    import { createProcessCoordinator } from 'fastify-oidc-session-store'
    const coordinator = createProcessCoordinator()
    await coordinator.lock('a', 60_000)
    void coordinator.waitForRelease('a', 60_000)
    await coordinator.publishResult('a', 'b', 60_000)
    await coordinator.end({ id: 'a' }, 0, Infinity)
    console.log('done')`
  const { stdout, status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', timeout: 60_000, cwd: new URL('.', import.meta.url), env: { ...process.env, NODE_OPTIONS: '' } })
  t.match({ stdout: stdout.trim(), status, signal }, { stdout: 'done', status: 0, signal: null }, stderr)
})
