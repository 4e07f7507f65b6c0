import { Type } from '@sinclair/typebox'
import { group, withDefault } from './options.ts'

const seconds = (description: string) => Type.Integer({ minimum: 1, description })
const milliseconds = (description: string, minimum = 1) => Type.Integer({ minimum, description })

const nodes = (port: number, description: string) => Type.Optional(Type.Array(Type.Object({
  host: Type.String({ minLength: 1, description: 'Host name or address.' }),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: `Port. Default: ${port}.` }))
}, { additionalProperties: false }), { minItems: 1, description }))

const redis = group({
  host: withDefault(Type.String({ minLength: 2, description: 'Redis host.' }), '127.0.0.1'),
  port: withDefault(Type.Integer({ minimum: 1, maximum: 65535, description: 'Redis port.' }), 6379),
  password: Type.Optional(Type.String({ description: 'Redis password.' })),
  username: Type.Optional(Type.String({ minLength: 1, description: 'Redis user name (ACL).' })),
  database: withDefault(Type.Integer({ minimum: 0, description: 'Redis database index.' }), 0),
  prefix: withDefault(Type.String({ description: 'Prefix of every key.' }), 'sessions'),
  ssl: withDefault(Type.Boolean({ description: 'Connect with TLS.' }), false),
  ssl_verify: withDefault(Type.Boolean({ description: 'Verify the certificate of Redis.' }), true),
  server_name: Type.Optional(Type.String({ description: 'The name that the certificate of Redis is for, where it is not `host`; also sent (SNI). Needs `ssl`.' })),
  connect_timeout: withDefault(milliseconds('How long connecting may take, TLS included, in milliseconds.'), 1000),
  send_timeout: withDefault(milliseconds('How long no byte of what is sent may leave, in milliseconds.'), 1000),
  read_timeout: withDefault(milliseconds('How long the answer to a command may take, in milliseconds.'), 1000),
  keepalive_timeout: withDefault(milliseconds('How long an idle connection is kept, in milliseconds; it is opened again on demand.', 1000), 10000),
  url: Type.Optional(Type.String({ pattern: '^rediss?://', description: '`redis://user:password@host:port/database`, or `rediss://` for TLS: instead of `host`, `port`, `username`, `password`, `database` and `ssl`.' })),
  unix_socket: Type.Optional(Type.String({ minLength: 1, description: 'Path of a unix socket, instead of `host` and `port`.' })),
  sentinels: nodes(26379, 'Sentinels that know where the master is, instead of `host` and `port`. Needs `master_name`.'),
  master_name: Type.Optional(Type.String({ minLength: 1, description: 'The name under which the sentinels watch the master.' })),
  sentinel_username: Type.Optional(Type.String({ minLength: 1, description: 'User name at the sentinels themselves.' })),
  sentinel_password: Type.Optional(Type.String({ minLength: 1, description: 'Password at the sentinels themselves.' })),
  sentinel_ssl: withDefault(Type.Boolean({ description: 'Connect to the sentinels themselves with TLS, under the settings of `ssl`.' }), false),
  cluster: nodes(6379, 'Some nodes of a Redis Cluster, instead of `host` and `port`; the others are found.'),
  client_cache: Type.Optional(Type.Boolean({ description: 'Answer from memory what Redis has not told to have changed, and read only the rest: a request without a round trip. A logout or revocation on another instance holds here within a second, instead of at the next read. Needs `session.storage: redis`, Redis 6 or later, and the channel `__redis__:invalidate` for an ACL user; where Redis does not tell what changes, each request reads. Default: `true` with `session.storage: redis`.' })),
  ca: Type.Optional(Type.String({ minLength: 1, description: 'Certificates (PEM) that vouch for Redis, instead of those that Node.js trusts.' })),
  client_cert: Type.Optional(Type.String({ minLength: 1, description: 'Certificate (PEM) that we show to Redis.' })),
  client_key: Type.Optional(Type.String({ minLength: 1, description: 'Private key (PEM) of `client_cert`.' }))
}, 'Where Redis is, when `session.storage` or `session.coordination` is `redis`.')

/** `session.*`: shared by the core and the stores. */
export const sessionSchema = Type.Object({
  secret: Type.String({ minLength: 16, description: 'Seals sessions and login attempts. 16 characters or more; 32 random bytes are best (`openssl rand -base64 32`).' }),
  secret_fallbacks: withDefault(Type.Array(Type.String({ minLength: 16 }), { description: 'Secrets that open what they sealed and seal nothing. To rotate: put the new secret here first, on every instance, then swap it with `session.secret`.' }), []),
  cookie: group({
    lifetime: withDefault(seconds('How long a session lives without a request, in seconds. It slides: the session and its cookie are issued anew in the last quarter.'), 3600)
  }, 'Cookie configuration.'),
  cookie_name: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$", description: 'Name of the session cookie. Default: `session` under `security_profile: apisix`, else `oidc`; cores with different clients or secrets in one server get a suffix.' })),
  cookie_path: Type.Optional(Type.String({ pattern: '^/[^;,\\s]*$', description: 'Path of the cookie. Default: `/`.' })),
  cookie_domain: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9.-]+$', description: 'Domain of the cookie. Default: none, so that only the host itself gets it.' })),
  cookie_secure: Type.Optional(Type.Boolean({ description: 'Secure attribute. Default: set whenever the scheme that the browser uses is https.' })),
  cookie_http_only: withDefault(Type.Boolean({ description: 'HttpOnly attribute: scripts of the page cannot read the cookie.' }), true),
  cookie_same_site: withDefault(Type.Union([Type.Literal('Lax'), Type.Literal('Strict'), Type.Literal('None'), Type.Literal('Default')], { description: 'SameSite attribute; `Default` leaves it out. The cookies of login attempts are always Lax, or logins could not end.' }), 'Lax'),
  idling_timeout: Type.Optional(Type.Integer({ minimum: 0, description: 'End of a session without any request, in seconds. 0 or not set: off.' })),
  rolling_timeout: Type.Optional(Type.Integer({ minimum: 0, description: 'Longest life of one handle, in seconds: a session that is used gets a new one after three quarters of it, and one that is not ends with it. 0 or not set: off.' })),
  absolute_timeout: withDefault(Type.Integer({ minimum: 0, description: 'End of a session whatever happens, in seconds from its login. 0: none.' }), 86400),
  storage: withDefault(Type.Union([Type.Literal('cookie'), Type.Literal('redis')], { description: 'Where sessions live.' }), 'cookie'),
  coordination: Type.Optional(Type.Union([Type.Literal('process'), Type.Literal('workers'), Type.Literal('redis')], { description: 'How far renewals and logouts are agreed: within this process, between the workers of one `node:cluster` primary, or through `session.redis`. Default: `redis` where `storage` is, else `process`.' })),
  redis: Type.Optional(redis)
}, { additionalProperties: false, description: 'Session configuration, for the authorization code flow.' })
