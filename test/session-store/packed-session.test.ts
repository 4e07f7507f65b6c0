import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createSessionPacker, readVarint, writeVarint, type Session } from 'fastify-oidc-session-store'
import { corporateSession, sampleSession } from 'fastify-oidc-session-store/contract'

const packer = createSessionPacker('binding')

/** What comes out of what was packed, the cold part read. */
function repack (session: Session): Session | null {
  const { hot, cold } = packer.pack(session)
  return packer.unpack(hot, () => cold)?.session ?? null
}

function sizeOf (session: Session): number {
  const { hot, cold } = packer.pack(session)
  return hot.length + cold.length
}

t.test('a session with signed tokens of 1.1 and 0.9 KB takes less than 1,100 bytes, and comes back as it was', async t => {
  const session = corporateSession()
  t.ok((session.accessToken?.length ?? 0) > 1050 && (session.cold.idToken?.length ?? 0) > 880)
  t.equal(JSON.stringify(repack(session)), JSON.stringify(session))
  t.ok(sizeOf(session) < 1100, `${sizeOf(session)} bytes of ${JSON.stringify(session).length}`)
})

for (const groupsInAll of [40, 400, 800]) {
  t.test(`an ID token says again what its claims say, and takes next to nothing for it, with ${groupsInAll} groups`, async t => {
    const groups = Array.from({ length: groupsInAll }, () => randomBytes(12).toString('hex'))
    const session = corporateSession()
    const claims = { ...session.idTokenClaims, groups }
    const idToken = [{ alg: 'RS256' }, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + `.${randomBytes(256).toString('base64url')}`
    const { hot, cold } = packer.pack({ ...session, idTokenClaims: claims, cold: { refreshToken: null, idToken } })
    t.ok(hot.length > groupsInAll * 12)
    t.ok(cold.length < 500 + groupsInAll, `${cold.length} bytes beside ${hot.length}`)
    t.equal(packer.unpack(hot, () => cold)?.session.cold.idToken, idToken)
  })
}

t.test('tokens of every spelling come back letter for letter', async t => {
  const json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const tokens = [
    '', '.', '..', '...........', 'opaque', 'a b', 'ключ', '\0', 'a\0b', '~', randomBytes(64).toString('base64'), randomBytes(64).toString('hex'),
    randomBytes(33).toString('base64url'), `${randomBytes(20).toString('base64url')}.${randomBytes(9).toString('base64url')}`,
    `${json({ alg: 'none' })}.${json({ sub: 'ä', text: 'a\u0000b' })}.`,
    `${json({ alg: 'none' })}.${Buffer.from('{"raw":"a\0b"}').toString('base64url')}.x`,
    `${json({})}.${Buffer.from([0x7b, 0xff, 0xfe]).toString('base64url')}.AAAA`,
    // Spellings that are not canonical: the last letter has bits to spare, or there is padding.
    'AB', 'AAAB=', `${json({ alg: 'RS256' })}B.AB.AC`, Array(9).fill(json({ a: 1 })).join('.'), Array(5).fill(json({ a: 1 })).join('.'),
    '[-1]', '12', '-1', 'null'
  ]
  for (const token of tokens) {
    const session = sampleSession({ accessToken: token, cold: { refreshToken: token, idToken: token } })
    t.same(repack(session), session, JSON.stringify(token).slice(0, 60))
  }
  for (const token of tokens) {
    for (const other of tokens) {
      const cold = repack(sampleSession({ accessToken: null, cold: { refreshToken: token, idToken: other } }))?.cold
      if (cold?.refreshToken !== token || cold.idToken !== other) t.fail(JSON.stringify([token, other]))
    }
  }
  t.same(repack(sampleSession({ accessToken: null, cold: { refreshToken: null, idToken: null } }))?.cold, { refreshToken: null, idToken: null })
})

t.test('the cold part is opened when it is read, once', async t => {
  const session = corporateSession()
  const { hot, cold } = packer.pack(session)
  let read = 0
  const unpacked = packer.unpack(hot, () => {
    read++
    return cold
  })
  t.equal(unpacked?.session.accessToken, session.accessToken)
  t.equal(read, 0)
  t.same([unpacked?.session.cold, unpacked?.session.cold], [session.cold, session.cold])
  t.equal(read, 1)
  t.throws(() => { (unpacked?.session.idTokenClaims as Record<string, unknown>).sub = 'another' }, 'what requests share is frozen')
})

t.test('what was packed for others does not unpack', async t => {
  const { hot, cold } = packer.pack(corporateSession())
  const strange = [Buffer.alloc(0), Buffer.of(0), Buffer.of(0, 5, 1), Buffer.of(0xff, 0xff), Buffer.alloc(40, 0xff), hot.subarray(0, 50), Buffer.from('{"session":{}}'), randomBytes(500)]
  for (const other of strange) {
    t.equal(packer.unpack(other, () => cold), null)
    t.same(packer.unpack(hot, () => other)?.session.cold, { refreshToken: null, idToken: null })
  }
  t.same(packer.unpack(hot, () => null)?.session.cold, { refreshToken: null, idToken: null })
})

t.test('nor does what another dictionary packed: without a checksum its words would come back as others', async t => {
  const [one, other] = ['https://one.example/realms/a client-1', 'https://two.example/realms/b client-2']
  const session = sampleSession({ discovery: 'https://one.example/realms/a', clientId: 'client-1' })
  const { hot, cold } = createSessionPacker(one).pack(session)
  t.same(createSessionPacker(one).unpack(hot, () => cold)?.session, session)
  t.equal(createSessionPacker(other).unpack(hot, () => cold), null)
})

t.test('a few bytes do not become many megabytes: above a megabyte nothing is deflated, and nothing inflated', async t => {
  const large = sampleSession({ userinfo: { text: 'a'.repeat(2 ** 20) } })
  t.ok(sizeOf(large) > 2 ** 20)
  t.same(repack(large), large)
  const small = sampleSession({ userinfo: { text: 'a'.repeat(100_000) } })
  const { hot, cold } = packer.pack(small)
  t.ok(hot.length < 1500)
  t.ok((packer.unpack(hot, () => cold)?.bytes ?? 0) > 100_000, 'and what it takes to keep is what it takes opened')
})

t.test('numbers take a byte for each seven bits', async t => {
  for (const [value, length] of [[0, 1], [127, 1], [128, 2], [16_383, 2], [16_384, 3], [1_772_438_400, 5], [Number.MAX_SAFE_INTEGER, 8]] as const) {
    const written = writeVarint(value)
    t.equal(written.length, length)
    t.same(readVarint(Buffer.concat([Buffer.of(9), written, Buffer.of(1)]), 1), [value, length + 1])
  }
  t.equal(readVarint(Buffer.of(0x80), 0), null)
  t.equal(readVarint(Buffer.alloc(9, 0x80), 0), null)
})
