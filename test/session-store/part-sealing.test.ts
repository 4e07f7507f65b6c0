import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createPartSealer, PART_OVERHEAD, SALT_HEAD_BYTES, VOUCHER_BYTES, type PartSealer } from 'fastify-oidc-session-store'

const options = { secret: 'a secret for the tests', purpose: 'test', binding: 'one' }
const sealer = createPartSealer(options)
const plain = Buffer.from('what is inside')

const strangers: ReadonlyArray<readonly [name: string, sealer: PartSealer]> = [
  ['another secret', createPartSealer({ ...options, secret: 'another secret' })],
  ['another purpose', createPartSealer({ ...options, purpose: 'other' })],
  ['another binding', createPartSealer({ ...options, binding: 'two' })]
]

t.test('a part opens as what it is, and as nothing else', async t => {
  const head = sealer.begin()
  t.equal(head.length, SALT_HEAD_BYTES)
  const sealed = sealer.seal(head, 'hot', plain, '1')
  t.equal(sealed.length, plain.length + PART_OVERHEAD)
  t.same(sealer.open(head, 'hot', sealed, '1'), plain)
  t.equal(sealer.open(head, 'cold', sealed, '1'), null, 'another part')
  t.equal(sealer.open(head, 'hot', sealed, '2'), null, 'another context')
  t.equal(sealer.open(sealer.begin(), 'hot', sealed, '1'), null, 'another salt')
  for (const [name, stranger] of strangers) t.equal(stranger.open(head, 'hot', sealed, '1'), null, name)
  for (const place of sealed.keys()) {
    const changed = Buffer.from(sealed)
    changed[place] = (changed[place] ?? 0) ^ 1
    if (sealer.open(head, 'hot', changed, '1') !== null) t.fail(`changed at ${place}`)
  }
  for (const bytes of [Buffer.alloc(0), sealed.subarray(1), sealed.subarray(0, -1), randomBytes(15), randomBytes(500)]) t.equal(sealer.open(head, 'hot', bytes, '1'), null)
  for (const other of [Buffer.alloc(0), head.subarray(1), Buffer.concat([head, head]), randomBytes(SALT_HEAD_BYTES)]) t.equal(sealer.open(other, 'hot', sealed, '1'), null)
})

t.test('one text is never sealed alike, since the salt is new each time', async t => {
  const all = Array.from({ length: 100 }, () => {
    const head = sealer.begin()
    return `${head.toString('hex')} ${sealer.seal(head, 'hot', plain, '').toString('hex')}`.slice(8)
  })
  t.equal(new Set(all).size, 100)
  t.notOk(all.some(text => Buffer.from(text, 'hex').includes(plain)))
})

t.test('a voucher is for one text and of one secret, and always the same', async t => {
  const voucher = sealer.vouch('until noon')
  t.equal(voucher.length, VOUCHER_BYTES)
  t.same(createPartSealer(options).vouch('until noon'), voucher)
  t.ok(sealer.isVouched('until noon', voucher))
  t.notOk(sealer.isVouched('until midnight', voucher))
  for (const [name, stranger] of strangers) t.notOk(stranger.isVouched('until noon', voucher), name)
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(VOUCHER_BYTES), voucher.subarray(1), Buffer.concat([voucher, voucher])]) t.notOk(sealer.isVouched('until noon', bytes))
})

t.test('former and coming secrets open and vouch, and do not seal', async t => {
  const rotated = createPartSealer({ ...options, secret: 'the next secret', fallbacks: [options.secret] })
  const head = sealer.begin()
  t.same(rotated.open(head, 'hot', sealer.seal(head, 'hot', plain, ''), ''), plain)
  t.ok(rotated.isVouched('until noon', sealer.vouch('until noon')))
  const next = rotated.begin()
  t.equal(sealer.open(next, 'hot', rotated.seal(next, 'hot', plain, ''), ''), null)
  t.notOk(sealer.isVouched('until noon', rotated.vouch('until noon')))
})
