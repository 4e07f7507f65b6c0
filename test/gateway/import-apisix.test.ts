import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parseConfiguration } from 'fastify-oidc-gateway'
import { blockOf, fixture, load, OIDC, refusals, route, told, translate } from './import-apisix-parts.ts'

t.test('apisix.yaml becomes native routes, with services, upstreams and plugin configs followed', async t => {
  const { value, checked } = await load('apisix.yaml', ['prometheus'])
  t.equal(checked.kind, 'valid', checked.kind === 'invalid' ? JSON.stringify(checked.problems) : '')
  t.strictSame(value?.routes, [
    {
      id: 1,
      name: 'shop',
      desc: 'the shop',
      uri: '/shop/*',
      hosts: ['shop.example.com', '*.shop.example.com'],
      methods: ['GET', 'POST'],
      priority: 7,
      upstream: {
        nodes: [{ host: '127.0.0.1', port: 8080, weight: 3 }, { host: '127.0.0.1', port: 8081, weight: 0 }],
        pass_host: 'rewrite',
        upstream_host: 'inner.example.com',
        timeout: { connect: 2, read: 4 }
      },
      plugins: {
        'openid-connect': {
          security_profile: 'apisix',
          client_id: 'shop',
          client_secret: '$ENV://SHOP_SECRET',
          discovery: 'https://idp.example.com/.well-known/openid-configuration',
          redirect_uri: 'https://shop.example.com/shop/callback',
          logout_path: '/shop/logout',
          timeout: 5,
          ssl_verify: false,
          scope: 'openid email',
          session: { secret: '$ENV://SESSION_SECRET', cookie: { lifetime: 7200 } },
          authorization_params: { ui_locales: 'fr', display: 'page', prompt: 'login', response_mode: 'query' },
          token_endpoint: 'https://idp.example.com/token'
        }
      }
    },
    {
      id: 2,
      uris: ['/api/*', '/api'],
      hosts: ['api.example.com'],
      upstream: { nodes: { '10.0.0.1:80': 1, '10.0.0.2:80': 2 }, timeout: { read: 30 } },
      plugins: {
        'openid-connect': {
          security_profile: 'apisix',
          client_id: 'api',
          client_secret: 'api-secret-literal',
          discovery: 'https://idp.example.com/.well-known/openid-configuration',
          bearer_only: true,
          use_jwks: true
        }
      }
    },
    {
      id: 4,
      uri: '/public',
      host: 'www.example.com',
      upstream: { nodes: [{ host: '10.0.0.9', port: 8443, weight: 1 }], scheme: 'https', pass_host: 'node', tls: { verify: false } }
    }
  ])
})

t.test('without --ignore-plugin each other plugin stops it, at its place', async t => {
  const { checked } = await load('apisix.yaml')
  t.match(checked, {
    kind: 'invalid',
    problems: [
      { path: ['routes', '1', 'plugins', 'prometheus'], position: { line: 54, column: 7 }, message: /has no counterpart.*--ignore-plugin prometheus leaves it out/ },
      { path: ['global_rules', '0', 'plugins', 'prometheus'], position: { line: 120 } }
    ]
  })
})

interface Leaf { readonly path: readonly string[], readonly value: unknown }

/** Every member of a file: those that hold a value, and empty containers. */
function leaves (value: unknown, path: readonly string[] = []): Leaf[] {
  const members = value !== null && typeof value === 'object' ? Object.entries(value) : []
  return members.length === 0 ? [{ path, value }] : members.flatMap(([name, member]) => leaves(member, [...path, name]))
}

const nameAndValue = ({ path, value }: Leaf): string => `${path.at(-1) ?? ''}=${JSON.stringify(value)}`

t.test('every member of every fixture is judged, and what is not spoken of stands in the output', async t => {
  for (const name of ['apisix.yaml', 'refused.yaml', 'admin-route.json', 'admin-list.json', 'route.json']) {
    const source = parseConfiguration(await readFile(fixture(name), 'utf8'), name.endsWith('.json') ? 'json' : 'yaml')
    if (source.kind === 'broken') throw new Error(name)
    const { value, report } = translate(source.document.value, ['prometheus'])
    const output = new Set(leaves(value.routes).map(nameAndValue))
    const all = leaves(source.document.value)
    t.ok(all.length > 10, name)
    for (const leaf of all) {
      const around = report.entries.filter(({ path }) => path.every((part, index) => leaf.path[index] === part))
      t.ok(around.length > 0, `${name}: ${leaf.path.join('.')} is judged`)
      // What is refused is printed alone, without an output.
      if (name !== 'refused.yaml') t.ok(around.some(({ message }) => message !== null) || output.has(nameAndValue(leaf)), `${name}: ${leaf.path.join('.')} is spoken of or written`)
    }
    t.same(report.entries.filter(({ verdict, message }) => verdict !== 'exact' && message === null), [], 'what is not exact says why')
  }
})

t.test('what nobody has judged is refused', async t => {
  t.match(refusals(translate({ routes: [route({ colour: 'red', shape: { round: true } })], whatever: [1], constructor: 1 })), /^routes\.0\.colour: refused, is not known[^]*routes\.0\.shape: refused/m)
  t.match(refusals(translate({ routes: [route()], whatever: [1] })), /whatever: refused, is not known/)
  t.match(refusals(translate(JSON.parse('{ "routes": [], "__proto__": {}, "constructor": 1 }'))), /__proto__: refused[^]*constructor: refused/)
  for (const root of [null, 'text', 7, []]) t.match(refusals(translate(root)), /: refused, must be an object/)
  t.match(refusals(translate({ routes: 7 })), /routes: refused, must be a list/)
  t.match(refusals(translate({ routes: ['x'] })), /routes\.0: refused, must be an object/)
  t.match(refusals(translate({ routes: [route({ service_id: null })] })), /service_id: refused/)
})

t.test('what decides who may pass or where a request goes is refused, with its place and reason', async t => {
  const { checked, value } = await load('refused.yaml')
  t.not(value, null)
  const problems = checked.kind === 'invalid' ? checked.problems.map(({ path, message, position }) => `${position?.line ?? 0} ${path.join('.')} ${message}`).join('\n') : ''
  for (const name of ['remote_addr', 'remote_addrs', 'vars', 'filter_func', 'script', 'script_id', 'upstream.type', 'upstream.scheme', 'upstream.discovery_type', 'upstream.service_name', 'upstream.nodes.0.priority', 'plugins.ip-restriction', 'plugins.key-auth', 'plugins.limit-count']) {
    t.match(problems, new RegExp(`^\\d+ routes\\.0\\.${name.replaceAll('.', '\\.')} .{10}`, 'm'), name)
  }
  t.match(problems, /^23 routes\.0\.plugins\.openid-conect .*Did you mean openid-connect\?$/m)
  for (const name of ['filter', 'pre_function', 'error_response']) t.match(problems, new RegExp(`_meta\\.${name} `))
  t.match(problems, /^52 routes\.1\.upstream_id names what is not in this file$/m)
  t.match(problems, /^53 routes\.2 has no upstream$/m)
  t.match(problems, /^54 routes\.3\.uri may have \* only as the last part/m, 'what the gateway itself says, at the place in the foreign file')
  t.match(problems, /^56 global_rules\.0\.plugins\.openid-connect is for every request/m)
  t.match(problems, /global_rules\.0\.plugins\.limit-req has no counterpart/)
  t.match(problems, /ssls\.0\.client asks callers for certificates/)
  t.match(problems, /stream_routes/)
  t.notMatch(problems, /literal-secret|0123456789abcdef/)
})

t.test('options of the engine behind APISIX are mapped, or refused with the reason (S157, S158, S169, S170, S180, S201, S203, S222)', async t => {
  const refusedAs = (block: Record<string, unknown>, reason: RegExp): void => { t.match(refusals(translate(route({}, block))), reason, JSON.stringify(block)) }
  t.match(blockOf({ prompt: 'login', display: 'page', response_mode: 'query' }), { authorization_params: { prompt: 'login', display: 'page', response_mode: 'query' }, prompt: undefined, display: undefined })
  t.match(blockOf({ prompt: 'login', authorization_params: { prompt: 'none' } }), { authorization_params: { prompt: 'none' }, prompt: undefined })
  refusedAs({ redirect_uri_scheme: 'https' }, /redirect_uri_scheme: refused/)
  refusedAs({ redirect_uri_scheme: 'https', redirect_uri: '/cb' }, /redirect_uri_scheme: refused/)
  refusedAs({ redirect_after_logout_uri: 'https://x', redirect_after_logout_with_id_token_hint: true }, /redirect_after_logout_uri: refused[^]*with_id_token_hint: refused/)
  refusedAs({ local_redirect_uri_path: '/x' }, /local_redirect_uri_path: refused/)
  refusedAs({ pass_cookies: 'a b' }, /pass_cookies: refused, .*never sent/)
  refusedAs({ symmetric_key: 'k' }, /symmetric_key: refused, .*never accepted/)
  refusedAs({ secret: 'k' }, /secret: refused, .*public_key/)
  refusedAs({ auth_accept_token_as: 'cookie:x' }, /auth_accept_token_as: refused/)
  refusedAs({ auth_accept_token_as_header_name: 'X-Token' }, /auth_accept_token_as_header_name: refused/)
  refusedAs({ introspection_token_param_name: 'x' }, /introspection_token_param_name: refused/)
  refusedAs({ introspection_params: { a: 'b' } }, /introspection_params: refused/)
  refusedAs({ introspection_cache_ignore: true }, /introspection_cache_ignore: refused/)
  refusedAs({ lifecycle: {} }, /lifecycle: refused/)
  refusedAs({ http_request_decorator: 'x' }, /http_request_decorator: refused/)
  const gone = { redirect_uri: 'https://a/cb', redirect_uri_scheme: 'https', redirect_uri_path: '/x', redirect_after_logout_with_id_token_hint: true, discovery_expires_in: 1, keepalive: 'no', auth_accept_token_as: 'header', auth_accept_token_as_header_name: 'Authorization', introspection_token_param_name: 'token', introspection_params: {}, introspection_cache_ignore: false, introspection_enable_negative_cache: true }
  const imported = translate(route({}, gone))
  t.equal(refusals(imported), '')
  t.strictSame(blockOf(gone), { security_profile: 'apisix', ...OIDC, redirect_uri: 'https://a/cb' })
  for (const name of Object.keys(gone).slice(1)) t.match(told(imported), new RegExp(`openid-connect\\.${name}: (exact|approximated), (has no effect|is left out)`))
})

t.test('the block is handed on as it is, but for legacy forms and names that APISIX does not look at', async t => {
  const read = (block: Record<string, unknown>): Record<string, unknown> => blockOf(block) as Record<string, unknown>
  for (const [written, meant] of [[1000, 1], [3000, 3], [1500, 1500], [999, 999], [3, 3]]) t.equal(read({ timeout: written }).timeout, meant)
  t.equal(read({ ssl_verify: 'no' }).ssl_verify, false)
  t.equal(read({ ssl_verify: 'yes' }).ssl_verify, 'yes', 'a mistake stays one')
  t.equal(read({ _meta: { disable: false } })._meta, undefined)
  t.match(refusals(translate(route({}, { session_content: {} }))), /session_content: refused, .*did you mean session_contents\?/)
  t.match(refusals(translate(route({}, { cross_site: 'refuse' }))), /cross_site: refused, is an option of native files/)
  t.match(refusals(translate(route({}, { security_profile: 'apisix' }))), /security_profile: refused/)
  t.match(told(translate(route({}, { jwks_uri: 'https://idp.example/jwks' }))), /jwks_uri: approximated/)
})
