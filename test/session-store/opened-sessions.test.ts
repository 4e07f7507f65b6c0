import t from 'tap'
import { createOpenedSessions, type StoredSession } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'

const END = Number.MAX_SAFE_INTEGER

function opened (name: string, bytes: number): { stored: StoredSession, bytes: number } {
  return { stored: { handle: name.padStart(40, '-'), revision: 1, expiresAt: END, session: sampleSession() }, bytes }
}

t.test('no more are remembered than the count allows', async t => {
  const memo = createOpenedSessions({ maxCount: 3, maxBytes: Infinity })
  const all = ['a', 'b', 'c', 'd', 'e'].map(name => opened(name, 1))
  for (const each of all) memo.add(each)
  t.same(all.map(({ stored }) => memo.find(stored.handle) !== null), [false, false, true, true, true])
})

t.test('no more are remembered than the bytes allow', async t => {
  const memo = createOpenedSessions({ maxCount: 100, maxBytes: 100 })
  const all = ['a', 'b', 'c'].map(name => opened(name, 40))
  for (const each of all) memo.add(each)
  t.same(all.map(({ stored }) => memo.find(stored.handle) !== null), [false, true, true])
  const [, second] = all
  memo.drop(second?.stored.handle ?? '')
  const next = opened('d', 60)
  memo.add(next)
  t.same([...all, next].map(({ stored }) => memo.find(stored.handle) !== null), [false, false, true, true], 'what was dropped is not counted any more')
  const large = opened('large', 500)
  memo.add(large)
  t.same([...all, next, large].map(({ stored }) => memo.find(stored.handle) !== null), [false, false, true, true, false], 'one that is too large is not remembered, and costs no other')
})

t.test('the same handle is counted once', async t => {
  const memo = createOpenedSessions({ maxCount: 100, maxBytes: 100 })
  const first = opened('a', 40)
  const second = opened('b', 40)
  memo.add(second)
  for (let turn = 0; turn < 5; turn++) memo.add(first)
  t.not(memo.find(second.stored.handle), null)
})

t.test('what was used stays longer than what was not', async t => {
  const memo = createOpenedSessions({ maxCount: 3, maxBytes: Infinity })
  const all = ['a', 'b', 'c', 'd', 'e'].map(name => opened(name, 1))
  const [a, b, c, d, e] = all
  for (const each of [a, b, c]) if (each !== undefined) memo.add(each)
  memo.find(a?.stored.handle ?? '')
  for (const each of [d, e]) if (each !== undefined) memo.add(each)
  t.same(all.map(({ stored }) => memo.find(stored.handle) !== null), [true, false, false, true, true])
})

t.test('when all were used the bounds still hold', async t => {
  const memo = createOpenedSessions({ maxCount: 50, maxBytes: Infinity })
  const all = Array.from({ length: 200 }, (_, turn) => opened(`n${turn}`, 1))
  for (const each of all) {
    memo.add(each)
    for (const { stored } of all) memo.find(stored.handle)
  }
  t.equal(all.filter(({ stored }) => memo.find(stored.handle) !== null).length, 50)
})
