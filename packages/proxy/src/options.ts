import { Type, type Static, type TSchema } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import type { RoutePolicy } from 'fastify-oidc'
import { checkOptions, optionsError, withDefault, type OptionProblem, type Resolved } from 'fastify-oidc-session-store'

/** Chooses the origin that a request goes to, such as `http://10.0.0.7:8080`. */
export type UpstreamChooser = (request: FastifyRequest) => string | Promise<string>

const MAX_TIMEOUT = 86_400

function oneOf<T extends string> (values: readonly T[]): TSchema & { static: T } {
  return Type.Unsafe<T>(Type.Union(values.map(value => Type.Literal(value))))
}

function seconds (description: string, minimum: number): TSchema & { static: number } {
  return Type.Unsafe<number>(Type.Number({ minimum, maximum: MAX_TIMEOUT, description }))
}

const pem = Type.String({ pattern: '-----BEGIN ' })

const DEFAULT_METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const
/** Methods of RFC 4918, RFC 3253, RFC 4791 and RFC 5323; TRACE is missing because it would echo credentials. */
const DAV_METHODS = ['COPY', 'LOCK', 'MKCALENDAR', 'MKCOL', 'MOVE', 'PROPFIND', 'PROPPATCH', 'REPORT', 'SEARCH', 'UNLOCK'] as const

/** Makes further headers for an upstream, by lower-case name. */
export type HeaderSource = (request: FastifyRequest) => Readonly<Record<string, string>>

/** The options of `fastify-oidc-proxy`. */
export const proxyOptionsSchema = Type.Object({
  upstream: Type.Optional(Type.String({ pattern: '^https?://', description: 'Where requests go: an `http` or `https` URL. A path in it stands in for `prefix`, unless `rewrite_prefix` is set. Required unless `get_upstream` is set.' })),
  unix_socket: Type.Optional(Type.String({ pattern: '^/', description: 'Path of the Unix socket that the upstream listens at. `upstream` then gives scheme and `Host` alone: `http://localhost`.' })),
  get_upstream: Type.Optional(Type.Unsafe<UpstreamChooser>(Type.Function([], Type.Any(), { description: 'Chooses the upstream of a request, in place of `upstream`: a function from the request to an origin (or a promise of one), without a path. What it answers must not come from the caller unchecked.' }))),
  prefix: Type.Optional(Type.String({ description: 'Path under which the upstream appears.' })),
  rewrite_prefix: Type.Optional(Type.String({ pattern: '^/', description: 'What stands in for `prefix` in the path that the upstream sees. Default: the path of `upstream`.' })),
  routes: withDefault(Type.Array(Type.String({ pattern: '^(/|\\*$)' }), { minItems: 1, description: 'Route paths below `prefix` that are passed on.' }), ['/', '/*']),
  methods: withDefault(Type.Array(oneOf([...DEFAULT_METHODS, ...DAV_METHODS]), { minItems: 1, description: 'Methods that are passed on. The WebDAV methods are taken as well.' }), DEFAULT_METHODS),
  constraints: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'Route constraints of Fastify, such as `{ host: \'app.example.com\' }`.' })),
  oidc: Type.Optional(Type.Unsafe<RoutePolicy | false>(Type.Union([Type.Object({}, { additionalProperties: true }), Type.Literal(false)], { description: 'What the proxied routes require (`config.oidc`), or false for routes that are open to everyone.' }))),
  add_headers: Type.Optional(Type.Unsafe<HeaderSource>(Type.Function([], Type.Any(), { description: 'Makes further headers for the upstream: a function from the request to an object of them, by lower-case name. They come last and win.' }))),
  forwarder: Type.Optional(Type.Union([Type.Literal('own'), Type.Literal('stock')], { description: 'What carries answers to the client: `own` writes them straight to the connection, past `onSend` hooks; `stock` is that of @fastify/reply-from, slower, and `onSend` hooks see the answers. Default: `own`, unless the routes have `onSend` hooks or `http2` is set.' })),
  http2: withDefault(Type.Boolean({ description: 'Speak HTTP/2 to the upstream: over TLS, or else with prior knowledge. One that speaks HTTP/1.1 alone is a 502.' }), false),
  websocket: withDefault(Type.Boolean({ description: 'Pass WebSockets on.' }), true),
  pass_host: withDefault(Type.Union([Type.Literal('pass'), Type.Literal('node'), Type.Literal('rewrite')], { description: 'The `Host` that the upstream sees: the client\'s (`pass`), its own (`node`) or `upstream_host` (`rewrite`).' }), 'node'),
  upstream_host: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9._:\\[\\]-]+$', description: 'The `Host` for `pass_host: rewrite`.' })),
  connect_timeout: withDefault(seconds('Seconds until a connection must stand, TLS included.', 0.1), 10),
  headers_timeout: withDefault(seconds('Seconds until the first byte of the answer; 0 waits for ever.', 0), 60),
  body_timeout: withDefault(seconds('Seconds of silence after which an answer is given up; 0 waits for ever, which event streams need.', 0), 0),
  keepalive_timeout: withDefault(seconds('Seconds that an idle connection to the upstream is kept. Less than the upstream\'s own, or requests meet closed connections.', 0.1), 4),
  max_connections: withDefault(Type.Integer({ minimum: 0, description: 'Connections to one upstream at a time; further requests wait. 0 is no limit. Without `http2` a stream or event source holds its connection.' }), 0),
  max_body: Type.Optional(Type.Integer({ minimum: 0, description: 'Bytes that a request body, or one WebSocket message, may have. Default: no limit for bodies, which are streamed, and 100 MiB for messages.' })),
  ssl_verify: withDefault(Type.Boolean({ description: 'Verify the upstream\'s certificate.' }), true),
  ca: Type.Optional(Type.Union([pem, Type.Array(pem, { minItems: 1 })], { description: 'Certificates, as PEM, that vouch for the upstream, in place of those of Node.' })),
  client_cert: Type.Optional(Type.String({ pattern: '-----BEGIN ', description: 'Certificate, as PEM, that is shown to the upstream.' })),
  client_key: Type.Optional(Type.String({ pattern: '-----BEGIN ', description: 'Private key, as PEM, of `client_cert`.' })),
  server_name: Type.Optional(Type.String({ minLength: 1, description: 'The name that the upstream\'s certificate must carry (SNI). Default: the host of the upstream.' }))
}, { additionalProperties: false })

/** What a caller writes. */
export type ProxyOptions = Static<typeof proxyOptionsSchema>

type Parsed = Resolved<typeof proxyOptionsSchema>

/** Options after every check. */
export interface ProxySettings extends Omit<Parsed, 'upstream' | 'rewrite_prefix'> {
  /** The origin of `upstream`; null when `get_upstream` chooses. */
  readonly origin: string | null
  /** What stands in for the prefix at the upstream: starts with a slash. */
  readonly rewritePrefix: string
}

/** Options that Fastify's `register` takes out of the same object. */
const REGISTER_OPTIONS = new Set(['logLevel', 'logSerializers'])

function upstreamProblems ({ upstream, rewrite_prefix: rewritePrefix, get_upstream: choose }: Parsed): OptionProblem[] {
  if (upstream === undefined) return choose === undefined ? [{ path: ['upstream'], message: 'is required, or get_upstream' }] : []
  if (choose !== undefined) return [{ path: ['get_upstream'], message: 'and upstream exclude each other' }]
  if (!URL.canParse(upstream)) return [{ path: ['upstream'], message: 'is not a URL' }]
  const url = new URL(upstream)
  const problems: OptionProblem[] = []
  if (url.username !== '' || url.password !== '') problems.push({ path: ['upstream'], message: 'must not carry a user or password' })
  if (url.search !== '' || url.hash !== '') problems.push({ path: ['upstream'], message: 'must not carry a query or fragment' })
  if (url.pathname !== '/' && rewritePrefix !== undefined) problems.push({ path: ['rewrite_prefix'], message: 'and a path in upstream exclude each other: put the path into rewrite_prefix' })
  return problems
}

function socketProblems ({ upstream, http2 }: Parsed): OptionProblem[] {
  const problems: OptionProblem[] = []
  if (upstream === undefined) problems.push({ path: ['unix_socket'], message: 'needs upstream' })
  if (upstream?.startsWith('https:') === true) problems.push({ path: ['unix_socket'], message: 'and an https upstream exclude each other' })
  if (http2) problems.push({ path: ['unix_socket'], message: 'and http2 exclude each other' })
  return problems
}

function crossFieldProblems (options: Parsed): OptionProblem[] {
  const problems = upstreamProblems(options)
  if (options.unix_socket !== undefined) problems.push(...socketProblems(options))
  if (options.forwarder === 'own' && options.http2) problems.push({ path: ['forwarder'], message: 'own and http2 exclude each other: set it to stock, or leave it out' })
  if (options.pass_host === 'rewrite' && options.upstream_host === undefined) problems.push({ path: ['upstream_host'], message: 'is required by pass_host: rewrite' })
  if (options.pass_host !== 'rewrite' && options.upstream_host !== undefined) problems.push({ path: ['upstream_host'], message: 'has a meaning only with pass_host: rewrite' })
  if ((options.client_cert === undefined) !== (options.client_key === undefined)) problems.push({ path: [options.client_cert === undefined ? 'client_cert' : 'client_key'], message: 'is required: client_cert and client_key belong together' })
  if (options.websocket && !options.methods.includes('GET')) problems.push({ path: ['websocket'], message: 'needs GET among the methods: set it to false, or add GET' })
  return problems
}

/**
 * Checks options and fills in what they leave out.
 * @throws FST_OIDC_OPTIONS_INVALID with every problem at once
 */
export function parseProxyOptions (input: Readonly<Record<string, unknown>>): ProxySettings {
  const own = Object.fromEntries(Object.entries(input).filter(([name]) => !REGISTER_OPTIONS.has(name)))
  const { options, problems } = checkOptions(proxyOptionsSchema, own)
  const all = problems.length > 0 ? problems : crossFieldProblems(options)
  if (all.length > 0) throw optionsError('fastify-oidc-proxy', all)
  const { upstream, rewrite_prefix: rewritePrefix, ...rest } = options
  const url = upstream === undefined ? null : new URL(upstream)
  return { ...rest, origin: url?.origin ?? null, rewritePrefix: rewritePrefix ?? url?.pathname ?? '/' }
}
