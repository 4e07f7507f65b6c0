import { Type, type Static } from '@sinclair/typebox'
import { secretsSchema } from 'fastify-oidc'
import { forwardAuthOptionsSchema } from 'fastify-oidc-forward-auth'
import { group, withDefault, type Resolved } from 'fastify-oidc-session-store'
import { METHODS } from './methods.ts'
import { MOST_WORKERS } from './worker-count.ts'

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))
const texts = (description: string) => Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description }))
const seconds = (description: string) => Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86400, description }))

const pem = (description: string) => Type.Optional(Type.String({ pattern: '-----BEGIN ', description: `${description} PEM.` }))

const workers = withDefault(Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: MOST_WORKERS })], { description: 'Processes that serve at the one address; `auto`: one for each core of the machine. Several agree on renewals and logouts, and are replaced one after another on SIGHUP. For `oidc-gateway start`, where `--workers` goes before it.' }), 1)

const listenTls = Type.Object({
  cert: Type.String({ minLength: 1, description: 'Certificate chain: a PEM file, looked for from the folder of the configuration file, or the PEM itself.' }),
  key: Type.String({ minLength: 1, description: 'Private key: a PEM file or the PEM itself.' }),
  min_version: withDefault(Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')], { description: 'Oldest TLS version that is accepted.' }), 'TLSv1.2')
}, { additionalProperties: false, description: 'TLS, with HTTP/2 and HTTP/1.1. Certificates are read again on SIGHUP.' })

const listen = group({
  host: withDefault(Type.String({ minLength: 1, description: 'Address to listen at. `0.0.0.0` or `::` for all.' }), '127.0.0.1'),
  port: withDefault(Type.Integer({ minimum: 0, maximum: 65535, description: 'Port to listen at. 0: any free one.' }), 4180),
  body_timeout: withDefault(Type.Number({ minimum: 0, maximum: 86400, description: 'How long the body of a request may pause, in seconds, before the request is ended, with 408 where no answer is under way on the connection. An upload may take as long as it likes while it goes on, and what the upstream is too slow to take does not count. Whoever was answered already has half of it for the rest. 0: for ever.' }), 60),
  tls: Type.Optional(listenTls)
}, 'Where the gateway listens.')

const health = group({
  ping_path: withDefault(Type.String({ pattern: '^/[^\\s?#*:%]*$', description: 'Path that answers 200 while the process runs.' }), '/ping'),
  ready_path: withDefault(Type.String({ pattern: '^/[^\\s?#*:%]*$', description: 'Path that answers 200 when requests can be served, else 503 and what is missing.' }), '/ready')
}, 'Paths for probes, on every host. They are not guarded and never reach an upstream.')

const robotsTxt = withDefault(Type.Boolean({ description: 'Answer `/robots.txt` with the `robots.txt` of `endpoints.custom_templates_dir`, else with one that asks crawlers to stay away, on every host. A route for that very path comes first; false: the path is one like any other.' }), true)

const httpsOnly = withDefault(Type.Boolean({ description: 'Redirect plain requests to https, at the same host and port 443, with 308. Behind a proxy that ends TLS it needs `trust_proxy`. Probes are not redirected.' }), false)

const metrics = Type.Optional(Type.Object({
  host: withDefault(Type.String({ minLength: 1, description: 'Address that metrics are read at. Whoever reaches it reads them.' }), '127.0.0.1'),
  port: withDefault(Type.Integer({ minimum: 0, maximum: 65535, description: 'Port that metrics are read at. 0: any free one.' }), 9090)
}, { additionalProperties: false, description: 'Metrics for Prometheus, at an address of their own: `http://127.0.0.1:9090/metrics`. Off when absent.' }))

const { prefix: { pattern: prefixPattern }, sign_in_in_place: _inPlace, ...endpointOptions } = forwardAuthOptionsSchema.properties

const endpoints = Type.Optional(Type.Object({
  prefix: withDefault(Type.String({ pattern: prefixPattern, description: 'Path that the endpoints stand under, without a slash at the end.' }), '/oauth2'),
  whitelist_domains: withDefault(Type.Array(Type.String({ minLength: 1 }), { description: 'Hosts that a login and a sign-out may send the browser to beside the own one, as in `whitelist_domains` of `openid-connect`, whose entries hold as well.' }), []),
  ...endpointOptions,
  skip_provider_button: withDefault(Type.Boolean({ description: 'Browsers go to the provider at once. `false`: a visit without a session is answered with the sign-in page, at the address that was asked for, with 403.' }), false)
}, { additionalProperties: false, description: 'The endpoints of fastify-oidc-forward-auth, for each login whose `redirect_uri` has the path `<prefix>/callback`, which it has where none is written. Off when absent.' }))

const log = group({
  level: withDefault(Type.Union(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map(level => Type.Literal(level)), { description: 'The least that is logged.' }), 'info')
}, 'The log, JSON lines on standard output.')

const node = Type.Object({
  host: Type.String({ minLength: 1, pattern: '^[A-Za-z0-9._\\-]+$|^\\[?[0-9A-Fa-f:.]+\\]?$', description: 'Host name or address.' }),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'Port. Default: that of the scheme.' })),
  weight: withDefault(Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Share of the requests. 0: none.' }), 1)
}, { additionalProperties: false })

/** One entry of `nodes`, as a list has them. */
export const nodeSchema = node

const nodes = Type.Unsafe<Record<string, number> | Array<Static<typeof node>>>(Type.Unknown({
  description: 'Servers, taken in turn by weight: `{ "host:port": weight }`, or a list of `{ host, port, weight }`.'
}))

/** `upstream` where it is not just a URL. */
export const upstreamSchema = Type.Object({
  nodes,
  scheme: withDefault(Type.Union([Type.Literal('http'), Type.Literal('https')], { description: 'How the nodes are spoken to.' }), 'http'),
  pass_host: withDefault(Type.Union([Type.Literal('pass'), Type.Literal('node'), Type.Literal('rewrite')], { description: "Host header: `pass` the caller's, `node` the node's, `rewrite` that of `upstream_host`." }), 'pass'),
  upstream_host: text('Host header under `pass_host: rewrite`.'),
  timeout: group({
    connect: seconds('Time to connect, in seconds.'),
    send: seconds('Time between two writes, in seconds. Not available in this version.'),
    read: seconds('Time to the answer, and between two parts of it, in seconds.')
  }, 'Time-outs towards the nodes.'),
  tls: Type.Optional(Type.Object({
    verify: withDefault(Type.Boolean({ description: "Verify the nodes' certificates." }), true),
    ca: pem('Certificates that vouch for the nodes, in place of those of Node.'),
    client_cert: pem('Certificate that is shown to the nodes.'),
    client_key: pem('Private key of `client_cert`.'),
    server_name: text("Name that the nodes' certificates must carry. Default: the node's host.")
  }, { additionalProperties: false, description: 'TLS towards the nodes.' }))
}, { additionalProperties: false })

export type UpstreamOptions = Resolved<typeof upstreamSchema>

const upstream = Type.Unsafe<string | Static<typeof upstreamSchema>>(Type.Unknown({
  description: 'Where the requests go: `http://host:port` or `https://host:port`; `unix:/run/app.sock`, a Unix socket; `file:///srv/site`, the files below a folder; `static://404`, always that status; or an object as below.'
}))

const plugins = Type.Unsafe<{ 'openid-connect'?: Record<string, unknown> }>(Type.Unknown({
  description: '`openid-connect`: the options of fastify-oidc, with `security_profile: oauth2.1` where none is written. Left out: the route is open to everyone.'
}))

/** One header of `headers`. */
export const headerSchema = Type.Object({
  value: Type.Optional(Type.String({ description: 'Text that is always the same.' })),
  claim: text('Claim that the value is taken from; a name with dots that no claim has is a path into claims.'),
  prefix: Type.Optional(Type.String({ description: 'What stands before the claim.' })),
  basic_password: text('Makes it a Basic credential: the claim is the user name.')
}, { additionalProperties: false })

type HeadersOption = Readonly<Record<string, Static<typeof headerSchema>>>

const headers = Type.Optional(Type.Object({
  request: Type.Optional(Type.Unsafe<HeadersOption>(Type.Unknown({ description: 'Headers for the upstream, by name: `{ value: text }`, `{ claim: email }`, `{ claim: access_token, prefix: "Bearer " }`, or `{ claim: sub, basic_password: … }`. What the caller sends under these names is removed.' }))),
  response: Type.Optional(Type.Unsafe<HeadersOption>(Type.Unknown({ description: 'Headers of the answer, by name, as under `request`. They replace the upstream\'s.' })))
}, { additionalProperties: false, description: 'Headers that are added. A claim that the caller has not leaves its header out.' }))

const route = Type.Object({
  uri: text('Path: exact (`/foo`), everything under a prefix (`/foo/*`), or everything (`/*`).'),
  uris: texts('Several paths.'),
  host: text('Host that the request must name: `app.example.com`, or `*.example.com` for all below. Default: any.'),
  hosts: texts('Several hosts.'),
  methods: Type.Optional(Type.Array(Type.Union(METHODS.map(method => Type.Literal(method))), { minItems: 1, description: 'Methods that the request may have; with another the route is not found. Default: all.' })),
  priority: withDefault(Type.Integer({ description: 'Of several routes for the same path, the highest priority that fits host and method is taken; then the closest host.' }), 0),
  id: Type.Optional(Type.Union([Type.String(), Type.Integer()], { description: 'An id, for people.' })),
  name: text('A name, for people: it stands in listings.'),
  desc: text('A description, for people.'),
  upstream,
  rewrite_prefix: Type.Optional(Type.Object({
    from: Type.String({ pattern: '^/', description: 'Path that all of `uri` or `uris` lie under.' }),
    to: withDefault(Type.String({ pattern: '^/', description: 'What stands in its place. `/`: it is taken away.' }), '/')
  }, { additionalProperties: false, description: 'Changes the beginning of the path that the upstream sees, and back in `Location`. Not for folders and fixed answers.' })),
  headers,
  plugins: Type.Optional(plugins)
}, { additionalProperties: false })

/** One entry of `routes`. */
export const routeSchema = route

/** The gateway's file. */
export const gatewaySchema = Type.Object({
  listen,
  trust_proxy: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description: 'Addresses and networks (`10.0.0.0/8`) of proxies in front, whose X-Forwarded-For, -Proto and -Host are believed. Also `loopback`, `linklocal`, `uniquelocal`. Default: none.' })),
  force_https: httpsOnly,
  robots_txt: robotsTxt,
  health,
  workers,
  metrics,
  endpoints,
  log,
  secrets: secretsSchema,
  max_header_size: withDefault(Type.Integer({ minimum: 8192, maximum: 1024 * 1024, description: 'Largest header of a request, in bytes. Sessions in cookies need it large.' }), 65536),
  routes: Type.Array(route, { minItems: 1, description: 'What is served.' })
}, { additionalProperties: false, description: 'Configuration of oidc-gateway.' })

/** What stands in the file. */
export type GatewayOptions = Static<typeof gatewaySchema>
/** With defaults filled in. */
export type ResolvedGatewayOptions = Resolved<typeof gatewaySchema>
export type ResolvedRoute = ResolvedGatewayOptions['routes'][number]

/** Names that later versions know, by where they stand. */
export const COMING: Readonly<Record<'root' | 'route', readonly string[]>> = {
  root: [],
  route: ['remote_addr', 'remote_addrs', 'vars', 'filter_func', 'status', 'upstream_id', 'service_id', 'plugin_config_id', 'enable_websocket', 'timeout', 'labels']
}
