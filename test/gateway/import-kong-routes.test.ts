import t from 'tap'
import { CONFIG, refusals, translate } from './import-kong-parts.ts'

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
  t.equal(refusedIn({ ...members, paths: ['/a', '/a/b'] }, { paths: ['/'] }), '', 'more rules and the longer path')
  t.equal(refusedIn(members, { paths: ['/docs'], ...GUARDED }), '', 'the same login and the same upstream')
})
