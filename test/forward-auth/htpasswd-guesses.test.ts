import t from 'tap'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { basic, BCRYPT, FETCH, guarded, PASSWORD, passwordFile, send, SHA } from './htpasswd-parts.ts'
import { statusOf } from './parts.ts'

t.test('1,000 guesses from one address are ten of a name, and cost next to nothing', async t => {
  const { app } = await guarded(t, { basic: true }, { server: { logger: false } })
  const answers = new Map<number, number>()
  const startMs = performance.now()
  for (let guess = 0; guess < 1000; guess += 500) {
    const statuses = await Promise.all(Array.from({ length: 500 }, async (_none, index) => (await send(app, { username: 'alice', password: `guess ${guess + index}` })).statusCode))
    for (const status of statuses) answers.set(status, (answers.get(status) ?? 0) + 1)
  }
  t.strictSame(Object.fromEntries(answers), { 401: 10, 429: 990 })
  t.comment(`${Math.round(performance.now() - startMs)} ms`)
  const refused = await send(app, { username: 'alice', password: PASSWORD })
  t.match(refused, { statusCode: 429, headers: { 'set-cookie': undefined } }, 'the right one is not told from a wrong one')
  const retryAfter = Number(refused.headers['retry-after'])
  t.ok(retryAfter > 200 && retryAfter <= 300, 'and it says for how long')
  t.equal(await statusOf(app, '/who', { ...basic('alice', PASSWORD), ...FETCH }), 200, 'from another address')
  t.equal((await send(app, { username: 'bob', password: PASSWORD })).statusCode, 302, 'another name from there')
})

t.test('guesses at many names, from one address, and at one name, from many, have their bounds too', async t => {
  const { app } = await guarded(t, { file: passwordFile(t, `alice:${SHA}\n`), basic: true })
  const wrong = async (username: string, address: string): Promise<number> => (await send(app, { username, password: 'wrong' }, {}, address)).statusCode
  for (let guess = 0; guess < 30; guess++) t.equal(await wrong(`name ${guess}`, '2001:db8::1'), 401)
  t.equal(await wrong('alice', '2001:db8:0:0:ffff::2'), 429, 'a /64 of IPv6 is one address')
  t.equal(await wrong('alice', '2001:db8:0:1::1'), 401)
  t.equal((await send(app, { username: 'alice', password: PASSWORD }, {}, '198.51.100.1')).statusCode, 302)
  for (let guess = 0; guess < 99; guess++) t.equal(await wrong('alice', `192.0.2.${guess}`), 401)
  t.equal(await wrong('alice', '203.0.113.1'), 429)
  t.equal((await send(app, { username: 'alice', password: PASSWORD }, {}, '203.0.113.2')).statusCode, 429)
  t.equal((await send(app, { username: 'alice', password: PASSWORD }, {}, '198.51.100.1')).statusCode, 302, 'who was right from there before is not locked out by others')
  const known = async (): Promise<number> => (await app.inject({ url: '/who', remoteAddress: '198.51.100.1', headers: { ...basic('alice', PASSWORD), ...FETCH } })).statusCode
  t.equal(await known(), 200)
  for (let guess = 0; guess < 40; guess++) await wrong(`name ${guess}`, '198.51.100.1')
  t.equal(await known(), 200, 'nor is a password that was right there a moment ago, whatever others there guess at')
  for (let guess = 0; guess < 10; guess++) t.equal(await wrong('alice', '198.51.100.1'), 429)
  t.equal(await known(), 429, 'unless it would show which of many guesses is right')
})

t.test('nobody makes guesses forgotten by many others, and a /48 of IPv6 has its bound too', async t => {
  const { app } = await guarded(t, { file: passwordFile(t, `alice:${SHA}\n`) }, { server: { logger: false } })
  const wrong = async (username: string, address: string): Promise<number> => (await send(app, { username, password: 'wrong' }, {}, address)).statusCode
  for (let guess = 0; guess < 100; guess++) t.equal(await wrong('alice', `192.0.2.${guess}`), 401)
  const statuses = new Set<number>()
  for (let site = 0; site < 340; site++) {
    for (const status of await Promise.all(Array.from({ length: 30 }, async (_none, index) => await wrong(`name ${site} ${index}`, `2001:db8:${site.toString(16)}::1`)))) statuses.add(status)
  }
  t.strictSame([...statuses], [401], 'ten thousand names, each once, from 340 sites')
  t.equal(await wrong('alice', '203.0.113.1'), 429)
  for (let guess = 0; guess < 300; guess++) t.equal(await wrong(`other ${guess}`, `2001:db8:ffff:${Math.floor(guess / 30)}::1`), 401)
  t.equal(await wrong('new', '2001:db8:ffff:99::1'), 429)
  t.equal((await send(app, { username: 'alice', password: PASSWORD }, {}, '2001:db8:ffff:99::1')).headers['retry-after'] !== undefined, true)
})

t.test('an unknown name takes as long as a known one', async t => {
  const slow = '$2y$10$'
  const { app } = await guarded(t, { file: passwordFile(t, `alice:${BCRYPT.replace('$2y$05$', slow)}\n`) })
  const timed = async (username: string): Promise<number> => {
    const startMs = performance.now()
    t.equal((await send(app, { username, password: 'wrong' })).statusCode, 401)
    return performance.now() - startMs
  }
  const known = [await timed('alice'), await timed('alice')]
  const unknown = [await timed('mallory'), await timed('mallory')]
  const [least, most] = [Math.min(...known), Math.max(...known)]
  t.ok(Math.min(...unknown) > least / 3 && Math.min(...unknown) < most * 3, `${known.map(Math.round).join(', ')} and ${unknown.map(Math.round).join(', ')} ms`)
})

t.test('passwords are looked at beside the main thread, two at once, and not without end', async t => {
  const { app } = await guarded(t, { file: passwordFile(t, `alice:${BCRYPT.replace('$2y$05$', '$2y$08$')}\n`) })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const answers = await Promise.all(Array.from({ length: 100 }, async (_none, index) => await send(app, { username: 'alice', password: 'wrong' }, {}, `192.0.2.${index}`)))
  delay.disable()
  const busy = answers.filter(({ statusCode }) => statusCode === 429)
  t.equal(busy.length, 34, 'two, and 64 that wait')
  t.equal(busy[0]?.headers['retry-after'], '1')
  t.comment(`the event loop was held up for ${Math.round(delay.max / 1e6)} ms at most`)
})

t.test('a password that could not be looked at is no guess', async t => {
  const { app } = await guarded(t, { file: passwordFile(t, `slow:${BCRYPT.replace('$2y$05$', '$2y$12$')}\nalice:${BCRYPT}\nbob:${SHA}\n`) }, { server: { logger: false } })
  const tries = Array.from({ length: 67 }, async (_none, index) => (await send(app, { username: index < 2 ? 'slow' : 'alice', password: 'wrong' }, {}, `192.0.2.${index + 2}`)).statusCode)
  t.equal(await Promise.race(tries), 429, 'two are looked at, and 64 wait')
  for (let time = 0; time < 10; time++) t.match(await send(app, { username: 'bob', password: PASSWORD }), { statusCode: 429, headers: { 'retry-after': '1' } })
  t.strictSame((await Promise.all(tries)).filter(status => status !== 401), [429])
  t.equal((await send(app, { username: 'bob', password: PASSWORD })).statusCode, 302)
})

t.test('names and passwords that nobody has are nobody, without a guess', async t => {
  const { app } = await guarded(t, { basic: true })
  for (const [name, password] of [['alice\0', PASSWORD], ['alice', `${PASSWORD}\0`], ['ali\nce', PASSWORD], ['alice:', PASSWORD], ['a'.repeat(256), PASSWORD], ['alice', 'x'.repeat(1025)], ['__proto__', PASSWORD], ['constructor', 'x'], ['é'.repeat(128), 'x']] as Array<[string, string]>) {
    for (let time = 0; time < 2; time++) t.equal((await send(app, { username: name, password })).statusCode, 401, JSON.stringify(name.slice(0, 20)))
    t.equal(await statusOf(app, '/who', { ...basic(name, password), ...FETCH }), 401)
  }
  t.equal(await statusOf(app, '/who', { authorization: `Basic ${'A'.repeat(9000)}`, ...FETCH }), 401)
  t.match(await send(app, { username: 'alice', password: 'x'.repeat(70_000) }), { statusCode: 413, headers: { 'set-cookie': undefined } })
  t.equal((await send(app, { username: 'alice', password: PASSWORD })).statusCode, 302)
})
