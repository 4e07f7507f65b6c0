import { once, EventEmitter } from 'node:events'
import t from 'tap'
import { StoreUnavailableError } from 'fastify-oidc-session-store'
import type { RedisLink } from 'fastify-oidc-redis-store'
import { createRecentWrites } from '../../packages/redis-store/src/recent-writes.ts'

/** A link that only tells when it stands again. */
function returningLink (): { readonly link: RedisLink, reconnect (): void } {
  const listeners = new Set<() => void>()
  const onReconnected: RedisLink['onReconnected'] = listener => {
    listeners.add(listener)
    return () => { listeners.delete(listener) }
  }
  return { link: { onReconnected } as RedisLink, reconnect () { for (const listener of listeners) listener() } }
}

t.test('what was written lately is repeated each time the link stands again, until it is closed', t => {
  const { link, reconnect } = returningLink()
  const repeated: string[] = []
  const recent = createRecentWrites<string>(link, async written => { repeated.push(written) })
  reconnect()
  recent.note('a')
  recent.note('a')
  recent.note('b')
  reconnect()
  t.same(repeated, ['a', 'b'])
  reconnect()
  t.same(repeated, ['a', 'b', 'a', 'b'])
  recent.close()
  reconnect()
  t.equal(repeated.length, 4)
  t.end()
})

t.test('of very many the latest are repeated', async t => {
  const { link, reconnect } = returningLink()
  const repeated = new Set<number>()
  const progress = new EventEmitter()
  const recent = createRecentWrites<number>(link, async written => {
    repeated.add(written)
    if (written === 10_999) progress.emit('end')
  })
  for (let turn = 0; turn < 11_000; turn++) recent.note(turn)
  const end = once(progress, 'end')
  reconnect()
  await end
  t.equal(repeated.size, 10_000)
  t.notOk(repeated.has(999))
  t.ok(repeated.has(1000))
  recent.close()
})

t.test('what could not be repeated is tried again', async t => {
  const { link, reconnect } = returningLink()
  const progress = new EventEmitter()
  let tries = 0
  const recent = createRecentWrites<string>(link, async () => {
    if (tries++ === 0) throw new StoreUnavailableError()
    progress.emit('written')
  })
  recent.note('a')
  const written = once(progress, 'written')
  reconnect()
  // What waits to try again keeps no process alive.
  const alive = setTimeout(() => { progress.emit('error', new Error('not within 10 s')) }, 10_000)
  await written
  clearTimeout(alive)
  t.equal(tries, 2)
  recent.close()
})
