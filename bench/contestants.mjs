// Who runs: under which name, and how each comes to its requests.
import { askForTokens, logInMany } from './logins.mjs'
import { startApache } from './programs/apache.mjs'
import { startGateway } from './programs/gateway.mjs'
import { API, SCOPE, SECRET } from './stage.mjs'

const NO_REDIS = 'there is no redis-server here'
const COMMON = { security_profile: 'oauth2.1', scope: SCOPE, redirect_uri: '/callback' }

const skip = reason => ({ skip: reason })
const cookies = values => values.map(cookie => ({ cookie }))

async function startBare ({ start, upstream }, name) {
  return { server: await start(name, { upstream: (await upstream()).origin }), headerSets: [{}] }
}

async function startSessions ({ start, upstream, provider }, session) {
  const { options } = await provider('sessions')
  return await start('oidc-session', { upstream: (await upstream()).origin, options: { ...options, ...COMMON, session: { secret: SECRET, ...session } } })
}

/** Sessions of one server, also for others that open the same ones. */
async function sessionsOf ({ remember, provider, sessions }, name, origin) {
  const { issuer } = await provider('sessions')
  return await remember(`sessions ${name}`, () => logInMany(origin, issuer, sessions))
}

async function startCookie (stage) {
  const server = await stage.remember('cookie server', () => startSessions(stage, {}))
  return { server, headerSets: cookies(await sessionsOf(stage, 'cookie', server.origin)) }
}

async function startSameBytes (stage) {
  const [{ server }, oidc] = [await startBare(stage, 'bare'), await startCookie(stage)]
  const { headers } = await (await fetch(`${oidc.server.origin}/request`, { headers: oidc.headerSets[0] })).json()
  return { server, headerSets: oidc.headerSets.map(set => ({ ...set, 'x-access-token': headers['x-access-token'] })) }
}

async function startRedisSessions (stage, clientCache) {
  const redis = await stage.redis()
  if (redis === null) return skip(NO_REDIS)
  const server = await startSessions(stage, { storage: 'redis', redis: { unix_socket: redis.socket, client_cache: clientCache } })
  return { server, headerSets: cookies(await sessionsOf(stage, 'redis', server.origin)) }
}

async function startGateways (stage, workers) {
  const { upstream, provider, cores, folder, keep } = stage
  const { options } = await provider('sessions')
  const on = workers === 1 ? cores?.server : cores?.two
  const server = await keep(startGateway({ folder, cores: on ?? null, upstream: (await upstream()).origin, workers, options: { ...options, ...COMMON, session: { secret: SECRET } } }))
  const shared = workers > 1 && cores?.twoShared !== false
  return { server, headerSets: cookies(await sessionsOf(stage, 'gateway', server.origin)), ...(shared ? { note: 'its cores are also those of the load' } : {}) }
}

async function startBearer (stage, tokenFormat, more) {
  const { options, issuer } = await stage.provider(tokenFormat)
  const server = await stage.start('oidc-bearer', { upstream: (await stage.upstream()).origin, options: { ...options, ...more } })
  const refused = await fetch(`${server.origin}/`)
  if (refused.status !== 401) throw new Error(`without a token the bearer server answers ${refused.status}`)
  const tokens = await stage.remember(`tokens ${tokenFormat}`, () => askForTokens(issuer, API, stage.sessions))
  return { server, headerSets: tokens.map(token => ({ authorization: `Bearer ${token}` })) }
}

async function startPeer (stage, name, { redis } = {}) {
  const { options } = await stage.provider('sessions')
  const server = await stage.start(name, { upstream: (await stage.upstream()).origin, options, scope: SCOPE, secret: SECRET, ...(redis === undefined ? {} : { redis: redis.socket }) })
  return { server, headerSets: cookies(await sessionsOf(stage, name, server.origin)) }
}

async function startFastifySession (stage) {
  const redis = await stage.redis()
  return redis === null ? skip(NO_REDIS) : await startPeer(stage, 'fastify-session', { redis })
}

async function startModAuthOpenidc (stage) {
  const { options } = await stage.provider('sessions')
  const server = await stage.keep(startApache({ folder: stage.folder, cores: stage.cores?.server ?? null, upstream: (await stage.upstream()).origin, options, scope: SCOPE }))
  if (server === null) return skip('there is no apache2 with mod_auth_openidc here (Debian: apt-get install apache2-bin libapache2-mod-auth-openidc)')
  return { server, headerSets: cookies(await sessionsOf(stage, 'apache', server.origin)) }
}

/** In the order of tables. The first is what the others are compared with. `group` is whose work it is. */
export const CONTESTANTS = [
  { name: 'bare', group: 'bare', title: '@fastify/http-proxy, no authentication', start: stage => startBare(stage, 'bare') },
  { name: 'reference', group: 'bare', title: 'the same again (noise)', start: stage => startBare(stage, 'bare') },
  { name: 'bare-same-bytes', group: 'bare', title: '@fastify/http-proxy, as many bytes', start: startSameBytes },
  { name: 'bare-undici', group: 'bare', title: 'Fastify and undici, no authentication', start: stage => startBare(stage, 'bare-undici') },
  { name: 'oidc-cookie', group: 'ours', title: 'fastify-oidc + proxy, cookie session', start: startCookie },
  { name: 'oidc-redis', group: 'ours', title: 'fastify-oidc + proxy, Redis session', start: stage => startRedisSessions(stage, false) },
  { name: 'oidc-redis-cached', group: 'ours', title: 'fastify-oidc + proxy, Redis session, client cache', start: stage => startRedisSessions(stage, true) },
  { name: 'oidc-bearer', group: 'ours', title: 'fastify-oidc + proxy, bearer JWT, cached', start: stage => startBearer(stage, 'jwt', { use_jwks: true }) },
  { name: 'oidc-bearer-uncached', group: 'ours', title: 'fastify-oidc + proxy, bearer JWT, verified each time', start: stage => startBearer(stage, 'jwt', { use_jwks: true, jwt_verification_cache_ignore: true }) },
  { name: 'oidc-introspection', group: 'ours', title: 'fastify-oidc + proxy, introspected, cached', start: stage => startBearer(stage, 'opaque', {}) },
  { name: 'gateway-1', group: 'ours', title: 'oidc-gateway, cookie session, 1 worker', start: stage => startGateways(stage, 1) },
  { name: 'gateway-2', group: 'ours', title: 'oidc-gateway, cookie session, 2 workers', start: stage => startGateways(stage, 2) },
  { name: 'express-openid-connect', group: 'peer', title: 'express-openid-connect + http-proxy-middleware', start: stage => startPeer(stage, 'express-openid-connect') },
  { name: 'secure-session', group: 'peer', title: '@fastify/secure-session + http-proxy, by hand', start: stage => startPeer(stage, 'secure-session') },
  { name: 'fastify-session', group: 'peer', title: '@fastify/session in Redis + http-proxy, by hand', start: startFastifySession },
  { name: 'mod-auth-openidc', group: 'peer', title: 'Apache + mod_auth_openidc, cookie session', start: startModAuthOpenidc }
]
