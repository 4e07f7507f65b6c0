import t from 'tap'
import { checkConfiguration } from 'fastify-oidc-gateway'
import { ask, startGateway, startUpstream } from './parts.ts'

t.test('the upstream sees another beginning of the path, and its locations come back', async t => {
  const upstream = await startUpstream(t, 'upstream', ({ url }, response) => {
    response.setHeader('location', '/v1/next').setHeader('content-type', 'application/json').end(JSON.stringify({ url, headers: {} }))
  })
  const gateway = await startGateway(t, {
    routes: [
      { uris: ['/shop', '/shop/*'], upstream, rewrite_prefix: { from: '/shop', to: '/v1/' } },
      { uris: ['/plain/a', '/plain/b/*'], upstream, rewrite_prefix: { from: '/plain' } },
      { uri: '/*', upstream, rewrite_prefix: { from: '/', to: '/v1' } }
    ]
  })
  const rows = [['/shop', '/v1'], ['/shop/', '/v1/'], ['/shop/a/b?c=/shop/d', '/v1/a/b?c=/shop/d'], ['/plain/a', '/a'], ['/plain/b/x', '/b/x'], ['/shopping', '/v1/shopping'], ['/', '/v1/'], ['/plain', '/v1/plain']] as const
  for (const [asked, seen] of rows) t.equal((await ask(gateway, asked)).received.url, seen, asked)
  t.equal((await ask(gateway, '/shop/a')).headers.location, '/shop/next')
})

t.test('a rewrite that does not fit stops the boot', async t => {
  const rows: Array<[route: object, message: RegExp]> = [
    [{ uri: '/a/*', rewrite_prefix: { from: '/b' } }, /routes\.0\.rewrite_prefix\.from must be the beginning of every uri/],
    [{ uri: '/apix', rewrite_prefix: { from: '/api' } }, /must be the beginning of every uri/],
    [{ uri: '/a/*', rewrite_prefix: { from: '/a', to: '/b/../c' } }, /rewrite_prefix\.to must not contain/],
    [{ uri: '/a/*', rewrite_prefix: { from: '/*' } }, /rewrite_prefix\.from must not contain \*/],
    [{ uri: '/a/*', upstream: 'static://404', rewrite_prefix: { from: '/a' } }, /rewrite_prefix has no meaning here/]
  ]
  for (const [route, message] of rows) {
    const checked = await checkConfiguration({ value: { routes: [{ upstream: 'http://127.0.0.1:1', ...route }] }, positionOf: () => null }, {})
    t.match(checked.kind === 'invalid' ? checked.problems.map(problem => `${problem.path.join('.')} ${problem.message}`).join() : '', message)
  }
})
