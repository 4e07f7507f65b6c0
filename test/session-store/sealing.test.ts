import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createSealer, SEAL_OVERHEAD, type SealerOptions } from 'fastify-oidc-session-store'

const OPTIONS: SealerOptions = { secret: 'the first secret of this test', purpose: 'session', binding: 'client' }
const PLAIN = Buffer.from('{"accessToken":"very secret"}')

t.test('what was sealed opens again, whatever it is', async t => {
  const sealer = createSealer(OPTIONS)
  for (const plain of [PLAIN, Buffer.alloc(0), Buffer.alloc(1), randomBytes(2 ** 20), Buffer.from('zażółć 😀')]) {
    const sealed = sealer.seal(plain)
    t.equal(sealed.length, plain.length + SEAL_OVERHEAD)
    t.ok(sealer.open(sealed)?.equals(plain))
    t.ok(sealer.open(sealer.seal(plain, 'context'), 'context')?.equals(plain))
  }
})

t.test('two sealers with the same options open what the other sealed', async t => {
  t.ok(createSealer(OPTIONS).open(createSealer({ ...OPTIONS }).seal(PLAIN))?.equals(PLAIN))
})

t.test('a seal shows nothing and is another one each time', async t => {
  const sealer = createSealer(OPTIONS)
  const seals = Array.from({ length: 50 }, () => sealer.seal(PLAIN))
  t.equal(new Set(seals.map(sealed => sealed.toString('hex'))).size, 50)
  for (const sealed of seals) t.notOk(sealed.includes('secret'))
  t.notOk(seals.some(sealed => sealed.includes('accessToken')))
})

t.test('a seal does not open when any bit of any byte was changed', async t => {
  const sealer = createSealer(OPTIONS)
  const sealed = sealer.seal(PLAIN, 'context')
  const opened: string[] = []
  for (let place = 0; place < sealed.length; place++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const changed = Buffer.from(sealed)
      changed.writeUInt8(changed.readUInt8(place) ^ mask, place)
      if (sealer.open(changed, 'context') !== null) opened.push(`${place}/${mask}`)
    }
  }
  t.same(opened, [])
  t.ok(sealer.open(sealed, 'context')?.equals(PLAIN), 'unchanged it does')
})

t.test('a seal does not open when it was cut, lengthened or made up', async t => {
  const sealer = createSealer(OPTIONS)
  const sealed = sealer.seal(PLAIN)
  const wrong = [
    ...Array.from({ length: sealed.length }, (_, length) => sealed.subarray(0, length)),
    ...Array.from({ length: sealed.length - 1 }, (_, start) => sealed.subarray(start + 1)),
    Buffer.concat([sealed, Buffer.alloc(1)]), Buffer.concat([sealed, sealed]),
    randomBytes(SEAL_OVERHEAD), Buffer.alloc(SEAL_OVERHEAD), Buffer.alloc(SEAL_OVERHEAD, 1), randomBytes(2 ** 20),
    Buffer.concat([sealed.subarray(0, 5), randomBytes(100)])
  ]
  t.same(wrong.filter(bytes => sealer.open(bytes) !== null), [])
})

t.test('a seal opens for nobody else', async t => {
  const sealed = createSealer(OPTIONS).seal(PLAIN, 'context')
  t.equal(createSealer({ ...OPTIONS, secret: 'another secret altogether' }).open(sealed, 'context'), null, 'another secret')
  t.equal(createSealer({ ...OPTIONS, purpose: 'transaction' }).open(sealed, 'context'), null, 'another purpose')
  t.equal(createSealer({ ...OPTIONS, binding: 'other client' }).open(sealed, 'context'), null, 'another binding')
  t.equal(createSealer(OPTIONS).open(sealed, 'other'), null, 'another context')
  t.equal(createSealer(OPTIONS).open(sealed), null, 'no context')
  t.equal(createSealer(OPTIONS).open(createSealer(OPTIONS).seal(PLAIN), 'context'), null, 'a context where there was none')
})

t.test('binding and context cannot run into each other', async t => {
  const pairs = [['a', 'b\0'], ['a\0b', ''], ['', 'a\0b\0'], ['a', '\0b'], ['a","b', ''], ['a\0', 'b']] as const
  for (const [binding, context] of pairs) {
    const sealed = createSealer({ ...OPTIONS, binding }).seal(PLAIN, context)
    const opening = pairs.filter(other => createSealer({ ...OPTIONS, binding: other[0] }).open(sealed, other[1]) !== null)
    t.same(opening, [[binding, context]])
  }
})

t.test('secrets rotate: fallbacks open and never seal', async t => {
  const before = createSealer(OPTIONS)
  const prepared = createSealer({ ...OPTIONS, fallbacks: ['the second secret of this test'] })
  const swapped = createSealer({ ...OPTIONS, secret: 'the second secret of this test', fallbacks: [OPTIONS.secret] })
  const after = createSealer({ ...OPTIONS, secret: 'the second secret of this test' })

  t.ok(swapped.open(before.seal(PLAIN))?.equals(PLAIN), 'an old seal opens after the swap')
  t.ok(prepared.open(swapped.seal(PLAIN))?.equals(PLAIN), 'a new seal opens on an instance that is not swapped yet')
  t.ok(before.open(prepared.seal(PLAIN))?.equals(PLAIN), 'the fallback did not seal')
  t.equal(before.open(swapped.seal(PLAIN)), null)
  t.equal(after.open(before.seal(PLAIN)), null, 'once the old secret is gone, its seals are')
})

t.test('a seal names its key, so that others are not tried', async t => {
  const keyId = (options: SealerOptions): string => createSealer(options).seal(PLAIN).subarray(1, 5).toString('hex')
  t.equal(keyId(OPTIONS), keyId({ ...OPTIONS, binding: 'other' }), 'the same for one secret and purpose')
  t.equal(new Set([keyId(OPTIONS), keyId({ ...OPTIONS, secret: 'another secret altogether' }), keyId({ ...OPTIONS, purpose: 'transaction' })]).size, 3)

  const secrets = Array.from({ length: 20 }, (_, turn) => `one of many secrets, number ${turn}`)
  const many = createSealer({ ...OPTIONS, secret: 'yet another secret', fallbacks: secrets })
  for (const secret of secrets) t.ok(many.open(createSealer({ ...OPTIONS, secret }).seal(PLAIN))?.equals(PLAIN))
})

t.test('what is sealed with a text needs that text, the secret and the context', async t => {
  const sealer = createSealer(OPTIONS)
  const sealed = sealer.keyedWith('handle').seal(Buffer.from('text'), 'context')
  t.equal(sealer.keyedWith('handle').open(sealed, 'context')?.toString(), 'text')
  t.equal(sealer.open(sealed, 'context'), null)
  t.equal(sealer.keyedWith('another').open(sealed, 'context'), null)
  t.equal(sealer.keyedWith('handle').open(sealed, 'other'), null)
  t.equal(sealer.keyedWith('handle').keyedWith('').open(sealed, 'context'), null)
  t.equal(sealer.keyedWith('handle').open(sealer.seal(Buffer.from('text'), 'context'), 'context'), null, 'and none without it opens with it')
  const rotated = createSealer({ ...OPTIONS, secret: 'a secret that came later', fallbacks: [OPTIONS.secret] })
  t.equal(rotated.keyedWith('handle').open(sealed, 'context')?.toString(), 'text')
})
