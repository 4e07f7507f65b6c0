import t from 'tap'
import { formatSeconds, renderPage } from '../../examples/demo/src/page.ts'
import { describeRequest } from '../../examples/demo/src/shown-request.ts'
import { startUpstream } from '../../examples/demo/src/upstream.ts'

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64')
const jwt = (claims: unknown): string => [{ alg: 'RS256', typ: 'at+jwt' }, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + '.c2lnbmF0dXJl'
const NOW_MS = 1_900_000_000_000

t.test('the page says who the caller is, decodes what it was told and offers to log out', async t => {
  const request = describeRequest('GET', '/orders?x=1', {
    host: 'a.test',
    'x-id-token': base64({ sub: 'alice', name: 'Älice "A" Example' }),
    'x-userinfo': base64({ sub: 'alice', groups: ['admin'] }),
    'x-access-token': jwt({ sub: 'alice', scope: 'read', exp: NOW_MS / 1000 + 245 })
  }, NOW_MS)
  t.match(request, { method: 'GET', path: '/orders?x=1', caller: 'Älice "A" Example', secondsLeft: 245 })
  t.same(request.identity.map(({ name, value }) => `${name} ${value.kind}`), ['x-id-token json', 'x-userinfo json', 'x-access-token jwt'])
  const html = renderPage(request)
  t.match(html, 'Hello, Älice &quot;A&quot; Example')
  t.match(html, '<a class="button" href="/logout">')
  t.match(html, '4 min 5 s left')
  t.match(html, '&quot;scope&quot;: &quot;read&quot;')
  t.match(html, 'a.test')
  t.match(html, 'prefers-color-scheme: dark')
  t.notMatch(html, /<script|https?:\/\//, 'nothing is loaded from anywhere')
})

t.test('hostile values stay text', async t => {
  const evil = '<script>alert(1)</script>'
  const html = renderPage(describeRequest(evil, `/${evil}`, {
    'x-id-token': base64({ sub: evil, name: evil }),
    'x-access-token': evil,
    'x-refresh-token': 'a.b.c',
    [`x-${evil}`]: evil,
    'x-userinfo': base64([1])
  }, NOW_MS))
  t.notMatch(html, /<script/)
  t.match(html, '&lt;script&gt;')
})

t.test('without identity headers nobody is signed in', async t => {
  const request = describeRequest('GET', '/', { accept: '*/*' }, NOW_MS)
  t.match(request, { caller: null, identity: [], secondsLeft: null })
  const html = renderPage(request)
  t.match(html, 'Nobody is signed in')
  t.notMatch(html, '/logout')
  t.match(html, 'there is none')
})

t.test('an expired token is called so, and time reads like time', async t => {
  t.match(renderPage(describeRequest('GET', '/', { 'x-access-token': jwt({ sub: 'a', exp: 5 }) }, NOW_MS)), 'expired')
  t.same([0, 59, 60, 3600, 3725].map(formatSeconds), ['0 s', '59 s', '1 min', '1 h', '1 h 2 min 5 s'])
})

t.test('the upstream serves the page and allows it no source', async t => {
  const upstream = await startUpstream()
  t.teardown(async () => { await upstream.close() })
  const response = await fetch(`${upstream.origin}/some/path`, { headers: { 'x-id-token': base64({ sub: 'bob' }) } })
  t.match(response.headers.get('content-security-policy'), "default-src 'none'")
  t.match(await response.text(), 'Hello, bob')
})
