import t from 'tap'
import type { Imported } from '../../packages/gateway/src/importers/imported.ts'
import { CONFIG, refusals, told, translate } from './import-kong-parts.ts'

type Members = Record<string, unknown>

const GUARDED = { plugins: [{ name: 'openid-connect', config: CONFIG }] }

/** Routes of one service; paths are not stripped. */
function refusedIn (...routes: readonly Members[]): string {
  return refusals(translate({ services: [{ name: 'up', url: 'http://up:8080', routes: routes.map(route => ({ strip_path: false, ...route })) }] }))
}

t.test('routes between which Kong chooses by rules or plain hosts before paths are refused', async t => {
  const members = { name: 'members', hosts: ['m.example.com'], paths: ['/'], ...GUARDED }
  const turned = /^services\.0\.routes\.1: refused, would change its turn with services\[0\]\.routes\[0\]: Kong takes the route with more rules .*this gateway the longer path/
  t.match(refusedIn(members, { name: 'docs', paths: ['/docs'] }), turned, 'two rules before one')
  t.match(refusedIn({ paths: ['/docs'] }, members), turned, 'in whatever order they stand')
  t.match(refusedIn({ hosts: ['*.example.com'], paths: ['/docs'] }, members), turned, 'a plain host before a wildcard')
  t.match(refusedIn({ hosts: ['*.example.com'], paths: ['/a'], methods: ['GET'], ...GUARDED }, { hosts: ['m.example.com'], paths: ['/a'] }), turned, 'three rules before two, on one path')
  t.match(refusedIn({ hosts: ['m.example.com'], paths: ['/admin'], ...GUARDED }, { paths: ['/administrator'] }), turned, 'a path is the beginning of a longer name')
  t.match(refusedIn({ hosts: ['m.example.com', '*.m.example.com'], paths: ['/docs'] }, members), turned, 'hosts are plain where all are')
})

t.test('routes that keep their turn, never meet, or do the same stand beside each other', async t => {
  const members = { hosts: ['m.example.com'], paths: ['/'], ...GUARDED }
  t.equal(refusedIn(members, { hosts: ['m.example.com'], paths: ['/docs'] }), '', 'the longer path in both')
  t.equal(refusedIn(members, { hosts: ['*.example.com'], paths: ['/'] }), '', 'the plain host in both')
  t.equal(refusedIn(members, { hosts: ['n.example.com'], paths: ['/docs'], methods: ['GET'] }), '', 'other hosts')
  t.equal(refusedIn({ ...members, methods: ['POST'] }, { paths: ['/docs'], methods: ['GET'] }), '', 'other methods')
  t.equal(refusedIn({ ...members, paths: ['/a/'] }, { paths: ['/docs'] }), '', 'other paths')
  t.equal(refusedIn({ ...members, paths: ['/a/', '/a/b/'] }, { paths: ['/'] }), '', 'more rules and the longer path')
  t.equal(refusedIn(members, { paths: ['/docs'], ...GUARDED }), '', 'the same login and the same upstream')
})

t.test('defaults of a file are laid under routes and services that do not write the member', async t => {
  const withDefaults = (defaults: unknown): Imported => translate({
    _format_version: '3.0',
    _info: { select_tags: ['team'], defaults },
    services: [{ name: 'up', url: 'http://up:8080/in', routes: [{ name: 'kept', paths: ['/a'] }, { name: 'stripped', paths: ['/b'], strip_path: true, preserve_host: null }] }],
    routes: [{ paths: ['/c'], service: { name: 'up' } }]
  })
  const imported = withDefaults({ route: { strip_path: false, preserve_host: true }, service: { read_timeout: 5000 }, upstream: {}, consumer: null })
  t.equal(refusals(imported), '')
  t.match(imported.value.routes, [
    { rewrite_prefix: { from: '/', to: '/in' }, upstream: { pass_host: 'pass', timeout: { read: 5 } } },
    { rewrite_prefix: { from: '/b', to: '/in' }, upstream: { pass_host: 'pass' } },
    { rewrite_prefix: { from: '/', to: '/in' } }
  ])
  t.match(told(imported), /^_info\.select_tags: exact, is bookkeeping$/m)
  t.match(told(imported), /^_info\.defaults\.route\.strip_path: exact, is laid under each route that does not write it$/m)
  const rows: Array<[defaults: unknown, expected: RegExp]> = [
    [{ route: { path_handling: 'v1' } }, /services\.0\.routes\.0\.path_handling: refused, must be v0/],
    [{ service: { protocol: 'tcp' } }, /services\.0\.protocol: refused/],
    [{ plugin: { enabled: false } }, /_info\.defaults\.plugin: refused, .*route and service alone/],
    [{ upstream: { slots: 10 } }, /_info\.defaults\.upstream: refused/],
    [{ route: 'x' }, /_info\.defaults\.route: refused, must be an object/],
    [[], /_info\.defaults: refused, must be an object/]
  ]
  for (const [defaults, expected] of rows) t.match(refusals(withDefaults(defaults)), expected)
  t.equal(refusals(withDefaults(null)), '')
})

t.test('before format 3.0 a path with a sign of an expression is one', async t => {
  const written = (version: unknown, path: string): string => refusals(translate({ _format_version: version, services: [{ name: 'up', url: 'http://up:8080', routes: [{ paths: [path] }] }] }))
  const expression = /^services\.0\.routes\.0\.paths: refused, has a regular expression, .*before _format_version 3\.0/
  for (const version of ['1.1', '2.1', 2.1]) {
    t.match(written(version, '/api/(v1|v2)'), expression)
    t.match(written(version, '/users/.+$'), expression)
    t.equal(written(version, '/a-z/0_9.~/%20'), '')
  }
  t.equal(written('3.0', '/api/(v1|v2)'), '', 'a path as it stands')
  t.match(written('3.0', '~/api/\\d+'), /paths: refused, has a regular expression, which has no counterpart/)
  t.match(written('three', '/api'), /^_format_version: refused, must be a version/)
})

t.test('a path with a final slash is what is below it, and not itself', async t => {
  const routeOf = (route: Members): Imported => translate({ services: [{ name: 'up', url: 'http://up:8080/in', routes: [route] }] })
  const below = routeOf({ paths: ['/public/'] })
  t.strictSame(below.value.routes.map(({ uris, rewrite_prefix: rewrite }) => [uris, rewrite]), [[['/public/*'], { from: '/public', to: '/in' }]])
  t.match(told(below), /routes\.0\.paths: exact/)
  const both = routeOf({ paths: ['/public/', '/public'] })
  t.strictSame(both.value.routes.map(({ uris }) => uris), [['/public', '/public/*']], 'the longer one is in the shorter')
  t.match(told(both), /routes\.0\.paths: approximated/)
  t.match(told(routeOf({ paths: ['/'] })), /routes\.0\.paths: exact/)
})

t.test('what a guarded path is the beginning of does not fall to a route without this login', async t => {
  const admin = { hosts: ['a.example.com'], paths: ['/admin'], ...GUARDED }
  const falls = /^services\.0\.routes\.\d\.paths: refused, guards whatever begins with \/admin in Kong; here \/adminx would go to services\[0\]\.routes\[\d\], which does not ask for this login\. Write \/admin\/ in Kong, or guard both/
  t.match(refusedIn(admin, { hosts: ['a.example.com'], paths: ['/'] }), falls)
  t.match(refusedIn({ hosts: ['*.example.com'] }, { ...admin, hosts: ['a.example.com', 'b.example.com'] }), falls, 'a route without paths is the widest')
  t.match(refusedIn(admin, { paths: ['/'], plugins: [{ name: 'openid-connect', config: { ...CONFIG, scopes_required: ['a'] } }] }), falls, 'another login')
  t.match(refusedIn({ ...admin, paths: ['/x/admin'] }, { hosts: ['a.example.com'], paths: ['/x'] }), /guards whatever begins with \/x\/admin in Kong/)
  const inner = { hosts: ['a.example.com'], paths: ['/x'], ...GUARDED }
  t.match(refusedIn({ ...admin, paths: ['/x/admin'] }, { ...inner, methods: ['GET'] }, { hosts: ['a.example.com'], paths: ['/'] }), /x\/adminx would go to services\[0\]\.routes\[2\]/, 'a guarded one between for some methods alone')
})

t.test('what a guarded path is the beginning of may fall to nobody, or to a route with the same login', async t => {
  const admin = { hosts: ['a.example.com'], paths: ['/admin'], ...GUARDED }
  const open = { hosts: ['a.example.com'], paths: ['/'] }
  t.equal(refusedIn(admin, { ...open, hosts: ['b.example.com'] }), '', 'other hosts')
  t.equal(refusedIn({ ...admin, methods: ['GET'] }, { ...open, methods: ['POST'] }), '', 'other methods')
  t.equal(refusedIn(admin, { ...open, ...GUARDED }), '', 'the same login')
  t.equal(refusedIn(admin, { ...open, paths: ['/adm'] }), '', 'a path that is not around it')
  t.equal(refusedIn({ ...admin, paths: ['/admin/'] }, open), '', 'a final slash')
  t.equal(refusedIn({ ...open, paths: ['/public'] }, { ...open, ...GUARDED }), '', 'an open path: what begins with it asks for a login')
  t.equal(refusedIn({ ...admin, paths: ['/x/admin'] }, { hosts: ['a.example.com'], paths: ['/x/'], ...GUARDED }, open), '', 'the same login between')
  t.equal(refusedIn(admin, { ...open, ...GUARDED }, { ...open, hosts: ['*.example.com'] }), '', 'the same login on the closer host')
  t.equal(refusals(translate({
    services: [{ name: 'a', url: 'http://a:8080', routes: [{ paths: ['/admin'] }] }, { name: 'b', url: 'http://b:8080', routes: [{ paths: ['/'] }] }],
    plugins: [{ name: 'openid-connect', config: CONFIG }]
  })), '', 'one login for all, and two upstreams')
})
