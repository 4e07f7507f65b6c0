import t from 'tap'
import Fastify from 'fastify'
import proxy, { type ProxyOptions } from 'fastify-oidc-proxy'
import { registerFakeCore } from './fake-core.ts'
import { ca } from './certificates.ts'

const upstream = 'http://127.0.0.1:1'

/** The message of the error that a boot stops with; null when it does not. */
async function boot (options: object, withCore = true): Promise<{ code: string, message: string } | null> {
  const app = Fastify()
  if (withCore) registerFakeCore(app)
  try {
    await app.register(proxy, options as ProxyOptions)
    await app.ready()
    return null
  } catch (error) {
    return error as { code: string, message: string }
  } finally {
    await app.close()
  }
}

t.test('without the core the boot stops, and says what to register', async t => {
  t.match(await boot({ upstream }, false), { code: 'FST_OIDC_PROXY_CORE_MISSING', message: /await app\.register\(oidc, options\)/ })
})

t.test('every problem is told at once, with the nearest known name', async t => {
  const error = await boot({ upstram: upstream, websockets: true, headers_timeout: 'soon', pass_host: 'keep', methods: ['GET', 'TRACE'] })
  t.equal(error?.code, 'FST_OIDC_OPTIONS_INVALID')
  for (const line of ['upstram is not a known option; did you mean upstream?', 'websockets is not a known option; did you mean websocket?', 'headers_timeout must be', 'pass_host must be one of "pass", "node", "rewrite"', 'methods[1] must be one of']) t.match(error?.message, line)
})

t.test('options that do not go together stop the boot', async t => {
  const cases: Array<[object, RegExp]> = [
    [{}, /upstream is required, or get_upstream/],
    [{ upstream, get_upstream: () => upstream }, /get_upstream and upstream exclude each other/],
    [{ upstream, unix_socket: '/run/app.sock', http2: true }, /unix_socket and http2 exclude each other/],
    [{ upstream: 'https://localhost', unix_socket: '/run/app.sock' }, /unix_socket and an https upstream exclude each other/],
    [{ get_upstream: () => upstream, unix_socket: '/run/app.sock' }, /unix_socket needs upstream/],
    [{ upstream, unix_socket: 'app.sock' }, /unix_socket/],
    [{ upstream: 'ftp://x' }, /upstream has the wrong form/],
    [{ upstream: 'http://' }, /upstream is not a URL/],
    [{ upstream: 'http://user:password@x' }, /must not carry a user or password/],
    [{ upstream: 'http://x/?q=1' }, /must not carry a query/],
    [{ upstream: 'http://x/base', rewrite_prefix: '/y' }, /put the path into rewrite_prefix/],
    [{ upstream, pass_host: 'rewrite' }, /upstream_host is required/],
    [{ upstream, upstream_host: 'x' }, /has a meaning only with pass_host: rewrite/],
    [{ upstream, client_cert: ca }, /client_key is required/],
    [{ upstream, client_key: '-----BEGIN PRIVATE KEY-----' }, /client_cert is required/],
    [{ upstream, methods: ['POST'] }, /websocket needs GET/],
    [{ upstream, ca: 'nonsense' }, /ca /],
    [{ upstream, headers_timeout: 100_000 }, /headers_timeout must be 86400 or less/],
    [{ upstream, oidc: true }, /oidc /]
  ]
  for (const [options, message] of cases) t.match((await boot(options))?.message, message)
  t.notMatch((await boot({ upstream: 'http://user:password@x' }))?.message, /password@/, 'values are not repeated')
})

t.test('what Fastify takes out of the same object is no unknown option', async t => {
  t.equal(await boot({ upstream, prefix: '/x', logLevel: 'warn', logSerializers: {} }), null)
})

t.test('the caller\'s options stay as they are', async t => {
  const options = Object.freeze({ upstream, methods: Object.freeze(['GET']), constraints: Object.freeze({ host: 'x' }) })
  t.equal(await boot(options), null)
  t.same(options, { upstream, methods: ['GET'], constraints: { host: 'x' } })
})
