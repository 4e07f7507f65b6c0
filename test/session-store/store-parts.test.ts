import t from 'tap'
import { createHandle, createSealer, createSecretNames, isHandle, nameOfHandle, openJson, sealJson, summaryOf } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'

const secret = 'a secret for the tests'

t.test('a handle is new each time, and is told from what is written otherwise', async t => {
  const handles = Array.from({ length: 200 }, createHandle)
  t.equal(new Set(handles).size, 200)
  t.ok(handles.every(isHandle))
  const [handle = ''] = handles
  for (const other of ['', handle.slice(1), `${handle}A`, `${handle.slice(0, 42)}B`, `${handle.slice(0, 42)}=`, `${handle.slice(0, 42)}\n`, 'x'.repeat(2 ** 20)]) t.notOk(isHandle(other), JSON.stringify(other.slice(0, 50)))
})

t.test('the name of a handle is the same each time and does not contain it', async t => {
  const handle = createHandle()
  t.equal(nameOfHandle(handle), nameOfHandle(handle))
  t.match(nameOfHandle(handle), /^[\w-]{43}$/)
  t.not(nameOfHandle(handle), handle)
  t.not(nameOfHandle(createHandle()), nameOfHandle(handle))
})

t.test('sealed JSON opens under its context alone, from whatever bytes it lies in', async t => {
  const sealer = createSealer({ secret, purpose: 'test', binding: '' })
  const value = { text: 'x'.repeat(1000), list: [1, null] }
  const sealed = sealJson(sealer, value, 'first')
  t.ok(sealed.length < 200, 'it is deflated')
  t.strictSame(openJson(sealer, sealed, 'first'), value)
  const slice = new Uint8Array([0, 0, 0, ...sealed, 0]).subarray(3, 3 + sealed.length)
  t.strictSame(openJson(sealer, slice, 'first'), value)
  for (const [bytes, context] of [[sealed, 'second'], [sealed, undefined], [sealed.subarray(1), 'first'], [Buffer.alloc(0), 'first'], [sealer.seal(Buffer.from('\x09{}'), 'first'), 'first']] as const) t.equal(openJson(sealer, bytes, context), null)
})

t.test('secret names are those of every secret, the one in use first, and of one purpose', async t => {
  const former = createSecretNames({ secret: 'a former secret', purpose: 'test' })
  const names = createSecretNames({ secret, fallbacks: ['a former secret', secret], purpose: 'test' })
  t.strictSame(names.all('alice'), [names.own('alice'), former.own('alice')])
  t.not(names.own('alice'), names.own('bob'))
  t.not(createSecretNames({ secret, purpose: 'other' }).own('alice'), names.own('alice'))
  t.notMatch(names.own('alice'), /alice/)
})

t.test('a summary has who and since when, and nothing else', async t => {
  const session = sampleSession()
  const { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt } = session
  t.strictSame(summaryOf(session, 7), { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt, expiresAt: 7 })
})
