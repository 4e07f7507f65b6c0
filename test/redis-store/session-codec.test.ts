import t from 'tap'
import { createSealer, packText, sealJson } from 'fastify-oidc-session-store'
import { corporateSession } from 'fastify-oidc-session-store/contract'
import { createSessionCodec } from '../../packages/redis-store/src/session-codec.ts'

const options = { secret: 'a session secret that is long enough', fallbacks: [], binding: 'app' }
const HANDLE = 'h'.repeat(43)
const END = 1_772_442_000

t.test('sessions that were written before they were packed still open, their tokens when they are read', async t => {
  const { cold, ...hot } = corporateSession()
  const codec = createSessionCodec(options)
  const keyed = createSealer({ ...options, purpose: 'redis-session' }).keyedWith(HANDLE)
  const exp = codec.sealEnd(HANDLE, 3, END)
  const hotField = keyed.seal(packText(JSON.stringify(hot)), 'hot 3')
  const opened = codec.open(HANDLE, Buffer.from('3'), exp, hotField, sealJson(keyed, cold, 'cold 3'))
  t.same(opened?.stored, { handle: HANDLE, revision: 3, expiresAt: END, session: { ...hot, cold } })
  t.same(codec.open(HANDLE, Buffer.from('3'), exp, hotField, Buffer.alloc(60))?.stored.session.cold, { refreshToken: null, idToken: null })
  t.equal(codec.open(HANDLE, Buffer.from('3'), exp, keyed.seal(Buffer.from([9, 9]), 'hot 3'), exp), null)
})

t.test('a session takes less than a thousand bytes in hot, cold and meta together beyond its signatures', async t => {
  const session = corporateSession()
  const { fields, opened } = createSessionCodec(options).seal(HANDLE, session, 1, END)
  const bytes = fields.hot.length + fields.cold.length + fields.meta.length
  t.ok(bytes < 1000 + 2 * 256, `${bytes} bytes`)
  t.same(createSessionCodec(options).open(HANDLE, Buffer.from('1'), fields.exp, fields.hot, fields.cold)?.stored, opened.stored)
})
