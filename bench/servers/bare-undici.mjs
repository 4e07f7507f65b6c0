// A route of Fastify that hands an undici request's answer to its reply: the least that a proxy of one's own can be.
import fastify from 'fastify'
import { Pool } from 'undici'
import { announce, settings } from '../announce.mjs'

const app = fastify()
const upstream = new Pool(settings.upstream, { connections: 128 })

app.get('/*', async (request, reply) => {
  const { host: _host, connection: _connection, ...headers } = request.headers
  const { statusCode, headers: answered, body } = await upstream.request({ method: 'GET', path: request.raw.url, headers })
  const { connection: _own, 'keep-alive': _keepAlive, 'transfer-encoding': _encoding, ...passed } = answered
  return reply.code(statusCode).headers(passed).send(body)
})
announce(await app.listen({ host: '127.0.0.1', port: 0 }))
