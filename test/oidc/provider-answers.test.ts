import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { createProviderHttp } from '../../packages/oidc/src/provider/http.ts'

interface Teardown { teardown (handler: () => unknown): void }

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const MIB = 2 ** 20
const JSON_TEXT = '{"issuer":"https://idp.example.test"}'

/** A provider that answers so, and how it is asked. */
async function providerThat (t: Teardown, answer: Answer, { timeout = 30 } = {}) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const http = createProviderHttp({ timeout, sslVerify: true, proxy: undefined, certificate: null })
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await http.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return async (init: Parameters<typeof http.fetch>[1] = {}) => await http.fetch(url, init)
}

const answering = (body: Buffer, encoding: string): Answer => (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding, 'content-length': body.length }).end(body)
}

for (const [encoding, encode] of [['gzip', gzipSync], ['GZIP', gzipSync], ['x-gzip', gzipSync], ['deflate', deflateSync], ['br', brotliCompressSync], ['identity', Buffer.from]] as const) {
  t.test(`an answer in ${encoding} is read, though nobody asked for it`, async t => {
    const ask = await providerThat(t, answering(encode(JSON_TEXT), encoding))
    const answer = await ask()
    t.same(await answer.json(), JSON.parse(JSON_TEXT))
    t.equal(answer.headers.get('content-encoding'), null)
    t.equal(answer.headers.get('content-length'), null)
  })
}

t.test('answers are asked for as they are, and by name', async t => {
  const ask = await providerThat(t, ({ headers }, response) => { response.end(JSON.stringify(headers)) })
  t.match(await (await ask({ headers: { accept: 'application/json' } })).json(), { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'fastify-oidc' })
  t.match(await (await ask({ headers: { 'User-Agent': 'another' } })).json(), { 'user-agent': 'another' })
})

for (const [name, body] of [['a few bytes that would become many', gzipSync(Buffer.alloc(64 * MIB))], ['a byte too many', gzipSync(Buffer.alloc(MIB + 1, 'x'))]] as const) {
  t.test(`${name} are not unpacked`, async t => {
    const ask = await providerThat(t, answering(body, 'gzip'))
    await t.rejects(ask(), { message: 'the answer is larger than 1048576 bytes' })
  })
}

t.test('as many bytes as are allowed are read, in one encoding and in none', async t => {
  for (const [body, encoding] of [[gzipSync(Buffer.alloc(MIB, 'x')), 'gzip'], [Buffer.alloc(MIB, 'x'), 'identity']] as const) {
    const ask = await providerThat(t, answering(body, encoding))
    t.equal((await (await ask()).text()).length, MIB)
  }
})

for (const [encoding, body, message] of [
  ['gzip', Buffer.from(JSON_TEXT), 'the answer is not in the encoding that it names'],
  ['gzip', gzipSync(JSON_TEXT).subarray(0, -4), 'the answer is not in the encoding that it names'],
  ['gzip, gzip', gzipSync(gzipSync(JSON_TEXT)), 'the answer is in several encodings, one in another'],
  ['compress', Buffer.from(JSON_TEXT), 'the answer is in an encoding that nobody asked for'],
  ['__proto__', Buffer.from(JSON_TEXT), 'the answer is in an encoding that nobody asked for']
] as const) {
  t.test(`${encoding} of ${body.length} bytes is refused: ${message}`, async t => {
    const ask = await providerThat(t, answering(body, encoding))
    await t.rejects(ask(), { message })
  })
}

t.test('a provider that sends a byte now and then is not waited for longer than one that is silent', async t => {
  const ask = await providerThat(t, (_request, response) => {
    response.writeHead(200)
    const drip = setInterval(() => { response.write(' ') }, 50)
    response.on('close', () => { clearInterval(drip) })
  }, { timeout: 1 })
  const startedMs = performance.now()
  await t.rejects(ask(), { name: 'TimeoutError', message: 'timed out: no whole answer within 1 s' })
  t.ok(performance.now() - startedMs > 900)
})

t.test('who asks can stop waiting', async t => {
  const gone = new AbortController()
  const ask = await providerThat(t, () => { gone.abort(new Error('enough')) })
  const answer = ask({ signal: gone.signal })
  await t.rejects(answer, { message: 'enough' })
  await t.rejects(ask({ signal: AbortSignal.abort(new Error('never')) }), { message: 'never' })
})

t.test('a redirect is an answer, and is not followed', async t => {
  let asked = 0
  const ask = await providerThat(t, (_request, response) => {
    asked++
    response.writeHead(302, { location: '/elsewhere' }).end()
  })
  const answer = await ask()
  t.equal(answer.status, 302)
  t.equal(answer.headers.get('location'), '/elsewhere')
  t.equal(asked, 1)
})

t.test('each of several challenges arrives, and an answer without a body has none', async t => {
  const ask = await providerThat(t, (_request, response) => {
    response.writeHead(204, ['WWW-Authenticate', 'DPoP error="use_dpop_nonce"', 'WWW-Authenticate', 'Bearer']).end()
  })
  const answer = await ask()
  t.equal(answer.headers.get('www-authenticate'), 'DPoP error="use_dpop_nonce", Bearer')
  t.equal(answer.body, null)
})

t.test('forms and texts are sent, and nothing else is', async t => {
  const ask = await providerThat(t, (request, response) => { request.pipe(response) })
  t.equal(await (await ask({ method: 'POST', body: new URLSearchParams({ a: 'b c' }) })).text(), 'a=b+c')
  t.equal(await (await ask({ method: 'POST', body: '{}' })).text(), '{}')
  await t.rejects(ask({ method: 'POST', body: { a: 1 } }), { name: 'TypeError' })
})
