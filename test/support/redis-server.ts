import { join } from 'node:path'
import { ca, upstreamCertificate } from '../proxy/certificates.ts'
import { freePorts, startRedisProcess, type Owner, type RedisProcess } from './redis-process.ts'

export interface RedisServer extends RedisProcess {
  /** Its unix socket; it listens there too. */
  readonly socket: string
}

export interface RedisServerOptions {
  /** TLS instead of TCP in the clear. The certificate is for `upstream.test` and 127.0.0.1, from the authority that `redisAuthority` is. */
  readonly tls?: 'server' | 'mutual'
  /** The password of the default user. */
  readonly password?: string
  /** ACL users: `app on >password ~* &* +@all`. */
  readonly users?: readonly string[]
  /** More lines of its configuration file. */
  readonly configuration?: readonly string[]
}

/** Vouches for the certificate of a server with TLS. */
export const redisAuthority = ca

/**
 * Starts a Redis of its own on a free port and a unix socket, in some 30 ms, and ends it with its owner. Share one per test file.
 * @example const redis = await startRedis(t)
 */
export async function startRedis (owner: Owner, options: RedisServerOptions = {}): Promise<RedisServer> {
  const [port = 0] = await freePorts(1)
  const tls = options.tls === undefined
    ? []
    : [`tls-port ${port}`, 'tls-cert-file server.crt', 'tls-key-file server.key', 'tls-ca-cert-file ca.crt', `tls-auth-clients ${options.tls === 'mutual' ? 'yes' : 'no'}`]
  const server = await startRedisProcess(owner, {
    port: options.tls === undefined ? port : 0,
    configuration: [
      'unixsocket redis.sock',
      ...tls,
      ...options.password === undefined ? [] : [`requirepass "${options.password}"`],
      ...options.users?.map(user => `user ${user}`) ?? [],
      ...options.configuration ?? []
    ],
    files: options.tls === undefined ? {} : { 'server.crt': upstreamCertificate.cert, 'server.key': upstreamCertificate.key, 'ca.crt': ca },
    admin: {
      port,
      ...options.password === undefined ? {} : { password: options.password },
      ...options.tls === undefined ? {} : { tls: { ca, cert: upstreamCertificate.cert, key: upstreamCertificate.key } }
    },
    up: /ready to accept connections at|the server is now ready/i
  })
  return Object.assign(server, { socket: join(server.folder, 'redis.sock') })
}
