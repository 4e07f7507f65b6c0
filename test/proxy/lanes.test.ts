import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Lanes, type Traveller } from '../../packages/proxy/src/lanes.ts'
import { freePort } from '../support/free-port.ts'
import { alice, listen, startFront, startUpstream, until, type Front, type Teardown } from './parts.ts'

async function ask (front: Front, path: string): Promise<{ status: number, text: string }> {
  const response = await fetch(`${front.origin}${path}`, { headers: alice })
  return { status: response.status, text: await response.text() }
}

/** An upstream that says what it was asked for, when it is let, and how many connections it has and had. */
async function startCounted (t: Teardown, { held = false } = {}) {
  const open = new Set<net.Socket>()
  const waiting: Array<() => void> = []
  const asked: string[] = []
  let most = 0
  const upstream = await startUpstream(t, (request, response) => {
    asked.push(request.url ?? '')
    const answer = (): void => { response.end(request.url) }
    if (held) waiting.push(answer)
    else answer()
  })
  upstream.server.on('connection', socket => {
    open.add(socket)
    most = Math.max(most, open.size)
    socket.once('close', () => { open.delete(socket) })
  })
  return {
    ...upstream,
    asked,
    get open () { return open.size },
    get most () { return most },
    get waiting () { return waiting.length },
    letOne () { waiting.shift()?.() },
    closeIdle () { for (const socket of open) socket.end() }
  }
}

t.test('one request after another takes one connection', async t => {
  const upstream = await startCounted(t)
  const front = await startFront(t, { upstream: upstream.url })
  for (let index = 0; index < 20; index++) t.equal((await ask(front, `/${index}`)).text, `/${index}`)
  t.equal(upstream.most, 1)
})

t.test('requests at the same time take one each, and those are used again', async t => {
  const upstream = await startCounted(t, { held: true })
  const front = await startFront(t, { upstream: upstream.url })
  for (let turn = 0; turn < 3; turn++) {
    const answers = Promise.all(Array.from({ length: 8 }, async (_, index) => (await ask(front, `/${turn}-${index}`)).text))
    await until(() => upstream.waiting === 8)
    for (let index = 0; index < 8; index++) upstream.letOne()
    t.same(await answers, Array.from({ length: 8 }, (_, index) => `/${turn}-${index}`))
  }
  t.equal(upstream.most, 8)
})

t.test('with max_connections the others wait, in their order', async t => {
  const upstream = await startCounted(t, { held: true })
  const front = await startFront(t, { upstream: upstream.url, max_connections: 2 })
  const answers: Array<Promise<string>> = []
  for (let index = 0; index < 6; index++) {
    answers.push(ask(front, `/${index}`).then(({ text }) => text))
    await delay(20)
  }
  t.equal(upstream.waiting, 2)
  for (let index = 0; index < 6; index++) {
    await until(() => upstream.waiting > 0)
    upstream.letOne()
  }
  t.same(await Promise.all(answers), Array.from({ length: 6 }, (_, index) => `/${index}`))
  t.equal(upstream.most, 2)
  t.same([...upstream.asked].slice(2), ['/2', '/3', '/4', '/5'])
})

t.test('who leaves while waiting is never sent, and holds up nobody', async t => {
  const upstream = await startCounted(t, { held: true })
  const front = await startFront(t, { upstream: upstream.url, max_connections: 1 })
  const first = ask(front, '/first')
  await until(() => upstream.waiting === 1)
  const gone = http.get(`${front.origin}/gone`, { headers: alice }).on('error', () => {})
  await once(gone, 'socket')
  await delay(50)
  const last = ask(front, '/last')
  await delay(50)
  gone.destroy()
  await delay(50)
  upstream.letOne()
  t.equal((await first).text, '/first')
  await until(() => upstream.waiting === 1)
  upstream.letOne()
  t.equal((await last).text, '/last')
  t.same(upstream.asked, ['/first', '/last'])
})

t.test('of many who come and go each that stays gets its own answer', async t => {
  const upstream = await startUpstream(t, (request, response) => {
    setTimeout(() => { response.end(`${request.url ?? ''} `.repeat(50)) }, Math.random() * 8)
  })
  for (const limits of [{}, { max_connections: 3 }]) {
    const front = await startFront(t, { upstream: upstream.url, ...limits })
    const answers = await Promise.all(Array.from({ length: 400 }, async (_, index) => {
      await delay(Math.random() * 300)
      const leaves = index % 3 === 0
      const signal = leaves ? AbortSignal.timeout(1 + Math.floor(Math.random() * 12)) : null
      return await fetch(`${front.origin}/${index}`, { headers: alice, signal }).then(async response => await response.text() === `/${index} `.repeat(50), () => leaves)
    }))
    t.notOk(answers.includes(false))
    t.equal((await ask(front, '/after')).status, 200)
  }
})

t.test('a connection that the upstream closed is not used again', async t => {
  const upstream = await startCounted(t)
  const front = await startFront(t, { upstream: upstream.url })
  for (let index = 0; index < 5; index++) {
    t.equal((await ask(front, `/${index}`)).status, 200)
    upstream.closeIdle()
    await until(() => upstream.open === 0)
  }
})

t.test('an upstream that takes one request a connection is served as fast as it likes', async t => {
  const upstream = await startUpstream(t, (request, response) => { response.setHeader('connection', 'close').end(request.url) })
  for (const limits of [{}, { max_connections: 2 }]) {
    const front = await startFront(t, { upstream: upstream.url, ...limits })
    const answers = await Promise.all(Array.from({ length: 60 }, async (_, index) => await ask(front, `/${index}`)))
    t.same(answers, answers.map((_, index) => ({ status: 200, text: `/${index}` })))
  }
})

t.test('an upstream that was away is found when it is back, by those who wait as well', async t => {
  const port = await freePort()
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, max_connections: 1 })
  const away = await Promise.all(Array.from({ length: 5 }, async (_, index) => (await ask(front, `/${index}`)).status))
  t.same(away, [502, 502, 502, 502, 502])
  const server = http.createServer((request, response) => { response.end(request.url) })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  t.same(await Promise.all(['/a', '/b', '/c'].map(async path => (await ask(front, path)).text)), ['/a', '/b', '/c'])
})

/** Whoever only wants to know how it ended. */
class Watcher implements Traveller {
  isOver = false
  readonly outcome: Promise<string>
  #settle: (outcome: string) => void = () => {}

  constructor () {
    this.outcome = new Promise(resolve => { this.#settle = resolve })
  }

  onConnect (): void {}
  onHeaders (): boolean { return true }
  onData (): boolean { return true }
  onComplete (): void { this.#end('answered') }
  onError (error: Error): void { this.#end((error as NodeJS.ErrnoException).code ?? error.message) }

  #end (outcome: string): void {
    this.isOver = true
    this.#settle(outcome)
  }
}

t.test('requests that cannot be sent take no connection away from others', async t => {
  const upstream = await startCounted(t)
  const lanes = new Lanes(upstream.url, {}, 1)
  t.teardown(async () => { await lanes.destroy() })
  const go = async (path: string): Promise<string> => {
    const watcher = new Watcher()
    lanes.dispatch({ path, method: 'GET' }, watcher)
    return await watcher.outcome
  }
  for (let turn = 0; turn < 3; turn++) t.same([await go('no path'), await go('/good')], ['UND_ERR_INVALID_ARG', 'answered'])
  t.same(await Promise.all(['bad', '/a', 'bad', '/b'].map(go)), ['UND_ERR_INVALID_ARG', 'answered', 'UND_ERR_INVALID_ARG', 'answered'])
  t.equal(upstream.most, 1)
})

t.test('an answer that breaks off costs its own request alone', async t => {
  const upstream = await startUpstream(t, (request, response) => {
    if (request.url === '/broken') {
      response.writeHead(200, { 'content-length': 100 }).write('half')
      setTimeout(() => request.socket.destroy(), 20)
    } else {
      response.end(request.url)
    }
  })
  const front = await startFront(t, { upstream: upstream.url, max_connections: 1 })
  const broken = ask(front, '/broken')
  const others = Promise.all(['/a', '/b'].map(async path => await ask(front, path)))
  await t.rejects(broken)
  t.same(await others, [{ status: 200, text: '/a' }, { status: 200, text: '/b' }])
})

t.test('whoever waits when the server ends is told', async t => {
  const port = await listen(t, http.createServer(() => {}))
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, max_connections: 1 })
  const waiting = ['/first', '/second', '/third'].map(async path => await ask(front, path).then(({ status }) => status, () => 'broken off'))
  await delay(50)
  void front.app.close()
  const outcomes = await Promise.all(waiting)
  t.notOk(outcomes.includes(200))
})
