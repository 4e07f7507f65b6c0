import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { jwtVerify, SignJWT } from 'jose'
import t from 'tap'
import { prepareKey, verifySignature } from '../../packages/oidc/src/bearer/signature.ts'
import { algorithmsFor, ASYMMETRIC_ALGORITHMS } from '../../packages/oidc/src/options/signing-key.ts'
import { upstreamCertificate } from '../proxy/certificates.ts'
import { rsa4096 } from './rsa-4096.ts'

const PAIRS = [
  generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ...['P-256', 'P-384', 'P-521'].map(namedCurve => generateKeyPairSync('ec', { namedCurve })),
  generateKeyPairSync('ed25519')
]
const KINDS = PAIRS.flatMap(({ publicKey, privateKey }) => algorithmsFor(publicKey).map(alg => ({ alg, publicKey, privateKey })))

async function verifies (alg: string, key: KeyObject, token: string): Promise<boolean> {
  const dot = token.lastIndexOf('.')
  return await verifySignature(prepareKey(key, alg), Buffer.from(token.slice(0, dot), 'latin1'), Buffer.from(token.slice(dot + 1), 'base64url'))
}

const joseTakes = async (alg: string, key: KeyObject, token: string): Promise<boolean> => await jwtVerify(token, key, { algorithms: [alg] }).then(() => true, () => false)

t.same(new Set(KINDS.map(({ alg }) => alg)), new Set(ASYMMETRIC_ALGORITHMS), 'a key for each algorithm')

for (const { alg, publicKey, privateKey } of KINDS) {
  t.test(`${alg}: holds what jose signs, and refuses every change of it, as jose does`, async t => {
    const token = await new SignJWT({ sub: 'alice' }).setProtectedHeader({ alg }).sign(privateKey)
    t.equal(await verifies(alg, publicKey, token), true)
    const dot = token.lastIndexOf('.')
    const signature = Buffer.from(token.slice(dot + 1), 'base64url')
    await fc.assert(fc.asyncProperty(fc.nat(signature.length * 8 - 1), async bit => {
      const changed = Buffer.from(signature)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const forged = `${token.slice(0, dot)}.${changed.toString('base64url')}`
      const verdicts = await Promise.all([verifies(alg, publicKey, forged), joseTakes(alg, publicKey, forged)])
      t.same(verdicts, [false, false])
    }), { numRuns: 20 })
    const shapes = [Buffer.alloc(0), Buffer.alloc(signature.length), signature.subarray(1), signature.subarray(0, -1), Buffer.concat([signature, Buffer.alloc(1)]), Buffer.alloc(100_000, 1)]
    for (const shape of shapes) t.equal(await verifies(alg, publicKey, `${token.slice(0, dot)}.${shape.toString('base64url')}`), false, `${shape.length} bytes`)
    t.equal(await verifies(alg, publicKey, `${token.slice(0, dot - 2)}AA.${token.slice(dot + 1)}`), false, 'other claims')
  })
}

t.test('a signature of one algorithm is none of another, by the same key', async t => {
  for (const { alg, publicKey, privateKey } of KINDS.filter(({ alg }) => /^[RP]S/.test(alg))) {
    const token = await new SignJWT({}).setProtectedHeader({ alg }).sign(privateKey)
    for (const { alg: other } of KINDS.filter(kind => kind.publicKey === publicKey && kind.alg !== alg)) t.equal(await verifies(other, publicKey, token), false, `${alg} as ${other}`)
  }
})

t.test('what takes long is done in another thread', t => {
  const quick = (alg: string, key: KeyObject): boolean => prepareKey(key, alg).isQuick
  t.same(KINDS.filter(({ alg, publicKey }) => !quick(alg, publicKey)).map(({ alg }) => alg), ['ES384', 'ES512'])
  t.equal(quick('RS256', createPublicKey(rsa4096.certificate)), true)
  t.equal(quick('RS256', createPublicKey({ key: { kty: 'RSA', e: 'AQAB', n: Buffer.alloc(1024, 0xff).toString('base64url') }, format: 'jwk' })), false)
  t.end()
})

t.test('bad signatures leave no error behind for the TLS connections of the process', async t => {
  const keys = KINDS.map(({ alg, publicKey }) => prepareKey(publicKey, alg)).filter(({ isQuick }) => isQuick)
  const refuseAll = (): void => {
    for (const key of keys) for (const length of [0, 63, 64, 256]) t.equal(verifySignature(key, Buffer.from('x'), Buffer.alloc(length, 1)), false)
  }
  const server = https.createServer(upstreamCertificate, (_request, response) => {
    refuseAll()
    response.end('ok')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  t.teardown(() => { agent.destroy() })
  const sockets = new Set<unknown>()
  for (let count = 0; count < 20; count++) {
    const request = https.get({ port: (server.address() as AddressInfo).port, agent })
    const [response] = await once(request, 'response')
    sockets.add(response.socket)
    refuseAll()
    await once(response.resume(), 'end')
  }
  t.equal(sockets.size, 1)
})
