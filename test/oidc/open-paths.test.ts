import t from 'tap'
import oidc, { type Asked, type OidcPluginOptions } from 'fastify-oidc'
import { createApplication, optionsFor } from './support.ts'

interface Scope { teardown (run: () => unknown): void }

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }

/** Answers what the rules make of each request that is asked about. */
async function judge (t: Scope, options: Partial<OidcPluginOptions>): Promise<(asked: ReadonlyArray<string | Asked>) => Promise<boolean[]>> {
  const { app } = createApplication(t, { bodyLimit: 10_000_000 })
  await app.register(oidc, optionsFor(offline, options))
  app.post('/judge', { config: { oidc: false } }, async request => (request.body as Array<string | Asked>).map(asked => app.oidc.isOpen(request, typeof asked === 'string' ? { method: 'GET', url: asked } : asked)))
  return async asked => (await app.inject({ method: 'POST', url: '/judge', payload: asked as string[] })).json<boolean[]>()
}

/** Everything that somebody may try to have a protected path taken for one under `/public/`. */
const HOSTILE = [
  // What the query, a fragment or a second address says (GHSA-7rh7-c77v-6434, GHSA-pxq7-h93f-9jrg).
  '/admin?/public/', '/admin?x=/public/', '/admin?x=/public/x', '/admin?/public/x#/public/', '/admin#/public/', '/admin#?/public/', '/admin%23/public/x', '/public/%23/../../admin',
  '/public/x#', '/public/#/admin', '/public/x%23', '/public/%23', '/public/x%2523', '/public/x, /admin', '/public/x,%20/admin /public/', '/public/x /admin', '/admin /public/x', '/public/x\t/admin', '/admin%3f/public/x', '/public/%3f/admin', '/public/%3F',
  // Dot segments.
  '/public/..', '/public/../', '/public/../admin', '/public/x/../../admin', '/public/./../admin', '/public/.', '/public/./admin', '/public/./', '/../public/x', '/./public/x', '/admin/../public/x', '/public/...', '/public/.../admin', '/public/..../', '/public/x/..', '/public/..x/..', '/public/..%20/admin', '/public/.%20/admin', '/public/%20./admin', '/public/%20../admin', '/public/%20/admin',
  // … hidden.
  '/public/%2e%2e/admin', '/public/%2E%2E/admin', '/public/.%2e/admin', '/public/%2e./admin', '/public/%2e/admin', '/public/%2e', '/public/x%2ejs', '/%2e%2e/public/x', '/public/..%2fadmin', '/public/..%2Fadmin', '/public%2f..%2fadmin', '/public%2F../admin', '/public/%2e%2e%2fadmin', '/public/..%5cadmin', '/public/..%5Cadmin', '/public/%2e%2e%5cadmin',
  // … encoded twice, and more often.
  '/public/%252e%252e/admin', '/public/%252e%252e%252fadmin', '/public/..%252fadmin', '/public/..%255cadmin', '/public/%25252e%25252e/admin', '/public/%25', '/public/%2525', '/public/%25%32%65%25%32%65/admin', '/public/%%32e%%32e/admin', '/public/100%25',
  // … in other encodings.
  '/public/%c0%ae%c0%ae/admin', '/public/%c0%2e%c0%2e/admin', '/public/%e0%80%ae%e0%80%ae/admin', '/public/%f0%80%80%ae/admin', '/public/..%c0%af..%c0%afadmin', '/public/..%c1%9cadmin', '/public/..%e0%80%afadmin', '/public/%u002e%u002e/admin', '/public/..%u2215admin', '/public/..%u2216admin', '/public/%ff', '/public/%fe%ff', '/public/%ed%a0%80', '/public/%', '/public/%2', '/public/%zz', '/public/x%', '/public/%c3', '/public/%c3/x',
  // … by letters that look alike (NFKC, and what servers with code pages make of them).
  '/public/%ef%bc%8e%ef%bc%8e/admin', '/public/%ef%bc%8e%ef%bc%8e%ef%bc%8fadmin', '/public/%e2%80%a5/admin', '/public/%e2%80%a4%e2%80%a4/admin', '/public/..%ef%bc%8fadmin', '/public%ef%bc%8fx', '/public/..%ef%bc%bcadmin', '/public/x%ef%b9%a8admin', '/public/x%e2%88%95admin', '/public/x%e2%81%84admin', '/public/x%e2%88%96admin', '/public/x%e2%a7%b5admin', '/public/x%e2%a7%b8admin', '/public/x%e2%a7%b9admin', '/public/x%cd%be', '/public/%ef%bc%9b/', '/public/%ef%bc%83', '/public/%ef%bc%85', '/public/%ef%bc%9f', '/%ef%bd%90ublic/x', '/p%e1%b5%98blic/x',
  // Slashes that are doubled, hidden or turned.
  '//public/x', '//admin/public/x', '///public/x', '/public//x', '/public//../admin', '/public/x//', '/public//', '/%2fpublic/x', '/%2f/public/x', '/public/%2f', '/public/x%2fy', '/public/%2Fadmin', '/public%2fx', '/public%2F', '\\public/x', '/\\public/x', '/public\\x', '/public/\\admin', '/public/x\\..\\..\\admin', '/public/%5c', '/public/%5C..', '/%5cpublic/x', '/public%5cx',
  // Parameters of segments.
  '/public/;/admin', '/public/;x', '/public/x;y', '/public/..;/admin', '/public/.;/admin', '/public;/../admin', '/public/x;jsessionid=1', '/public/%3b/admin', '/public/..%3b/admin', '/public/x%3By', ';/public/x', '/;/public/x', '/admin;/public/', '/admin;x=/public/x',
  // What ends or breaks a line, and what nobody sees.
  '/public/%00', '/public/x%00.png', '/public/%0a', '/public/%0d%0a', '/public/%09', '/public/%0b', '/public/%0c', '/public/%1f', '/public/%7f', '/public/%c2%80', '/public/%c2%85', '/public/%c2%9f', '/public/%e2%80%8b', '/public/%e2%80%8f', '/public/%e2%80%a8', '/public/%e2%80%a9', '/public/%e2%80%ae', '/public/%ef%bb%bf', '/public/%c2%ad', '/public/%f3%a0%80%af', '/public/\u0000', '/public/\u00a0', '/public/\n', '/public/\r\n/admin', '\n/public/x', '/admin\n/public/x', '/admin%0a/public/x', '/public/é', '/public/\u2025/admin', '/public/\uff0e',
  // No path at all.
  '', '*', 'public/x', '?/public/', '#/public/', 'http://h/public/x', 'https://h/public/x', 'HTTP://h/public/x', 'http:/public/x', 'http:///public/x', 'javascript:/public/x', 'h:443/public/x', 'h/public/x', './public/x', '../public/x', '%2fpublic/x', ' /public/x', '\t/public/x', '/admin/http://h/public/x', '@h/public/x',
  // Other paths, that have the word in them.
  '/admin', '/', '/public', '/publicx', '/Public/x', '/PUBLIC/x', '/xpublic/y', '/admin/public/', '/admin/public/x', '/admin/x/public/', '/public.html', '/public.', '/publi%63', '/%70ublic/x', '/publi%63/x', '/%70%75%62%6c%69%63/x'
]

const HARMLESS = ['/public/', '/public/x', '/public/x/', '/public/x/y.js', '/public/.well-known/x', '/public/.hidden', '/public/x.y.z', '/public/x?', '/public/x?y=../..//%2f;#', '/public/x?/admin', '/public/%C3%BC', '/public/%E6%97%A5%E6%9C%AC', '/public/%F0%9F%98%80', '/public/a%20b', '/public/a%2Bb', '/public/%61', '/public/a+b', '/public/a:b@c', '/public/a,b', '/public/~x', '/public/*', '/public/!$&\'()*=', '/public/[x]', '/public/%5Bx%5D', '/public/%22x%22', '/public/admin', `/public/${'x'.repeat(2040)}`]

t.test('W2, W3, O148, GHSA-7rh7-c77v-6434, GHSA-pxq7-h93f-9jrg: no spelling of another path is under ^/public/', async t => {
  const ask = await judge(t, { skip_auth_routes: ['^/public/', 'GET=^/public/.*$', '=^/public/'] })
  const opened = await ask(HOSTILE)
  t.ok(HOSTILE.length >= 150 && new Set(HOSTILE).size === HOSTILE.length, `${HOSTILE.length} paths`)
  t.strictSame(HOSTILE.filter((_, index) => opened[index] !== false), [])
  const harmless = await ask(HARMLESS)
  t.strictSame(HARMLESS.filter((_, index) => harmless[index] !== true), [], 'and what is meant is open')
})

t.test('the same paths are closed to rules that hold for everything, and that are negated', async t => {
  const everything = await judge(t, { skip_auth_routes: ['.*'] })
  const negated = await judge(t, { skip_auth_routes: ['!=^/admin'] })
  const ambiguous = HOSTILE.slice(0, HOSTILE.indexOf('/admin'))
  for (const ask of [everything, negated]) {
    const opened = await ask(ambiguous)
    const plain = ambiguous.filter((_, index) => opened[index] !== false)
    t.strictSame(plain.filter(path => !/^\/admin\?/.test(path) && !/^\/(?:%ef%bd%90|p%e1%b5%98)/.test(path)), [], 'but a query, and letters that look alike, make no path ambiguous')
  }
})

t.test('O147: a rule that is not anchored sees neither query nor fragment', async t => {
  const ask = await judge(t, { skip_auth_routes: ['^/api/.*/status'] })
  t.strictSame(await ask(['/api/x/status', '/api/x/status?y=1', '/api/private?x=/status', '/api/x%23/status', '/api/x#/status', '/api/x%2523/status', '/api/private%3fx=/status', '/api/x;/status']), [true, true, false, false, false, false, false, false])
})

t.test('a rule holds against the path as it was written and as it is decoded, or not at all', async t => {
  const literal = await judge(t, { skip_auth_routes: ['^/public/', '^/%70ublic/'] })
  t.strictSame(await literal(['/%70ublic/x']), [false], 'no rule holds for both')
  const words = await judge(t, { skip_auth_routes: ['^/öffentlich/', '^/my files/', '^/"x"$', '^/%C3%BC/'] })
  t.strictSame(await words(['/%C3%B6ffentlich/', '/%c3%b6ffentlich/x', '/my%20files/x', '/%22x%22', '/%C3%BC/', '/o%CC%88ffentlich/']), [true, true, true, true, false, false], 'what a browser has to encode is decoded for both')
})

t.test('O146: a negated rule opens what does not match, in whatever case', async t => {
  const ask = await judge(t, { skip_auth_routes: ['!=^/api'] })
  const paths: Array<[path: string, open: boolean]> = [['/other', true], ['/', true], ['/xapi', true], ['/%C3%BC', true], ['/api', false], ['/api/x', false], ['/API/x', false], ['/aPi', false], ['/%61pi/x', false], ['/a%70i', false], ['/%41PI', false], ['/%EF%BD%81pi/x', false], ['/%E2%93%90pi', false], ['//api/x', false], ['/./api/x', false], ['/x/../api', false], ['/x/%2e%2e/api', false], ['/;/api', false], ['/%2fapi', false], ['/\\api', false], ['http://h/other', false], ['/api?x', false], ['/other?/api', true]]
  t.strictSame(await ask(paths.map(([path]) => path)), paths.map(([, open]) => open))
})

t.test('O145, O146: rules for a method hold for that method alone', async t => {
  const ask = await judge(t, { skip_auth_routes: ['GET=^/pub', 'post=^/hook$', 'GET!=^/api', 'M-SEARCH=^/ssdp$'] })
  const rows: Array<[method: string | null, url: string | null, open: boolean]> = [
    ['GET', '/pub/x', true], ['POST', '/pub/x', false], ['HEAD', '/pub/x', false], ['get', '/api/x', false], ['POST', '/hook', true], ['PUT', '/hook', false],
    ['GET', '/contact', true], ['POST', '/contact', false], ['GET', '/api/x', false], ['POST', '/api/x', false], ['M-SEARCH', '/ssdp', true], [null, '/pub/x', false], [null, '/contact', false], ['GET', null, false], [null, null, false]
  ]
  t.strictSame(await ask(rows.map(([method, url]) => ({ method, url }))), rows.map(([,, open]) => open))
})

t.test('expressions are those of Go, and `=` in a path is no method', async t => {
  const ask = await judge(t, { skip_auth_routes: ['(?i)^/case/', '\\A/exact\\z', '^/(?P<kind>css|js)/', '^/a=b$', '^/x!=y$', '(?:foo=bar)$', '^/[[:digit:]]+$', '\\.(?:png|jpg)$'] })
  const rows: Array<[path: string, open: boolean]> = [['/CASE/x', true], ['/exact', true], ['/exact/', false], ['/js/x', true], ['/cs/x', false], ['/a=b', true], ['/x!=y', true], ['/foo=bar', true], ['/123', true], ['/12a', false], ['/deep/down/x.png', true], ['/x.png/y', false]]
  t.strictSame(await ask(rows.map(([path]) => path)), rows.map(([, open]) => open))
})

t.test('a path that is long is not open, and an expression that others choke on takes no time', async t => {
  const ask = await judge(t, { skip_auth_routes: ['^/(x+x+)+y$', '^/(a|a)*$', '^/(.*a){20}$', '^/p/'] })
  const before = performance.now()
  const answers = await ask([...Array.from({ length: 50 }, () => `/${'x'.repeat(2000)}`), ...Array.from({ length: 50 }, () => `/${'a'.repeat(2000)}!`), `/p/${'x'.repeat(2045)}`, `/p/${'x'.repeat(2046)}`, `/p/${'x'.repeat(1_000_000)}`, `/p/?${'x'.repeat(100_000)}`])
  t.strictSame(answers.slice(0, 100).filter(open => open), [])
  t.strictSame(answers.slice(100), [true, false, false, true])
  t.ok(performance.now() - before < 5000)
})

t.test('letters that become others in capitals do not get around a negated rule', async t => {
  const shut = await judge(t, { skip_auth_routes: ['!=^/(?:admin|access)'] })
  t.strictSame(await shut(['/adm%C4%B1n', '/adm%C4%B1n/x', '/ADM%C4%B1N', '/%EF%BD%81dm%C4%B1n', '/acce%C3%9F', '/acce%C5%BFs']), [false, false, false, false, false, false])
  t.strictSame(await shut(['/k%C4%B1z', '/stra%C3%9Fe']), [true, true])
  const named = await judge(t, { skip_auth_routes: ['^/k\u0131z$'] })
  t.strictSame(await named(['/k%C4%B1z', '/kIz']), [true, false], 'a rule that names a path opens it as it is written')
})
