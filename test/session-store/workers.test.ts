import t from 'tap'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createWorkerHub, joinWorkers, sharedWorkerCoordinator, type WorkerChannel } from 'fastify-oidc-session-store'

const program = fileURLToPath(new URL('../support/coordinated-workers.mjs', import.meta.url))

/** A primary with workers, which do what they are told and say what came of it. */
class Cluster {
  readonly #child: ChildProcess
  readonly #answers = new Map<number, (value: unknown) => void>()
  #serial = 0

  constructor (child: ChildProcess) {
    this.#child = child
    child.on('message', message => {
      const { id, value } = message as { id: number, value: unknown }
      this.#answers.get(id)?.(value)
      this.#answers.delete(id)
    })
  }

  async ask (worker: number, call: string, ...args: unknown[]): Promise<unknown> {
    const id = this.#serial++
    return await new Promise(resolve => {
      this.#answers.set(id, resolve)
      this.#child.send({ id, worker, call, args })
    })
  }
}

async function start (t: { teardown (run: () => unknown): void }): Promise<Cluster> {
  const child = fork(program, { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const cluster = new Cluster(child)
  await once(child, 'message')
  return cluster
}

const session = { id: 'a', issuer: 'https://op.example', subject: 'alice', providerSessionId: null, issuedAt: 1000 }

t.test('workers of one primary hold one lock, see one result, and hear of an end before it is answered', async t => {
  const cluster = await start(t)
  t.equal(await cluster.ask(0, 'lock', 'key', 10_000), 'held')
  t.equal(await cluster.ask(1, 'lock', 'key', 10_000), null)
  await cluster.ask(0, 'publishResult', 'key', 'sealed', 10_000)
  t.equal(await cluster.ask(1, 'takeResult', 'key'), 'sealed')
  t.equal(await cluster.ask(1, 'hasEnded', session), false)
  await cluster.ask(0, 'end', { issuer: session.issuer, subject: 'alice' }, 1000, Math.floor(Date.now() / 1000) + 100)
  t.equal(await cluster.ask(1, 'hasEnded', session), true)
  t.equal(await cluster.ask(1, 'hasEnded', { ...session, issuedAt: 1001 }), false, 'a later login lives')

  const waiting = cluster.ask(1, 'waitForRelease', 'key', 10_000)
  await cluster.ask(0, 'die')
  await waiting
  t.equal(await cluster.ask(1, 'lock', 'key', 10_000), 'held', 'what a dead worker held is free')
  t.equal(await cluster.ask(2, 'hasEnded', session), true, 'a worker that starts later knows of the end')
})

/** A channel on which nobody answers but the test. */
function createDeafChannel (): WorkerChannel & { readonly sent: unknown[], receive (message: unknown): void, close (): void } {
  const sent: unknown[] = []
  const [listeners, closers]: [Array<(message: unknown) => void>, Array<() => void>] = [[], []]
  return {
    sent,
    send: message => { sent.push(message) },
    onMessage: listener => { listeners.push(listener) },
    onClosed: listener => { closers.push(listener) },
    receive: message => { for (const listener of listeners) listener(message) },
    close: () => { for (const closer of closers) closer() }
  }
}

t.test('a process that is no worker, and a worker whose primary is silent, say what to do', async t => {
  await t.rejects(sharedWorkerCoordinator(), { code: 'FST_OIDC_NOT_COORDINATED' })
  await t.rejects(joinWorkers(createDeafChannel(), { patienceMs: 20 }), { code: 'FST_OIDC_NOT_COORDINATED', message: /coordinateWorkers\(\)/ })
})

t.test('a worker that is cut off does not know who is logged in, and nobody waits for it', async t => {
  const hub = createWorkerHub()
  t.teardown(async () => { await hub.close() })
  const [primary, worker] = [createDeafChannel(), createDeafChannel()]
  primary.send = message => { setImmediate(() => { worker.receive(message) }) }
  worker.send = message => { setImmediate(() => { primary.receive(message) }) }
  hub.attach(primary)
  const cut = await joinWorkers(worker)
  const [near, far] = [createDeafChannel(), createDeafChannel()]
  near.send = message => { setImmediate(() => { far.receive(message) }) }
  far.send = message => { setImmediate(() => { near.receive(message) }) }
  hub.attach(near)
  const other = await joinWorkers(far)
  worker.receive({ unrelated: true })
  worker.receive(null)
  t.ok(await cut.lock('key', 10_000))
  t.equal(await other.lock('key', 10_000), null)
  const unanswered = cut.waitForRelease('key', 10_000)
  worker.close()
  primary.close()
  await unanswered
  await t.rejects(async () => await cut.hasEnded(session), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  await t.rejects(cut.lock('other', 10_000), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  t.ok(await other.lock('key', 10_000), 'its lock is free')
  const startMs = performance.now()
  await other.end({ id: 'a' }, 0, Math.floor(Date.now() / 1000) + 100)
  t.ok(performance.now() - startMs < 900, 'an end does not wait for it')
})

t.test('a worker that does not answer keeps an end no longer than a second, and a listener that throws neither', async t => {
  const hub = createWorkerHub()
  t.teardown(async () => { await hub.close() })
  const [near, far] = [createDeafChannel(), createDeafChannel()]
  near.send = message => { setImmediate(() => { far.receive(message) }) }
  far.send = message => { setImmediate(() => { near.receive(message) }) }
  hub.attach(near)
  const coordinator = await joinWorkers(far)
  const deaf = createDeafChannel()
  hub.attach(deaf)
  deaf.receive({ 'fastify-oidc-coordination/1': { kind: 'call', id: 0, call: { kind: 'join' } } })
  coordinator.onEnded(() => { throw new Error('a listener') })
  const heard: unknown[] = []
  coordinator.onEnded(target => { heard.push(target) })
  const startMs = performance.now()
  await coordinator.end({ id: 'a' }, 0, Math.floor(Date.now() / 1000) + 100)
  t.ok(performance.now() - startMs < 1900)
  t.strictSame(heard, [{ id: 'a' }])
  t.equal(coordinator.hasEnded(session), true)
})
