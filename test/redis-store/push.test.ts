import { Redis } from 'ioredis'
import t from 'tap'
import { createLinkThrough, type ChannelListener, type RedisLink } from 'fastify-oidc-redis-store'
import { startRedis } from '../support/redis-server.ts'
import { openLink, timeOf } from './support/links.ts'
import { startStallingProxy } from './support/stalling-proxy.ts'

const redis = await startRedis(t)

/** Keeps what it hears, and lets a test await the next of it. */
class Ear implements ChannelListener {
  readonly events: string[] = []
  readonly #waiting: Array<{ event: string, resolve: () => void }> = []

  message (payload: Buffer): void { this.#note(payload.toString()) }
  heard (): void { this.#note('(heard)') }
  lost (): void { this.#note('(lost)') }

  async next (event: string): Promise<void> {
    await new Promise<void>(resolve => { this.#waiting.push({ event, resolve }) })
  }

  #note (event: string): void {
    this.events.push(event)
    for (const { event: wanted, resolve } of this.#waiting.splice(0)) {
      if (wanted === event) resolve()
      else this.#waiting.push({ event: wanted, resolve })
    }
  }
}

async function listenTo (link: RedisLink, channel: string): Promise<{ ear: Ear, close: () => Promise<void> }> {
  const ear = new Ear()
  const subscription = link.subscribe(channel, ear)
  await ear.next('(heard)')
  return { ear, close: () => subscription.close() }
}

async function say (channel: string, ...payloads: string[]): Promise<void> {
  for (const payload of payloads) await redis.command('PUBLISH', channel, payload)
}

async function clients (kind: string): Promise<number> {
  return String(await redis.command('CLIENT', 'LIST', 'TYPE', kind)).split('\n').filter(line => line !== '').length
}

t.test('what is said on a channel is heard there, in order, by all its listeners', async t => {
  const link = openLink(t, { port: redis.port })
  const one = await listenTo(link, 'a')
  const two = await listenTo(link, 'a')
  const other = await listenTo(link, 'b')
  const last = Promise.all([one.ear.next('3'), two.ear.next('3')])
  await say('a', '1', '2', '3')
  await last
  for (const { ear } of [one, two]) t.same(ear.events, ['(heard)', '1', '2', '3'])
  t.same(other.ear.events, ['(heard)'])
})

t.test('bytes come as they were sent', async t => {
  const link = openLink(t, { port: redis.port })
  const got = new Promise<Buffer>(resolve => {
    link.subscribe('bytes', {
      message: resolve,
      heard: () => { void link.run(redis => redis.publish('bytes', Buffer.from([0, 255, 10, 13, 128]))) },
      lost: () => {}
    })
  })
  t.same(await got, Buffer.from([0, 255, 10, 13, 128]))
})

t.test('one connection carries all channels, and none is open without a listener', async t => {
  const link = openLink(t, { port: redis.port })
  await link.ready()
  t.equal(await clients('pubsub'), 0)
  const both = [await listenTo(link, 'a'), await listenTo(link, 'b')]
  t.equal(await clients('pubsub'), 1)
  await both[0]?.close()
  t.equal(await clients('pubsub'), 1)
  await both[1]?.close()
  while (await clients('pubsub') > 0) await new Promise(resolve => setTimeout(resolve, 5))
  const again = await listenTo(link, 'a')
  const heard = again.ear.next('x')
  await say('a', 'x')
  await heard
  t.same(again.ear.events, ['(heard)', 'x'])
})

t.test('a listener that has left hears nothing more, the others do', async t => {
  const link = openLink(t, { port: redis.port })
  const [one, two] = [await listenTo(link, 'a'), await listenTo(link, 'a')]
  await one.close()
  const heard = two.ear.next('x')
  await say('a', 'x')
  await heard
  t.same(one.ear.events, ['(heard)'])
})

t.test('a connection that breaks is told, and told again when it stands', async t => {
  const link = openLink(t, { port: redis.port })
  const { ear } = await listenTo(link, 'a')
  const back = ear.next('(heard)')
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await back
  t.same(ear.events, ['(heard)', '(lost)', '(heard)'])
  const heard = ear.next('x')
  await say('a', 'x')
  await heard
})

t.test('a connection that falls silent is told within a second', async t => {
  const proxy = await startStallingProxy(t, redis)
  const link = openLink(t, { port: proxy.port })
  const { ear } = await listenTo(link, 'a')
  proxy.stallAnswers()
  const time = await timeOf(ear.next('(lost)'))
  t.ok(time < 1000, `${time}`)
  proxy.flow()
  await ear.next('(heard)')
  t.same(ear.events, ['(heard)', '(lost)', '(heard)'])
})

t.test('a Redis that is started later is heard then', async t => {
  const server = await startRedis(t)
  await server.kill()
  const link = openLink(t, { port: server.port })
  const ear = new Ear()
  link.subscribe('a', ear)
  await t.rejects(link.ready())
  await server.start()
  await ear.next('(heard)')
  t.same(ear.events, ['(heard)'], 'what was never heard is not lost')
})

t.test('a closed link is silent', async t => {
  const link = openLink(t, { port: redis.port })
  const { ear } = await listenTo(link, 'a')
  await link.close()
  while (await clients('pubsub') > 0) await new Promise(resolve => setTimeout(resolve, 5))
  await say('a', 'x')
  t.same(ear.events, ['(heard)'])
})

t.test('beside a client of the application there is a connection of our own', async t => {
  const client = new Redis({ port: redis.port, keyPrefix: 'app:' })
  t.teardown(() => client.disconnect())
  const link = createLinkThrough(client, { connect_timeout: 1000, read_timeout: 1000 })
  t.teardown(() => link.close())
  const { ear } = await listenTo(link, 'a')
  const heard = ear.next('x')
  await link.run(redis => redis.publish('a', 'x'))
  await heard
  await link.close()
  t.equal(await client.ping(), 'PONG')
})
