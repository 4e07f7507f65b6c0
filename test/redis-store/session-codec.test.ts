import t from 'tap'
import { createPartSealer, createSealer, nameOfHandle, packText, sealJson } from 'fastify-oidc-session-store'
import { corporateSession, sampleSession } from 'fastify-oidc-session-store/contract'
import { createSessionCodec } from '../../packages/redis-store/src/session-codec.ts'
import { readRecord } from '../../packages/redis-store/src/session-record.ts'
import { sealFormer } from './support/former-record.ts'

const options = { secret: 'a session secret that is long enough', fallbacks: [], binding: 'https://idp.corp.example/oauth2/abCd1234/.well-known/openid-configuration\n0oa1b2c3d4E5f6G7h8i9' }
const HANDLE = 'h'.repeat(43)
const END = 1_772_442_000

t.test('sessions that were written before they were packed still open, their tokens when they are read', async t => {
  const { cold, ...hot } = corporateSession()
  const codec = createSessionCodec(options)
  const keyed = createSealer({ ...options, purpose: 'redis-session' }).keyedWith(HANDLE)
  const packed = sealFormer(options, HANDLE, { ...hot, cold }, 3, END)
  t.same(codec.open(HANDLE, packed)?.stored, { handle: HANDLE, revision: 3, expiresAt: END, session: { ...hot, cold } })
  const former = { ...packed, hot: keyed.seal(packText(JSON.stringify(hot)), 'hot 3'), cold: sealJson(keyed, cold, 'cold 3') }
  t.same(codec.open(HANDLE, former)?.stored, { handle: HANDLE, revision: 3, expiresAt: END, session: { ...hot, cold } })
  t.same(codec.open(HANDLE, { ...former, cold: Buffer.alloc(60) })?.stored.session.cold, { refreshToken: null, idToken: null })
  t.equal(codec.open(HANDLE, { ...former, hot: keyed.seal(Buffer.from([9, 9]), 'hot 3') }), null)
})

t.test('a session takes less than 650 bytes beyond its signatures', async t => {
  const codec = createSessionCodec(options)
  const { record, opened } = codec.seal(HANDLE, corporateSession(), 1, END)
  t.ok(record.length < 650 + 2 * 256, `${record.length} bytes`)
  t.same(createSessionCodec(options).open(HANDLE, record)?.stored, opened.stored)
})

t.test('the keys of what requests need and of the tokens need the handle, not the secret alone', async t => {
  const { record } = createSessionCodec(options).seal(HANDLE, corporateSession(), 1, END)
  const sealer = createPartSealer({ ...options, purpose: 'redis-record' })
  const read = readRecord(record)
  if (read === null) throw new Error('no record')
  for (const part of ['hot', 'cold'] as const) {
    for (const guess of [part, `${part} `, `${part} ${nameOfHandle(HANDLE)}`, `${part} null`, `${part} undefined`, '']) t.equal(sealer.open(read.salt, guess, read[part], '1'), null)
    t.not(sealer.open(read.salt, `${part} ${HANDLE}`, read[part], '1'), null)
  }
})

t.test('whoever it is comes back letter for letter', async t => {
  const codec = createSessionCodec(options)
  const texts = ['', 'a', 'AB', 'alice', '00u1', 'ключ', '\0', '\ud800', '\ud83d\ude00', 'https://idp.corp.example', '0oa1b2c3d4E5f6G7h8i9', '\n', 'x'.repeat(5000), 'A'.repeat(4000), '29c961f5-055a-420e-a170-8a63ed1533a5', '29C961F5-055A-420E-A170-8A63ED1533A5', 'null', '{"id":1}']
  const numbers = [0, 1, 1_772_438_400, 1_772_438_400.5, -1, 2 ** 50, 2 ** 51, Number.MAX_SAFE_INTEGER, 1e300]
  for (const [place, text] of texts.entries()) {
    const [subject = '', clientId = ''] = [texts[(place + 1) % texts.length], texts[(place + 2) % texts.length]]
    const session = sampleSession({ id: text, issuer: text, subject, providerSessionId: place % 2 === 0 ? text : null, clientId, issuedAt: numbers[place % numbers.length] ?? 0, createdAt: numbers[(place + 1) % numbers.length] ?? 0 })
    const { record } = codec.seal(HANDLE, session, 1, END)
    t.same(codec.open(HANDLE, record)?.stored.session, session)
    const { id, issuer, providerSessionId, issuedAt, createdAt } = session
    t.same(codec.openMeta(nameOfHandle(HANDLE), record), { expiresAt: END, meta: { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt } })
  }
})
