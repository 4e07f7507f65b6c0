import { StoreUnavailableError } from 'fastify-oidc-session-store'

/** Why Redis does not do it, in words of ours, and what to do about it. */
export interface Failure {
  /** The same for the same cause; says nothing secret. */
  readonly reason: string
  /** The option to look at, or what to do at the server. */
  readonly remedy: string | null
}

interface Coded extends Error {
  readonly code?: unknown
  readonly lastNodeError?: unknown
}

/** Replies of Redis, by their first word. */
const REPLIES: Readonly<Record<string, Failure>> = {
  WRONGPASS: { reason: 'it refuses the user name or password', remedy: 'look at session.redis.username and session.redis.password' },
  NOAUTH: { reason: 'it asks for a password', remedy: 'set session.redis.password' },
  NOPERM: { reason: 'the user may not run a command or touch a key or channel', remedy: 'give the user of session.redis.username the rights that the README lists' },
  OOM: { reason: 'it is out of memory', remedy: 'raise maxmemory of Redis; do not let it evict (maxmemory-policy), or logouts are forgotten' },
  READONLY: { reason: 'it is a replica that takes no writes', remedy: 'point session.redis at the master, or use session.redis.sentinels' },
  LOADING: { reason: 'it is loading its data', remedy: null },
  BUSY: { reason: 'a script keeps it busy', remedy: null },
  MASTERDOWN: { reason: 'it is a replica that has lost its master', remedy: null },
  MISCONF: { reason: 'it cannot write to its disk and takes no writes', remedy: 'look at the log of Redis' },
  NOREPLICAS: { reason: 'it has too few replicas to take writes', remedy: null },
  CLUSTERDOWN: { reason: 'the cluster does not serve all slots', remedy: 'look at CLUSTER INFO of its nodes' },
  TRYAGAIN: { reason: 'the cluster is moving slots', remedy: null },
  MOVED: { reason: 'it is part of a cluster', remedy: 'set session.redis.cluster' },
  DENIED: { reason: 'it is in protected mode', remedy: 'set a password at Redis and in session.redis.password' },
  UNKILLABLE: { reason: 'a script keeps it busy', remedy: null }
}

/** What passes without anybody's doing, or with what the log has told of already. */
const TEMPORARY: readonly string[] = ['OOM', 'READONLY', 'LOADING', 'BUSY', 'MASTERDOWN', 'MISCONF', 'NOREPLICAS', 'CLUSTERDOWN', 'TRYAGAIN', 'MOVED']

const ERR_REPLIES: ReadonlyArray<readonly [RegExp, Failure]> = [
  [/^ERR unknown (sub)?command/i, { reason: 'it does not know a command', remedy: 'use Redis 6 or later' }],
  [/^ERR (invalid )?DB index/i, { reason: 'it has no such database', remedy: 'look at session.redis.database' }],
  [/^ERR SELECT is not allowed in cluster mode/, { reason: 'it is part of a cluster', remedy: 'set session.redis.cluster' }],
  [/^ERR max number of clients reached/, { reason: 'it has too many clients', remedy: 'raise maxclients of Redis' }],
  [/^(ERR invalid password|ERR Client sent AUTH)/, { reason: 'it refuses the user name or password', remedy: 'look at session.redis.username and session.redis.password' }]
]

const VERIFY = 'look at session.redis.ca and session.redis.server_name'

const CODES: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: { reason: 'nothing listens there', remedy: null },
  ECONNRESET: { reason: 'it closed the connection', remedy: 'if it always does, look at session.redis.ssl' },
  EPIPE: { reason: 'it closed the connection', remedy: 'if it always does, look at session.redis.ssl' },
  ETIMEDOUT: { reason: 'it did not take the connection in time', remedy: 'if it takes others, look at session.redis.ssl' },
  EHOSTUNREACH: { reason: 'no way leads there', remedy: null },
  ENETUNREACH: { reason: 'no way leads there', remedy: null },
  ENOTFOUND: { reason: 'its name is not known', remedy: null },
  EAI_AGAIN: { reason: 'its name cannot be looked up now', remedy: null },
  ENOENT: { reason: 'there is no such socket', remedy: 'look at session.redis.unix_socket' },
  EACCES: { reason: 'this process may not open the socket', remedy: 'look at the rights of session.redis.unix_socket' },
  EPROTO: { reason: 'it does not speak TLS, or refuses ours', remedy: 'look at session.redis.ssl' },
  ERR_SSL_WRONG_VERSION_NUMBER: { reason: 'it does not speak TLS', remedy: 'look at session.redis.ssl' },
  ERR_SSL_PACKET_LENGTH_TOO_LONG: { reason: 'it does not speak TLS', remedy: 'look at session.redis.ssl' },
  ERR_TLS_CERT_ALTNAME_INVALID: { reason: 'its certificate is for another name', remedy: VERIFY },
  CERT_HAS_EXPIRED: { reason: 'its certificate has expired', remedy: null },
  DEPTH_ZERO_SELF_SIGNED_CERT: { reason: 'nobody who is trusted vouches for its certificate', remedy: VERIFY },
  SELF_SIGNED_CERT_IN_CHAIN: { reason: 'nobody who is trusted vouches for its certificate', remedy: VERIFY },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: { reason: 'nobody who is trusted vouches for its certificate', remedy: VERIFY },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: { reason: 'nobody who is trusted vouches for its certificate', remedy: VERIFY }
}

const MESSAGES: ReadonlyArray<readonly [RegExp, Failure]> = [
  [/^(Command timed out|Socket timeout)/, { reason: 'it did not answer in time', remedy: null }],
  [/^Send timeout/, { reason: 'it does not take what is sent', remedy: null }],
  [/^All sentinels are unreachable/, { reason: 'no sentinel knows where the master is', remedy: 'look at session.redis.sentinels and session.redis.master_name' }],
  [/^(Failed to refresh slots cache|None of startup nodes is available)/, { reason: 'no node of the cluster answers', remedy: null }],
  [/^(Connection is closed|Reached the max retries|Command aborted|Stream isn't writeable|Cluster is ended|Too many Cluster redirections)/, { reason: 'the connection broke', remedy: null }]
]

const UNKNOWN: Failure = { reason: 'it failed', remedy: null }

function withoutArguments (message: string): string {
  // Redis repeats what it was sent: sessions, and passwords.
  return message.replace(/[,;]? with args beginning with[\s\S]*$/i, '').slice(0, 200)
}

/** Tells what an error of ioredis, Node or Redis means. */
export function explain (error: unknown): Failure {
  if (!(error instanceof Error)) return UNKNOWN
  const { code, message, lastNodeError } = error as Coded
  if (lastNodeError instanceof Error) return explain(lastNodeError)
  // Before Redis 7 the error of a command in a script stands inside the script's.
  const reply = REPLIES[/^([A-Z]+)\b/.exec(message)?.[1] ?? ''] ?? REPLIES[/-([A-Z]+) /.exec(message)?.[1] ?? '']
  return reply ??
    ERR_REPLIES.find(([pattern]) => pattern.test(message))?.[1] ??
    (typeof code === 'string' ? CODES[code] : undefined) ??
    MESSAGES.find(([pattern]) => pattern.test(message))?.[1] ??
    UNKNOWN
}

/** The error for who asked. Its cause is for the log: a message without arguments, because errors of ioredis carry those, passwords and sessions among them. */
export function storeUnavailable (error: unknown): Error {
  const { reason } = explain(error)
  const { code, message } = error as Coded
  const cause = Object.assign(new Error(`${reason}${error instanceof Error ? `: ${withoutArguments(message)}` : ''}`), typeof code === 'string' ? { code } : {})
  return Object.assign(new StoreUnavailableError(), { cause })
}

/** Whether this is a fault of the program and not of Redis, so that nobody takes it for an outage. */
export function isOwnFault (error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError || error instanceof SyntaxError
}

/** Whether a replica has refused this, without running it. */
export function isReadOnly (error: unknown): boolean {
  return error instanceof Error && explain(error) === REPLIES.READONLY
}

/** Whether what Redis has refused may be done later, without another configuration. */
export function isTemporary (error: Error): boolean {
  return TEMPORARY.some(name => REPLIES[name] === explain(error))
}

/** Whether something of another kind stands at the key: who can write to Redis can put it there. */
export function isWrongType (error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE')
}

/** Whether Redis itself has said so, over a connection that stands. Other copies of ioredis have a class of their own. */
export function isReply (error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}
